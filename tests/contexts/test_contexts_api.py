"""Context sets in REST: plain homologs under a name."""

from __future__ import annotations

import gzip

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from rest_framework.test import APIClient

from jobs.actions.contexts import context_digest
from jobs.models import ContextSet
from tests.helpers import post

pytestmark = pytest.mark.django_db

HOMOLOGS = b">a\nmktayiakqr\n>b twice\nMKTAYLAKQR*\n>b twice\nMRT\n"
SEQUENCES = ["MKTAYIAKQR", "MKTAYLAKQR", "MRT"]


def create(api, data):
    return post(api, "/api/contexts/", data)


def upload(api, file=HOMOLOGS, filename="my homologs.fasta.gz", **fields):
    data = encode_multipart(BOUNDARY, {"file": SimpleUploadedFile(filename, file), **fields})
    return api.post("/api/contexts/", data, content_type=MULTIPART_CONTENT)


def test_lists_of_sequences(api):
    response = create(api, {"name": "two", "contexts": [["MRT"], SEQUENCES]})
    assert response.status_code == 201, response.content
    shown = api.get(response["Location"]).json()
    assert (shown["name"], shown["count"], shown["source"]) == ("two", 2, "sequences")
    assert [context["digest"] for context in shown["contexts"]] == [context_digest(["MRT"]), context_digest(SEQUENCES)]
    assert shown["contexts"][1] == dict(digest=context_digest(SEQUENCES), sequences=3, residues=23, tokens=35)
    assert "sequences" not in shown
    assert api.get(response["Location"] + "?sequences=true").json()["sequences"] == [["MRT"], SEQUENCES]
    assert shown["tokens"] == 42
    (listed,) = api.get("/api/contexts/").json()["results"]
    assert listed == {key: shown[key] for key in ("name", "url", "source", "count", "tokens", "created_at")}


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_homologs_as_a_file_or_a_raw_body(api, pack):
    made = upload(api, pack(HOMOLOGS))
    assert made.status_code == 201, made.content
    assert (made.json()["name"], made.json()["source"]) == ("my-homologs", "fasta")
    raw = api.post("/api/contexts/?name=raw", pack(HOMOLOGS), content_type="text/x-fasta")
    assert raw.status_code == 201, raw.content
    assert (
        [c["digest"] for c in made.json()["contexts"]]
        == [context_digest(SEQUENCES)]
        == [c["digest"] for c in raw.json()["contexts"]]
    )


def test_a_name_is_taken_once_and_free_again(api):
    assert create(api, {"name": "x", "sequences": SEQUENCES}).status_code == 201
    assert create(api, {"name": "x", "sequences": SEQUENCES}).status_code == 201
    taken = create(api, {"name": "x", "sequences": ["MRT"]})
    assert (taken.status_code, taken.json()["code"]) == (409, "context_set_exists")
    assert ContextSet.objects.count() == 1
    assert api.delete("/api/contexts/x/").status_code == 204
    assert api.delete("/api/contexts/x/").status_code == 404
    assert create(api, {"name": "x", "sequences": ["MRT"]}).status_code == 201


def test_nobody_sees_the_sets_of_others(api, other_api):
    create(api, {"name": "x", "sequences": SEQUENCES})
    assert other_api.get("/api/contexts/").json()["results"] == []
    assert other_api.get("/api/contexts/x/").status_code == 404
    assert other_api.delete("/api/contexts/x/").status_code == 404
    assert APIClient().get("/api/contexts/").status_code == 401
    assert api.get("/api/contexts/x/").status_code == 200


@pytest.mark.parametrize(
    ("data", "code", "path"),
    [
        ({"sequences": ["MKT"]}, "bad_name", "name"),
        ({"name": "x"}, "no_contexts", "contexts"),
        ({"name": "x", "contexts": []}, "no_contexts", "contexts"),
        ({"name": "x", "contexts": [["MKT"]], "sequences": ["MKT"]}, "no_contexts", "contexts"),
        ({"name": "x", "contexts": "MKT"}, "wrong_type", "contexts"),
        ({"name": "x", "contexts": ["MKT"]}, "wrong_type", "contexts.0"),
        ({"name": "x", "contexts": [None]}, "wrong_type", "contexts.0"),
        ({"name": "x", "contexts": [["MKT", 3]]}, "wrong_type", "contexts.0.1"),
        ({"name": "x", "sequences": ["MKT", "M-T"]}, "bad_letter", "contexts.0.1"),
        ({"name": "x", "sequences": ["MKT"], "colour": 1}, "unknown_field", "colour"),
    ],
)
def test_refused_bodies(api, data, code, path):
    response = create(api, data)
    assert (response.status_code, response.json()["code"]) == (400, code), response.content
    assert response.json()["errors"][0]["path"] == path


@pytest.mark.parametrize(
    ("file", "code", "line"),
    [
        (b">a\nMKT\n>b\nMK-T\n", "bad_letter", 4),
        (b">a\nMKT\n>b\n", "empty_context", 3),
        (b"", "empty_context", None),
        (b">a\nMK?T\n", "mask_in_context", 2),
    ],
)
def test_refused_files(api, file, code, line):
    response = upload(api, file)
    assert (response.status_code, response.json()["code"]) == (400, code), response.content
    assert response.json()["errors"][0].get("line") == line
    assert not ContextSet.objects.exists()
