"""Annotation tracks beside a scan: REST, the page, and who may do what."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from jobs.models import Annotation
from jobs.quotas import usage
from tests.factories import SHORT, finished, scored
from tests.helpers import text_of

pytestmark = pytest.mark.django_db

TABLE = "name,kind,start,end\nactive site,site,22,22\nfirst half,domain,21,25\n"


@pytest.fixture
def scan(api, inline_worker):
    return finished(api, inline_worker, "scan", [{"sequence": SHORT}], method="wildtype_marginal", offset=20)


def upload(api, job, text=TABLE, name="features.csv", **fields):
    file = SimpleUploadedFile(name, text.encode())
    return api.post(f"/api/jobs/{job['id']}/annotations/", {"file": file, **fields})


def test_a_table_is_laid_over_a_scan(api, scan):
    made = upload(api, scan)
    assert made.status_code == 201, made.content
    body = made.json()
    assert made["Location"] == body["url"]
    assert (body["name"], body["item"], body["notes"]) == ("features.csv", 0, [])
    assert body["features"] == [
        {"start": 1, "end": 5, "start_number": "21", "end_number": "25", "name": "first half", "kind": "domain"},
        {"start": 2, "end": 2, "start_number": "22", "end_number": "22", "name": "active site", "kind": "site"},
    ]
    assert api.get(body["url"]).json() == body
    assert api.get(f"/api/jobs/{scan['id']}/annotations/").json() == {"results": [body]}
    assert usage.attached_bytes_of(scan["id"]) == Annotation.objects.get().size > 0
    assert api.delete(body["url"]).status_code == 204
    assert api.get(body["url"]).status_code == 404


def test_a_bad_table_is_refused_with_line_and_remedy(api, scan):
    answer = upload(api, scan, "start,end,name\n21,22,a\n5,22,b\n")
    assert answer.status_code == 400
    (problem,) = answer.json()["errors"]
    assert (problem["code"], problem["line"]) == ("bad_range", 3)
    assert "which are 21 to 30" in problem["message"]
    assert Annotation.objects.count() == 0
    skipped = upload(api, scan, "start,end,name\n21,22,a\n5,22,b\n", on_invalid="skip")
    assert skipped.status_code == 201
    assert [note["code"] for note in skipped.json()["notes"]] == ["bad_rows"]


def test_only_scans_have_annotations_and_only_twenty(api, inline_worker, scan):
    job = scored(api, inline_worker, ["M1A"])
    answer = upload(api, job)
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_action")
    assert upload(api, scan, item=3).json()["errors"][0]["code"] == "no_such_item"
    for _ in range(20):
        assert upload(api, scan).status_code == 201
    answer = upload(api, scan)
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_attachments")


def test_the_page_takes_lists_and_removes_them(browser, scan):
    page = f"/jobs/{scan['id']}/items/0/"
    file = SimpleUploadedFile("features.csv", TABLE.encode())
    sent = browser.post(f"{page}annotations/", {"file": file})
    assert (sent.status_code, sent["Location"]) == (302, f"{page}#tracks")
    html = browser.get(page)
    text = text_of(html)
    assert "features.csv: 2 features" in text
    assert "active site site 22 22" in text
    assert f'data-tracks="/api/jobs/{scan["id"]}/annotations/"' in html.content.decode()
    removed = browser.post(f"/jobs/{scan['id']}/attachments/delete/", {"annotation": Annotation.objects.get().pk})
    assert (removed.status_code, removed["Location"]) == (302, page)
    assert Annotation.objects.count() == 0


def test_a_refused_table_is_told_beside_its_form(browser, scan):
    page = f"/jobs/{scan['id']}/items/0/"
    file = SimpleUploadedFile("features.csv", b"start,end\n30,21\n")
    answer = browser.post(f"{page}annotations/", {"file": file})
    assert answer.status_code == 400
    text = text_of(answer)
    assert "Nothing was stored." in text
    assert "before its start" in text
    assert "190 substitutions" in text, "the page of the scan is still there"


def test_strangers_see_no_annotations(other_api, other_browser, api, scan):
    made = upload(api, scan).json()
    for method in (other_api.get, other_api.delete):
        assert method(made["url"]).status_code == 404
    assert upload(other_api, scan).status_code == 404
    other_browser.post(f"/jobs/{scan['id']}/attachments/delete/", {"annotation": made["id"]})
    assert Annotation.objects.count() == 1
