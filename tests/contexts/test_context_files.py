"""Alignments as people have them, handed in as plain homologs: read without gaps, and what was changed is said."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from jobs.models import ContextSet
from jobs.science.alignments.reading import read_alignment
from tests.alignments import cases
from tests.helpers import text_of

pytestmark = pytest.mark.django_db

OTHER = {"the NUL follows the row without a line end", "chains that ColabFold joined", "PIR"}
"""Cases that plain homologs refuse with a place, or whose rows are all homologs."""
READ = [case for case in cases.READ if case["name"] not in OTHER and not case.get("skip_empty")]


def notes_of(case) -> set[str]:
    """Return the notes that the case has for homologs: annotations and the query are left out, rows are ungapped."""
    named = {"annotation_row": "annotation_rows", "repeated_query": "repeated_query"}
    return {named[code] for code in case["skipped"]}


@pytest.mark.slow
@pytest.mark.parametrize("case", READ, ids=cases.name)
def test_rows_of_alignments_are_homologs_without_gaps(api, browser, case):
    data = cases.content(case)
    made = api.post("/api/contexts/", {"name": "x", "file": SimpleUploadedFile(case["file"], data)})
    assert made.status_code == 201, made.content
    shown = api.get("/api/contexts/x/?sequences=true").json()
    assert shown["sequences"] == [list(read_alignment(data).sequences)]
    assert shown["notes"] == made.json()["notes"]
    assert notes_of(case) <= {note["code"] for note in shown["notes"]}
    page = text_of(browser.get("/contexts/sets/x/"))
    for note in shown["notes"]:
        assert note["message"][1:] in page
    form = {"do": "homologs", "name": "y", "file": SimpleUploadedFile(case["file"], data)}
    assert browser.post("/contexts/", form).status_code == 302
    assert api.get("/api/contexts/y/").json()["notes"] == shown["notes"]


def test_the_same_homologs_from_another_file_say_what_was_changed_in_it(api):
    query = "MKTAYIAKQRQISFVKSHFSRQ"
    for text, codes in ((f">a\n{query}\n", []), (f">a\n{query.lower()}\n", ["context_cleaned"])):
        made = api.post("/api/contexts/", {"name": "x", "file": SimpleUploadedFile("a.fasta", text.encode())})
        assert (made.status_code, [note["code"] for note in made.json()["notes"]]) == (201, codes)
    assert ContextSet.objects.count() == 1


def test_sets_from_lists_have_no_notes(api):
    made = api.post("/api/contexts/", {"name": "x", "contexts": [["MKT"]]}, format="json")
    assert made.json()["notes"] == []
