"""Alignments as people have them, at every entrance: REST as a form and as a raw body, and the page."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from jobs.library.alignments import alignment_load
from jobs.models import Alignment
from tests.alignments.cases import READ, REFUSED, content, name
from tests.helpers import stored_alignment, text_of, upload_alignment

pytestmark = pytest.mark.django_db

QUERY, HOM = "MKTAYIAKQRQISFVKSHFSRQ", "MKTAYIAKQRQISFVRSHFSRE"


def options(case):
    return {"skip_empty": "true"} if case.get("skip_empty") else {}


@pytest.mark.parametrize("case", READ, ids=name)
def test_files_are_read_by_rest_and_say_what_was_changed(api, case):
    body = stored_alignment(api, content(case), case["file"], **options(case))
    stored = Alignment.objects.get(pk=body["id"])
    assert list(alignment_load(stored).names) == case["rows"]
    assert (body["depth"], body["skipped_count"]) == (len(case["rows"]), len(case["skipped"]))
    assert [problem["code"] for problem in body["skipped"]] == case["skipped"]
    assert [note["code"] for note in body["notes"]] == case["notes"]
    assert api.get(body["url"]).json() == body


@pytest.mark.parametrize("case", READ, ids=name)
def test_raw_bodies_are_read_the_same_way(api, case):
    query = "&skip_empty=true" if options(case) else ""
    media_type = "application/gzip" if case["file"].endswith(".gz") else "text/x-a3m"
    answer = api.post(f"/api/alignments/?name=raw{query}", content(case), content_type=media_type)
    assert answer.status_code == 201, answer.content
    body = answer.json()
    assert (body["depth"], body["skipped_count"]) == (len(case["rows"]), len(case["skipped"]))
    assert [note["code"] for note in body["notes"]] == case["notes"]


@pytest.mark.parametrize("case", REFUSED, ids=name)
def test_refusals_name_the_row_once_with_a_remedy(api, browser, case):
    answer = upload_alignment(api, content(case), case["file"])
    assert (answer.status_code, answer.json()["code"]) == (400, case["refused"])
    (problem,) = answer.json()["errors"]
    assert problem.get("line") == case["line"]
    assert problem["remedy"]
    shown = browser.post("/contexts/", {"do": "upload", "file": SimpleUploadedFile(case["file"], content(case))})
    assert shown.status_code == 400
    assert case["line"] is None or f"line {case['line']}" in text_of(shown).lower()
    assert problem["remedy"].split(":")[0].split(" (")[0].split(", or")[0] in text_of(shown)
    assert not Alignment.objects.exists()


@pytest.mark.parametrize("case", READ, ids=name)
def test_the_page_says_what_was_left_out_and_changed(browser, case):
    file = SimpleUploadedFile(case["file"], content(case))
    answer = browser.post("/contexts/", {"do": "upload", "file": file, **options(case)})
    assert answer.status_code == 302, text_of(answer)
    page = text_of(browser.get(answer["Location"]))
    stored = Alignment.objects.get()
    left = len(case["skipped"])
    assert (f"{left} row{'s' * (left > 1)} left out" in page) == bool(left)
    for problem in [*stored.skipped, *stored.notes]:
        message = problem["message"]
        assert message[:1].upper() + message[1:] in page or message in page


def test_another_file_with_the_same_rows_tells_what_was_changed_in_it(api):
    plain = f">query\n{QUERY}\n>hom1\n{HOM}\n"
    first = stored_alignment(api, plain.encode())
    again = stored_alignment(api, f">ss_pred\n{'C' * 22}\n{plain}".replace(QUERY, QUERY.lower()).encode())
    assert again["id"] == first["id"]
    assert [problem["code"] for problem in again["skipped"]] == ["annotation_row"]
    assert [note["code"] for note in again["notes"]] == ["lower_case_query"]
    assert stored_alignment(api, plain.encode())["skipped_count"] == 0


def test_remedies_of_the_page_work(browser):
    text = f">query\n{QUERY}\n>hom1 empty\n>hom2\n{HOM}\n".encode()

    def upload(data=text, **fields):
        return browser.post("/contexts/", {"do": "upload", "file": SimpleUploadedFile("a.a3m", data), **fields})

    refused = upload()
    shown = unescape(re.sub(r"\s+", " ", refused.content.decode()))
    label = re.search(r"or tick “([^”]*)”", text_of(refused))[1]
    field = re.search(rf'name="(\w+)"[^>]*><label[^>]*>{label}<', shown)[1]
    assert upload(**{field: "true"}).status_code == 302
    unaligned = f">query\n{QUERY}\n>hom1\n{HOM[:-3]}\n".encode()
    assert "store plain homologs with the form below" in text_of(upload(unaligned))
    homologs = {"do": "homologs", "file": SimpleUploadedFile("homologs.fasta", unaligned)}
    assert browser.post("/contexts/", homologs).status_code == 302


def test_remedies_of_rest_work(api):
    unaligned = f">query\n{QUERY}\n>hom1\n{HOM[:-3]}\n".encode()
    (problem,) = upload_alignment(api, unaligned).json()["errors"]
    assert "send plain homologs as a context set" in problem["remedy"]
    answer = api.post("/api/contexts/", {"file": SimpleUploadedFile("h.fasta", unaligned)})
    assert answer.status_code == 201
    wrong = {"parent": HOM}
    (problem,) = upload_alignment(api, f">query\n{QUERY}\n>hom1\n{HOM}\n".encode(), **wrong).json()["errors"]
    assert "(add_parent)" in problem["remedy"]
    assert stored_alignment(api, f">query\n{QUERY}\n>hom1\n{HOM}\n".encode(), **wrong, add_parent="true")["depth"] == 2


def test_the_remedy_of_a_form_without_a_file_works(api):
    (problem,) = api.post("/api/alignments/", {"name": "x"}).json()["errors"]
    assert (problem["code"], problem["remedy"]) == ("no_file", "Send the alignment in the field `file`.")
    file = SimpleUploadedFile("x.fasta", f">query\n{QUERY}\n>hom1\n{HOM}\n".encode())
    assert api.post("/api/alignments/", {"name": "x", "file": file}).status_code == 201
