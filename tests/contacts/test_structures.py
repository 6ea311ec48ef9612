"""Structures beside contact maps: storage, precision, refusals and pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from jobs.models import Assay, Structure
from tests.factories import MEASUREMENTS, SHORT, UBIQUITIN, VARIANTS, finished, pdb, sent
from tests.helpers import text_of, upload_assay, upload_structure

pytestmark = pytest.mark.django_db


@pytest.fixture
def job(api):
    """A job that is never computed: names map to its parent nevertheless."""
    return sent(api, "score", [{"variant": variant} for variant in VARIANTS], parent=SHORT)


@pytest.fixture
def contacts(api):
    """A job that is never computed: structures map to sequences, even without contact maps."""
    return sent(api, "contacts", [{"sequence": SHORT}, {"sequence": UBIQUITIN[:27]}])


def test_a_structure_gives_contacts_on_the_positions_of_the_sequence(api, contacts, inline_worker):
    answer = upload_structure(api, contacts, pdb(UBIQUITIN[:27], missing=2), item="1")
    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert (made["item"], made["chain"], made["resolved"], made["aligned"], made["identical"]) == (1, "A", 25, 25, 25)
    assert made["unresolved"] == [1, 2]
    assert [3, 7] in made["contacts"], "residues four apart touch in a helix"
    assert not any(1 in pair or 2 in pair for pair in made["contacts"])
    assert made["precision"] is None, "there is no map yet"
    inline_worker()
    made = api.get(made["url"]).json()
    assert made["precision"] == {"value": 0.0, "hits": 0, "pairs": 1, "contacts": 0}
    (listed,) = api.get(f"{contacts['url']}structures/").json()["results"]
    assert listed == {name: made[name] for name in listed}
    assert api.delete(made["url"]).status_code == 204
    assert Structure.objects.count() == 0


def test_a_sequence_too_short_for_long_range_pairs_has_no_precision(api, inline_worker):
    made = upload_structure(api, finished(api, inline_worker, "contacts", [{"sequence": SHORT}]), pdb(SHORT)).json()
    assert made["precision"] == {"value": None, "hits": 0, "pairs": 0, "contacts": 0}


@pytest.mark.parametrize(
    ("data", "fields", "code"),
    [
        (pdb("W" * 10), {}, "structure_mismatch"),
        (b"no structure at all", {}, "no_protein_chain"),
        (pdb(SHORT), {"chain": "Q"}, "no_such_chain"),
        (pdb(SHORT), {"item": "7"}, "no_such_item"),
    ],
)
def test_structures_that_do_not_fit_are_refused(api, contacts, data, fields, code):
    answer = upload_structure(api, contacts, data, **fields)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert Structure.objects.count() == 0


def test_structures_of_others_are_not_there(api, other_api, contacts, job):
    made = upload_structure(api, contacts, pdb(SHORT)).json()
    assert other_api.get(made["url"]).status_code == 404
    assert other_api.delete(made["url"]).status_code == 404
    assert upload_structure(api, job, pdb(SHORT)).json()["code"] == "wrong_action"
    assert api.delete(contacts["url"]).status_code == 204
    assert Structure.objects.count() == 0


def test_pages_of_attachments_are_the_owners_only(api, stranger, job, contacts):
    made = upload_assay(api, job, MEASUREMENTS).json()
    client = Client()
    client.force_login(stranger)
    for path in (f"/jobs/{job['id']}/assays/", f"/jobs/{job['id']}/assays/{made['id']}/"):
        assert client.get(path).status_code == 404
    assert client.post(f"/jobs/{job['id']}/attachments/delete/", {"assay": made["id"]}).status_code == 404
    upload = {"file": SimpleUploadedFile("h.pdb", pdb(SHORT))}
    assert client.post(f"/jobs/{contacts['id']}/items/0/structures/", upload).status_code == 404
    assert Assay.objects.count() == 1


def test_a_structure_is_uploaded_from_the_page_of_the_map(api, browser, inline_worker):
    contacts = finished(api, inline_worker, "contacts", [{"sequence": SHORT}])
    page = f"/jobs/{contacts['id']}/items/0/"
    upload = f"{page}structures/"
    refused = browser.post(upload, {"file": SimpleUploadedFile("w.pdb", pdb("W" * 10))})
    assert refused.status_code == 400
    assert "does not match the parent" in text_of(refused)
    assert 'id="contacts"' in refused.content.decode(), "the map stays in sight"
    assert "Nothing was kept" in text_of(refused)
    wrong = browser.post(f"{upload}?separation=24", {"file": SimpleUploadedFile("h.pdb", pdb(SHORT)), "chain": "Q7"})
    text = wrong.content.decode()
    assert (wrong.status_code, text.count('value="Q7"')) == (400, 1), "what was typed stays"
    assert 'action="/jobs/' + contacts["id"] + '/items/0/structures/?separation=24"' in text
    looked = browser.get(f"{upload}?separation=24")
    assert (looked.status_code, looked["Location"]) == (302, f"{page}?separation=24")
    assert Structure.objects.count() == 0
    shown = text_of(browser.post(upload, {"file": SimpleUploadedFile("helix.pdb", pdb(SHORT))}, follow=True))
    assert "Chain A of helix.pdb: 10 of the sequence's 10 residues are resolved, 10 residues align" in shown
    assert "there is no long-range precision" in shown


def test_words_marks_and_table_of_a_contact_map_follow_the_filter(api, browser, inline_worker):
    sequence = "MKTAYIAKQRQISFVKSHFSRQLEERLG"
    job = finished(api, inline_worker, "contacts", [{"sequence": sequence}])
    page = f"/jobs/{job['id']}/items/0/"
    assert "The 28 best pairs, 6 or more apart, are marked above the diagonal by ○" in text_of(browser.get(page))
    assert upload_structure(api, job, pdb(sequence, missing=2)).status_code == 201
    for separation, pairs, precision in (
        (6, 26, "Precision at L counts the best at least 24 apart instead"),
        (24, 3, "They are the pairs that precision at L counts"),
    ):
        said = text_of(browser.get(page, {"separation": separation}))
        assert f"The {pairs} best pairs of resolved residues, {separation} or more apart, are marked" in said
        assert precision in said
        shown = [browser.get(page, {"separation": separation, "page": n}).content.decode() for n in range(1, 11)]
        rows = {row for one in shown for row in one.split("<tr>") if re.search(r"<td>\S (yes|no)</td>", row)}
        assert len(rows) == pairs
        assert f"Best pairs, {separation} or more apart" in said


def test_a_structure_over_a_map_that_is_not_computed_yet_is_refused_on_the_page_of_the_item(browser, contacts, job):
    upload = f"/jobs/{contacts['id']}/items/0/structures/"
    refused = browser.post(upload, {"chain": "B"})
    assert refused.status_code == 400
    assert "There is no file yet" in text_of(refused)
    assert 'value="B"' in refused.content.decode()
    assert browser.post(upload.replace("/0/", "/9/"), {}).status_code == 404
    scores = browser.post(f"/jobs/{job['id']}/items/0/structures/", {"file": SimpleUploadedFile("h.pdb", pdb(SHORT))})
    assert scores.status_code == 409
    assert "Nothing was kept. Structures are compared with contact maps" in text_of(scores)


@pytest.mark.skipif(
    not (Path(__file__).parents[3] / "shared/data/KaiB_2QKEE.pdb").exists(), reason="needs ../shared/data"
)
def test_the_structure_of_kaib_maps_to_its_alignments_parent(api):
    data = Path(__file__).parents[3] / "shared/data"
    parent = (data / "KaiB_2QKEE.a3m").read_text().splitlines()[1]
    job = sent(api, "contacts", [{"sequence": parent}])
    made = upload_structure(api, job, (data / "KaiB_2QKEE.pdb").read_bytes()).json()
    assert made["resolved"] == made["identical"] == 91
