"""Wild bodies and files of campaigns: refused with a code, never an error of the server, and nothing is stored."""

from __future__ import annotations

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import override_settings

from jobs.campaigns.selectors import training_of
from jobs.models import Campaign, Measurement, Property, PropertyModel, Quota, Round
from jobs.quotas.usage import use_of

pytestmark = pytest.mark.django_db

PARENT = "MKTAYIAKQRQISFVKSHFSRQ"
WILD = [
    None, True, -1, 0, 2**31, 2**63, 1e300, "", " ", "NaN", [], {}, [[]], [{}], [None], {"a": 1},
    "x" * 3_000, ["x"] * 300, "\u0000", "\ufffe", "1-", "A1\n",
]  # fmt: skip
"""Values for any field."""
RAW = [b"NaN", b"Infinity", b"1e999", b'"\\ud800"', b'"\\u0000"', b"9" * 5_000, b"[" * 300 + b"]" * 300]
"""JSON texts for any field."""
BODIES = {
    "": {"name": "c", "parent": PARENT, "model": "e1-demo", "numbering": {"start": 3, "skip": [5]}, "cds": None,
         "context_set": None, "alignment": None, "host": None, "exclude": ["3"]},
    "properties/": {"name": "p", "unit": "U", "higher_is_better": True, "log": False, "limits": [0, 1],
                    "threshold": 0.5, "normalisation": "none"},
    "models/": {"property": "activity", "prior": "auto", "features": "auto", "seed": 1},
    "models/1/predictions/": {"variants": ["K4A"], "all_singles": None, "combinations": None},
    "proposals/": {"objectives": [{"model": 1, "threshold": 0}], "count": 2, "strategy": "ucb", "pool": ["T5A"],
                   "plate": None, "max_per_position": 1, "mutations": [1, 2], "exclude": [], "seed": 0},
}  # fmt: skip


@pytest.fixture
def url(api) -> str:
    answer = api.post("/api/campaigns/", {"name": "c", "parent": PARENT, "model": "e1-demo"}, format="json")
    url = answer.json()["url"]
    assert (
        api.post(f"{url}properties/", {"name": "activity", "higher_is_better": True}, format="json").status_code == 201
    )
    return url


def upload(api, url, content: bytes, **fields):
    return api.post(f"{url}measurements/", {"file": SimpleUploadedFile("a.csv", content), **fields}, format="multipart")


@pytest.mark.slow
@pytest.mark.parametrize("path", BODIES)
def test_wild_values_of_any_field(api, url, path):
    address = f"{url}{path}" if path else "/api/campaigns/"
    sent = 0
    for field in BODIES[path]:
        for wild in (*(json.dumps(one).encode() for one in WILD), *RAW):
            parts = {name: json.dumps(value).encode() for name, value in BODIES[path].items()} | {field: wild}
            body = b"{" + b",".join(b'"%s":%s' % (name.encode(), value) for name, value in parts.items()) + b"}"
            with override_settings(E1_QUOTA_BACKGROUND=0):
                answer = api.post(address, body, content_type="application/json")
            sent += 1
            assert answer.status_code in (201, 202, 400, 404, 409, 413), (field, wild[:60], answer.content)
            if answer.status_code >= 400:
                assert answer.json()["code"]
                assert answer.json()["detail"]
    assert sent == len(BODIES[path]) * (len(WILD) + len(RAW))


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\x00", b"PK\x03\x04 not a book", b"variant,activity\n", b"variant,activity\nK2A,1e999\n",
        b"variant,activity\nK2A,nan\nK2A,inf\n", b"variant,activity\nK2A\n", b"\xff\xfe\x00\xd8variant",
        b"variant,activity\n\x00,1\n", b"variant,well,activity\nK2A,A\x001,1\n", b"activity\n1\n", b"a,a,a\n1,2,3\n",
        b"variant,activity\n" + b"K2A,1\n" * 3 + b'"unclosed,1\n', b"well,plate,activity\nA1,1,2\n",
    ],
)  # fmt: skip
def test_wild_files(api, url, content):
    answer = upload(api, url, content)
    assert answer.status_code in (201, 400, 413), answer.content
    body = answer.json()
    if answer.status_code == 201:
        names = ("matched", "failed", "censored", "unchanged", "unreadable")
        assert body["read"] == sum(body[name] for name in names)
        assert Measurement.objects.count() == body["n"]
    else:
        assert body["code"]
        assert not Measurement.objects.exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"round": "0"}, {"round": "x"}, {"round": "9" * 40}, {"columns": "[1]"}, {"columns": "{"},
        {"columns": '{"activity":"kcat"}'}, {"property": "other"}, {"colour": "red"},
    ],
)  # fmt: skip
def test_wild_fields_of_an_upload(api, url, fields):
    answer = upload(api, url, b"variant,activity\nK2A,1\n", **fields)
    assert answer.status_code in (400, 404), answer.content
    assert answer.json()["code"]
    assert not Measurement.objects.exists()


