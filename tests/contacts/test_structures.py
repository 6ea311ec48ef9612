"""Structures beside contact maps: storage, precision, refusals and pages."""

from __future__ import annotations

import gzip
import hashlib
import random
import re
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from jobs.contacts import services
from jobs.models import Assay, Quota, Structure, StructureBlock
from jobs.quotas.usage import attached_bytes_of
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
        (b"no structure at all", {}, "other_format"),
        (b"HEADER    HYDROLASE\nEND\n", {}, "no_protein_chain"),
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
    assert "Nothing was stored" in text_of(refused)
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


@pytest.mark.slow
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
    assert "Nothing was stored. Structures are shown beside scan and contacts" in text_of(scores)


@pytest.mark.skipif(
    not (Path(__file__).parents[3] / "shared/data/KaiB_2QKEE.pdb").exists(), reason="needs ../shared/data"
)
def test_the_structure_of_kaib_maps_to_its_alignments_parent(api):
    data = Path(__file__).parents[3] / "shared/data"
    parent = (data / "KaiB_2QKEE.a3m").read_text().splitlines()[1]
    job = sent(api, "contacts", [{"sequence": parent}])
    made = upload_structure(api, job, (data / "KaiB_2QKEE.pdb").read_bytes()).json()
    assert made["resolved"] == made["identical"] == 91


BACKBONE = ("N", "CA", "C")


def test_the_file_is_kept_and_comes_back_as_it_was_sent(api, other_api, contacts, monkeypatch):
    monkeypatch.setattr(services, "FILE_BLOCK", 100)
    data = gzip.compress(pdb(SHORT))
    made = upload_structure(api, contacts, data, filename="héliX 1.pdb.gz").json()
    assert made["file"] == f"{made['url']}file/"
    assert StructureBlock.objects.count() == -(-len(data) // 100)
    answer = api.get(made["file"])
    assert b"".join(answer.streaming_content) == data
    assert hashlib.sha256(data).hexdigest() == made["sha256"]
    assert answer["Content-Length"] == str(len(data))
    assert answer["Content-Disposition"] == "attachment; filename*=utf-8''h%C3%A9liX%201.pdb.gz"
    assert other_api.get(made["file"]).status_code == 404
    assert Client().get(made["file"]).status_code == 401
    assert api.get(made["file"].replace(f"/{made['id']}/", "/999999/")).status_code == 404
    assert api.delete(made["url"]).status_code == 204
    assert StructureBlock.objects.count() == 0
    assert api.get(made["file"]).status_code == 404


def test_files_of_structures_count_as_stored_and_go_with_the_job(api, contacts, person):
    small = Structure.objects.get(pk=upload_structure(api, contacts, pdb(SHORT)).json()["id"])
    noise = b"REMARK " + random.Random(1).randbytes(30_000).hex().encode() + b"\n"
    made = Structure.objects.get(pk=upload_structure(api, contacts, noise + pdb(SHORT)).json()["id"])
    assert made.size > small.size + 25_000
    assert attached_bytes_of(contacts["id"]) == small.size + made.size
    Quota.objects.update_or_create(user=person, defaults={"stored_bytes": made.size})
    refused = upload_structure(api, contacts, noise + pdb(SHORT))
    assert (refused.status_code, refused.json()["code"]) == (413, "quota_stored_bytes")
    assert (Structure.objects.count(), StructureBlock.objects.count()) == (2, 2)
    assert api.delete(contacts["url"]).status_code == 204
    assert (Structure.objects.count(), StructureBlock.objects.count()) == (0, 0)


def test_a_structure_from_before_files_were_kept_has_none(api, contacts):
    made = upload_structure(api, contacts, pdb(SHORT)).json()
    Structure.objects.update(file_size=0)
    assert api.get(made["url"]).json()["file"] is None
    refused = api.get(f"{made['url']}file/")
    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    assert "before files were kept" in refused.json()["detail"]


def test_a_backbone_gives_contacts_of_virtual_beta_atoms_and_says_so(api, browser, inline_worker):
    job = finished(api, inline_worker, "contacts", [{"sequence": SHORT}])
    page = f"/jobs/{job['id']}/items/0/"
    whole = upload_structure(api, job, pdb(SHORT)).json()
    assert whole["virtual"] == 0
    assert "virtual" not in text_of(browser.get(page))
    made = upload_structure(api, job, pdb(SHORT, atoms=BACKBONE), filename="backbone.pdb").json()
    assert (made["virtual"], made["resolved"]) == (len(SHORT) - SHORT.count("G"), len(SHORT))
    shown = browser.get(page)
    assert f"{made['virtual']} residues without a side chain have a virtual C-beta atom" in text_of(shown)
    assert f'<a href="{made["file"]}" download>Download backbone.pdb</a>' in shown.content.decode()
    assert b"".join(browser.get(made["file"]).streaming_content) == pdb(SHORT, atoms=BACKBONE)
    trace = upload_structure(api, job, pdb(SHORT, atoms=("CA",)))
    assert (trace.status_code, trace.json()["code"]) == (400, "no_beta_atoms")
    assert "N, CA and C" in trace.json()["errors"][0]["remedy"]
    upload = {"file": SimpleUploadedFile("trace.pdb", pdb(SHORT, atoms=("CA",)))}
    refused = browser.post(f"{page}structures/", upload)
    assert refused.status_code == 400
    assert "has no C-beta atoms" in text_of(refused)
    assert "N, CA and C" in text_of(refused), "the remedy is on the page"


def test_members_of_gzip_are_read_one_after_the_other(api, contacts):
    data = pdb(SHORT)
    half = len(data) // 2
    made = upload_structure(api, contacts, gzip.compress(data[:half]) + gzip.compress(data[half:])).json()
    assert made["resolved"] == len(SHORT)
