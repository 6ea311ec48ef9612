"""Bodies and addresses that are small to send and large to handle, and text that Postgres cannot store."""

from __future__ import annotations

import gzip
import tracemalloc

import pytest

from jobs.errors import InvalidInput, TooLarge
from jobs.limits import MAX_JSON_VALUES, SHOWN_MESSAGE
from jobs.web.rest.bodies import parse_object
from tests.helpers import body

pytestmark = pytest.mark.django_db

MIB = 1024 * 1024
EMPTY = b'{"items": [' + b",".join([b"{}"] * (MAX_JSON_VALUES // 2)) + b"]}"
ADDRESSES = ["/api/jobs/", "/api/estimate/", "/api/v3/e1-demo/encode/", "/api/contexts/", "/api/webhooks/"]


def send(api, path, data, **headers):
    return api.post(path, data, content_type="application/json", headers=headers)


@pytest.mark.parametrize("path", ADDRESSES)
@pytest.mark.parametrize("packed", [True, False])
def test_a_body_of_empty_objects_is_refused_before_anything_is_built(api, path, packed):
    data = EMPTY * 4 if not packed else gzip.compress(EMPTY * 4)
    answer = send(api, path, data, **({"Content-Encoding": "gzip"} if packed else {}))
    assert answer.status_code == 413
    assert body(answer)["code"] in ("too_many_values", "gzip_ratio")


def test_refusing_values_takes_no_memory_to_speak_of():
    data = EMPTY * 10
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge, match="values"):
            parse_object(data)
        assert tracemalloc.get_traced_memory()[1] < 3 * len(data)
    finally:
        tracemalloc.stop()


def test_commas_in_text_are_no_values():
    name = "," * (2 * MAX_JSON_VALUES)
    assert parse_object(b'{"name": "%s"}' % name.encode()) == {"name": name}


@pytest.mark.parametrize("path", ADDRESSES)
def test_what_follows_a_gzip_body_is_refused_at_once(api, path):
    data = gzip.compress(b"{}") + b"\0" * (8 * MIB)
    answer = send(api, path, data, **{"Content-Encoding": "gzip"})
    assert (answer.status_code, body(answer)["code"]) == (400, "bad_gzip")


def test_a_second_gzip_member_is_refused(api):
    answer = send(api, "/api/estimate/", gzip.compress(b"{}") * 2, **{"Content-Encoding": "gzip"})
    assert (answer.status_code, body(answer)["code"]) == (400, "bad_gzip")


def test_a_body_that_packs_too_well_is_refused(api):
    data = gzip.compress(b'{"name": "%s"}' % (b" " * (8 * MIB)))
    answer = send(api, "/api/estimate/", data, **{"Content-Encoding": "gzip"})
    assert (answer.status_code, body(answer)["code"]) == (413, "gzip_ratio")


def test_a_message_quotes_a_part_of_what_it_refuses(api):
    layers = ",".join(["99"] * 200_000)
    answer = send(
        api,
        "/api/estimate/",
        b'{"model": "e1-demo", "action": "encode", "params": {"repr_layers": [%s]}}' % layers.encode(),
    )
    assert answer.status_code == 400
    assert len(answer.content) < 10 * SHOWN_MESSAGE


QUERIES = [f"/api/jobs/?{name}=a%00b" for name in ("model", "action", "search", "state")]
PATHS = [
    "/api/jobs/%00/",
    "/api/contexts/a%00b/",
    "/jobs/?search=%00",
    "/login/?next=%00",
    "/api/v3/e1-demo%00/encode/",
]


@pytest.mark.parametrize("address", [*QUERIES, *PATHS])
def test_a_nul_in_an_address_is_named(api, address):
    answer = api.get(address)
    assert answer.status_code == 400
    assert b"NUL" in answer.content


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (r'{"name": "a\u0000b"}', "name"),
        (r'{"contexts": [{"set": "\u0000"}]}', "contexts.0.set"),
        (r'{"params": {"contexts": [{"digest": "a\u0000"}]}}', "params.contexts.0.digest"),
        (r'{"\u0000": 1}', ""),
        (r'{"items": [{"a\u0000b": 1}]}', "items.0"),
    ],
)
def test_a_nul_in_json_is_named_with_its_place(text, path):
    with pytest.raises(InvalidInput) as caught:
        parse_object(text.encode())
    assert caught.value.code == "bad_character"
    assert (caught.value.problems[0].path or "") == path


def test_a_backslash_before_u0000_is_no_nul():
    assert parse_object(rb'{"name": "a\\u0000b"}') == {"name": r"a\u0000b"}


def test_lone_surrogates_are_refused_in_json():
    with pytest.raises(InvalidInput):
        parse_object(rb'{"name": "\ud800"}')


def test_a_nul_in_a_form_of_rest_is_named(api):
    answer = api.post("/api/jobs/", {"name": "a\0b", "file": ""}, format="multipart")
    assert (answer.status_code, body(answer)["code"]) == (400, "bad_character")


def test_a_nul_in_a_form_of_a_page_is_named(client, person):
    client.force_login(person)
    answer = client.post("/jobs/new/", {"name": "a\0b", "complete": "1"})
    assert answer.status_code == 400
    assert b"NUL" in answer.content