def test_absurd_numbers_are_counted_and_reach_no_model(api, url):
    wanted = {"name": "ratio", "higher_is_better": True, "normalisation": "wild_type_ratio"}
    assert api.post(f"{url}properties/", wanted, format="json").status_code == 201
    rows = b"WT,1e-300\nK2A,1e300\nT3A,2e-300\nA4G,-1e308\nWT,1e-300\n"
    assert upload(api, url, b"variant,ratio\n" + rows).status_code == 201
    found = training_of(Property.objects.get(name="ratio"))
    assert sorted(row[0] for row in found.rows) == ["T3A", "WT"]
    assert found.counts["too_large"] == 2
    answer = api.post(f"{url}models/", {"property": "ratio"}, format="json")
    assert answer.status_code == 202
    assert answer.json()["counts"]["too_large"] == 2


def test_a_plate_without_reference_is_counted(api, url):
    wanted = {"name": "ratio", "higher_is_better": True, "normalisation": "wild_type_ratio"}
    assert api.post(f"{url}properties/", wanted, format="json").status_code == 201
    rows = b"1,A1,WT,2\n1,A2,K2A,4\n2,A1,T3A,6\n3,A1,K2A,8\n3,A2,A4G,2\n"
    assert upload(api, url, b"plate,well,variant,ratio\n" + rows).status_code == 201
    found = training_of(Property.objects.get(name="ratio"))
    # Plate 3 is bridged by K2A, whose ratio is 2, so that its factor is 4. Plate 2 has neither.
    assert {row[0]: row[1] for row in found.rows} == {"WT": 1, "K2A": 2, "A4G": 0.5}
    assert found.counts["wells_without_reference"] == 1


def test_the_quota_of_background_work_holds(api, url):
    with override_settings(E1_QUOTA_BACKGROUND=2):
        answers = [api.post(f"{url}models/", {"property": "activity"}, format="json") for _ in range(3)]
    assert [one.status_code for one in answers] == [202, 202, 429]
    assert answers[2].json()["code"] == "quota_background"
    assert PropertyModel.objects.count() == 2


def test_the_storage_of_a_user_holds(api, url, person):
    Quota.objects.update_or_create(user=person, defaults={"stored_bytes": 60})
    assert upload(api, url, b"variant,activity\nK2A,1\n").json()["code"] == "quota_stored_bytes"
    assert not Measurement.objects.exists()
    answer = api.post("/api/campaigns/", {"name": "c", "parent": PARENT * 3, "model": "e1-demo"}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (413, "quota_stored_bytes")
    assert Campaign.objects.count() == 1
    assert not Round.objects.exists()


def test_what_a_campaign_keeps_is_counted_and_its_owner_is_not_deleted_by_mistake(api, url, person):
    before = use_of(person.pk).stored_bytes
    assert upload(api, url, b"variant,activity\nK2A,1\nT3A,2\n").status_code == 201
    assert use_of(person.pk).stored_bytes == before + 2 * 103
    with pytest.raises(CommandError, match="has 0 jobs and 1 campaign; use `deactivate`"):
        call_command("e1_user", "delete", person.username)
    call_command("e1_user", "delete", person.username, "--with-jobs")
    assert not Measurement.objects.exists()
