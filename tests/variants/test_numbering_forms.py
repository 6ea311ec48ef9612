"""The fields and files of a numbering: in the form for a new job, in requests, and beside measurements."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from jobs.models import Assay, Job
from tests.factories import SHORT, finished, pdb, scored, sent
from tests.helpers import text_of, upload_assay

pytestmark = pytest.mark.django_db

LETTERS = {"labels": "51-52, 52A-52B, 53-58"}
"""SHORT as M51 K52 T52A A52B Y53 I54 A55 K56 Q57 R58."""


def form_of(browser, **fields):
    whole = {"model": "e1-demo", "action": "score", "on_invalid": "reject", "key": "k", "complete": "1"}
    whole |= {"method": "wildtype_marginal", **fields}
    return browser.post("/jobs/new/", whole)


def newest():
    return Job.objects.latest("created_at")


def test_the_form_takes_skipped_numbers_and_shows_them_again(browser):
    answer = form_of(browser, parent=SHORT, sequences="M3A\nA7G", offset="2", skip="5, 8")
    assert answer.status_code == 302, text_of(answer)
    assert newest().params["numbering"] == {"start": 3, "skip": [5, 8]}
    assert "offset 2, without 5, 8" in text_of(browser.get(answer["Location"]))
    again = browser.get("/jobs/new/", {"from": newest().pk}).content.decode()
    assert re.search(r'name="offset"[^>]*value="2"', again)
    assert re.search(r'name="skip" value="5, 8"', again)


def test_the_form_takes_a_number_for_each_residue(browser):
    answer = form_of(browser, parent=SHORT, all_singles="1", labels="51-52 52A-52B, 53-58")
    assert answer.status_code == 302, text_of(answer)
    job = newest()
    assert job.params["numbering"] == LETTERS
    assert job.items.filter(sequence="T52AS").exists()
    again = browser.get("/jobs/new/", {"from": job.pk}).content.decode()
    assert ">51-52, 52A-52B, 53-58</textarea>" in again


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"labels": "51-52, 52A-52B"}, "4 numbers, and the sequence 10 residues"),
        ({"labels": LETTERS["labels"], "offset": "2"}, "There are the numbers of all residues, and an offset"),
        ({"labels": "51, 5xy"}, "is not the number of a residue"),
        ({"skip": "52A"}, "52A is among the skipped numbers"),
        ({"skip": "1"}, "The number 1 is skipped, and the first residue has the number 1"),
    ],
)
def test_what_is_wrong_with_a_numbering_is_said_beside_its_field(browser, fields, words):
    answer = form_of(browser, parent=SHORT, sequences="M51A", **fields)
    assert answer.status_code == 400
    slot = re.search(
        r'<div class="field-problem" id="problem-numbering" data-slot>(.*?)</div>', answer.content.decode()
    )
    assert words in unescape(slot[1])


def test_positions_in_the_form_are_the_numbers_of_residues(browser):
    answer = form_of(browser, action="scan", sequences=SHORT, labels=LETTERS["labels"], positions="52-53, 58")
    assert answer.status_code == 302, text_of(answer)
    assert newest().params["positions"] == [2, 3, 4, 5, 10]
    assert "52-53, 58" in text_of(browser.get(answer["Location"]))
    again = browser.get("/jobs/new/", {"from": newest().pk}).content.decode()
    assert 'name="positions" value="52-53, 58"' in again


TABLE = b"residue,number\n" + b"".join(
    f"{a},{n}\n".encode() for a, n in zip(SHORT, ["51", "52", "52A", "52B", *map(str, range(53, 59))], strict=True)
)


def numbers(data=TABLE, name="numbers.csv"):
    return SimpleUploadedFile(name, data)


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "score", "parent": SHORT, "sequences": "T52AS"},
        {"action": "score", "parent": SHORT, "all_singles": "1"},
        {"action": "scan", "sequences": f">a\n{SHORT}\n", "positions": "52A"},
        {"action": "scan", "file": SimpleUploadedFile("a.fasta", f">a\n{SHORT}\n".encode())},
    ],
)
def test_the_form_takes_a_file_with_the_numbers(browser, fields):
    answer = form_of(browser, numbering_file=numbers(), **fields)
    assert answer.status_code == 302, text_of(answer)
    assert newest().params["numbering"] == LETTERS
    if "positions" in fields:
        assert newest().params["positions"] == [3]


def test_the_form_takes_the_numbers_of_a_structure_for_an_earlier_library(browser, api):
    earlier = sent(api, "scan", [{"sequence": SHORT}])
    answer = form_of(
        browser, action="scan", numbering_file=numbers(pdb(SHORT, missing=1), "a.pdb"), **{"from": earlier["id"]}
    )
    assert answer.status_code == 302, text_of(answer)
    job = newest()
    assert job.params["numbering"] == {"labels": "1-10"}
    assert [warning["code"] for warning in job.warnings] == ["numbers_filled"]


def test_two_numberings_and_files_of_another_protein_are_refused_beside_the_field(browser):
    both = form_of(browser, parent=SHORT, sequences="M3A", offset="2", numbering_file=numbers())
    other = form_of(browser, parent=SHORT[::-1], sequences="R1A", numbering_file=numbers())
    for answer, words in ((both, "There are a file with a numbering"), (other, "Line 2 has M at position 1")):
        assert answer.status_code == 400
        slot = re.search(r'id="problem-numbering" data-slot>(.*?)</div>', answer.content.decode())
        assert words in unescape(slot[1])


def upload(api, action, library, **fields):
    params = fields.pop("params", {})
    return api.post(
        "/api/jobs/",
        {
            "model": "e1-demo",
            "action": action,
            "params": json.dumps(params),
            "file": SimpleUploadedFile("in.txt", library),
            **fields,
        },
    )


def test_a_multipart_request_brings_a_file_with_the_numbers(api):
    answer = upload(api, "score", b"T52AS\nY53F\n", params={"parent": SHORT}, numbering_file=numbers())
    assert answer.status_code == 202, answer.content
    assert answer.json()["params"]["numbering"] == LETTERS
    answer = upload(api, "scan", f">a\n{SHORT}\n".encode(), numbering_file=numbers(), numbering_column="number")
    assert answer.json()["params"]["numbering"] == LETTERS
    cut = upload(api, "scan", f">a\n{SHORT}\n>b\n{SHORT[:5]}\n".encode(), numbering_file=numbers())
    assert cut.status_code == 400, cut.content
    assert (cut.json()["errors"][0]["code"], cut.json()["errors"][0]["record"]) == ("bad_numbering", "b")


@pytest.mark.parametrize(
    ("action", "fields", "code"),
    [
        ("score", {"params": {"parent": SHORT, "offset": 3}}, "two_numberings"),
        ("score", {"params": {"parent": SHORT}, "numbering_column": "kabat"}, "missing_column"),
        ("score", {"params": {}}, "missing_parent"),
        ("log_prob", {}, "unknown_parameter"),
        (
            "score",
            {"params": {"parent": SHORT}, "numbering_file": numbers(pdb("GGGGWWWWPPPP"), "a.pdb")},
            "structure_mismatch",
        ),
    ],
)
def test_a_file_with_numbers_that_does_not_fit_is_refused(api, action, fields, code):
    answer = upload(api, action, b"M51A\n", **{"numbering_file": numbers(), **fields})
    assert answer.status_code == 400, answer.content
    assert answer.json()["errors"][0]["code"] == code
    assert answer.json()["errors"][0]["remedy"]


def test_jobs_from_picks_keep_the_numbering(api, browser, inline_worker):
    job = scored(api, inline_worker, ["T52AS", "K52R"], numbering=LETTERS)
    form = browser.get("/jobs/new/", {"ranked": job["id"]}).content.decode()
    assert ">51-52, 52A-52B, 53-58</textarea>" in form
    assert "&gt;T52AS" in form
    scan = finished(api, inline_worker, "scan", [{"sequence": SHORT}], numbering=LETTERS, method="wildtype_marginal")
    form = browser.get("/jobs/new/", {"ranked": scan["id"], "item": "0"}).content.decode()
    assert ">51-52, 52A-52B, 53-58</textarea>" in form


# --- measurements ---------------------------------------------------------------------------------------------------

MEASURED = "mutant,score\nT52AS,1\nK52R,2\nTyr53Phe,3\n"


@pytest.fixture
def lettered(api):
    return sent(api, "score", [{"variant": "T52AS"}], parent=SHORT, numbering=LETTERS)


@pytest.fixture
def plain(api):
    return sent(api, "score", [{"variant": "T3S"}], parent=SHORT)


def test_measurements_have_the_numbering_of_their_job(api, lettered, browser):
    made = upload_assay(api, lettered, MEASURED)
    assert made.status_code == 201, made.content
    assert (made.json()["offset"], made.json()["numbering"]) == (0, LETTERS)
    assert made.json()["counts"]["unreadable"] == 0
    page = f"/jobs/{lettered['id']}/assays/"
    assert ">51-52, 52A-52B, 53-58</textarea>" in browser.get(page).content.decode()
    assert "Numbering: 51-52, 52A-52B, 53-58." in text_of(browser.get(f"{page}{made.json()['id']}/"))


@pytest.mark.parametrize(
    "fields",
    [
        {"numbering": json.dumps(LETTERS)},
        {"numbering_file": numbers()},
        {"labels": "51-52, 52A, 52B, 53-58"},
    ],
)
def test_measurements_may_have_a_numbering_of_their_own(api, plain, fields):
    refused = upload_assay(api, plain, MEASURED)
    assert refused.status_code == 400
    made = upload_assay(api, plain, MEASURED, **fields)
    assert made.status_code == 201, made.content
    assert made.json()["numbering"] == LETTERS
    assert made.json()["counts"]["unreadable"] == 0


def test_measurements_with_skipped_numbers(api, plain):
    made = upload_assay(api, plain, "mutant,score\nM3A,1\nT6S,2\n", offset="2", skip="5")
    assert made.json()["numbering"] == {"start": 3, "skip": [5]}
    offset = upload_assay(api, plain, "mutant,score\nM3A,1\n", numbering='{"offset": 2}')
    assert (offset.json()["offset"], offset.json()["numbering"]) == (2, None)


@pytest.mark.parametrize(
    ("fields", "code", "path"),
    [
        ({"numbering": "{"}, "bad_numbering", "numbering"),
        ({"numbering": '{"labels": "1-9"}'}, "bad_numbering", "numbering"),
        ({"numbering": json.dumps(LETTERS), "offset": "2"}, "two_numberings", "numbering"),
        ({"labels": "1-10", "skip": "5"}, "two_numberings", "numbering"),
        ({"skip": "a"}, "bad_numbering", "numbering"),
        ({"offset": "a", "skip": "5"}, "bad_offset", "offset"),
        ({"numbering_file": numbers(b"number\n1\n")}, "bad_numbering", "numbering"),
    ],
)
def test_a_wrong_numbering_of_measurements_is_refused_beside_its_field(api, browser, plain, fields, code, path):
    answer = upload_assay(api, plain, MEASURED, **fields)
    assert answer.status_code == 400, answer.content
    fault = answer.json()["errors"][0]
    assert (fault["code"], fault["path"]) == (code, path)
    assert fault["remedy"]
    file = SimpleUploadedFile("measured.csv", MEASURED.encode())
    page = browser.post(f"/jobs/{plain['id']}/assays/", {"file": file, **fields}).content.decode()
    assert re.search(rf'id="problem-{path}" data-slot><p', page)
    assert not Assay.objects.exists()
