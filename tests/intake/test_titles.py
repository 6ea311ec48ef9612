"""Jobs that were submitted without a name: REST, the page, and what happens to the name later."""

from __future__ import annotations

import pytest

from jobs.models import Job
from tests.helpers import FASTA, body, submit, submit_items, text_of

pytestmark = pytest.mark.django_db

PARENT = b">TEM-1 a lactamase\nMKTAYIAKQR\n"


def test_a_scan_is_named_after_its_protein_and_contexts(api, browser):
    made = body(submit(api, PARENT, "parent.fasta", "scan", context=">a\nMKTAYI\n"))
    assert made["name"] == "TEM-1 scan, 10 aa, 1 context"
    assert [job["name"] for job in body(api.get("/api/jobs/"))["results"]] == [made["name"]]
    for path in ("/", f"/jobs/{made['id']}/"):
        assert made["name"] in text_of(browser.get(path))
    # The file of results is about the protein, as before.
    assert 'filename="TEM-1-scan.jsonl"' in api.get(f"{made['url']}results/")["Content-Disposition"]


def test_a_library_is_named_after_its_file_or_its_first_record(api):
    total = FASTA.count(b">")
    assert body(submit(api))["name"] == f"library.fasta embeddings, {total} sequences"
    items = [{"sequence": "MKT", "name": name} for name in "ab"]
    assert body(submit_items(api, items))["name"] == "Log-probabilities of a and 1 more"


def test_a_name_that_was_given_stays(api):
    assert body(submit(api, name="mine"))["name"] == "mine"
    assert body(submit_items(api, [{"sequence": "MKT"}], name="scan, 3 aa"))["name"] == "scan, 3 aa"


def test_pasted_text_has_no_file_to_be_named_after(browser):
    form = {"model": "e1-demo", "action": "encode", "include": "mean", "repr_layers": "-1", "rows": "all"}
    browser.post("/jobs/new/", {**form, "sequences": ">a\nMKT\n>b\nMKV\n", "key": "one", "complete": "1"})
    assert Job.objects.get().name == "Embeddings of a and 1 more"


def test_the_name_counts_what_is_added_unless_somebody_changed_it(api):
    job = body(submit(api, PARENT))
    assert job["name"] == "TEM-1 embeddings, 10 aa"
    add = {"content_type": "text/x-fasta"}
    assert body(api.post(f"{job['url']}extend/", b">b\nMKV\n", **add))["name"] == "Embeddings of TEM-1 and 1 more"
    api.patch(job["url"], b'{"name": "mine"}', content_type="application/json")
    assert body(api.post(f"{job['url']}extend/", b">c\nMKV\n", **add))["name"] == "mine"


def test_a_library_that_is_used_again_keeps_what_it_is_called_after(api, browser):
    job = body(submit(api))
    page = browser.get(f"/jobs/new/?from={job['id']}").content.decode()
    assert 'name="name" maxlength="200" value=""' in page
    form = {"model": "e1-demo", "action": "log_prob", "from": job["id"], "key": "one", "complete": "1"}
    browser.post("/jobs/new/", {**form, "include": "mean", "repr_layers": "-1", "rows": "all"})
    assert Job.objects.latest("created_at").name.startswith("library.fasta log-probabilities, ")
