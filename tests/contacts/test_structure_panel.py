"""The structure beside a scan and a contact map: REST, the table, and what is not there."""

from __future__ import annotations

import gzip
import re

import numpy as np
import pytest

from jobs.contacts.beside import best_contacts, touching
from jobs.contacts.services import distances_of
from jobs.models import Structure
from tests.factories import SHORT, UBIQUITIN, finished, pdb, scored
from tests.helpers import text_of, upload_assay, upload_structure

pytestmark = pytest.mark.django_db

LONG = UBIQUITIN[:27]
BACKBONE = ("N", "CA", "C", "CB")


@pytest.fixture
def scan(api, inline_worker):
    return finished(api, inline_worker, "scan", [{"sequence": LONG}], method="wildtype_marginal", offset=20)


def model(api, made):
    answer = api.get(f"{made['url']}model/")
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_a_scan_takes_a_structure_whose_residues_have_positions(api, scan):
    made = upload_structure(api, scan, pdb("GG" + LONG, missing=0, atoms=BACKBONE))
    assert made.status_code == 201, made.content
    assert made.json()["precision"] is None
    body = model(api, made.json())
    assert body["letters"] == "GG" + LONG
    assert body["positions"] == [None, None, *range(1, 28)]
    assert body["numbers"][:3] == ["1", "2", "3"]
    assert body["pdb"].count(" CA ") == 29


def test_a_packed_file_is_drawn_as_an_unpacked_one(api, scan):
    plain = upload_structure(api, scan, pdb(LONG, atoms=BACKBONE)).json()
    packed = upload_structure(api, scan, gzip.compress(pdb(LONG, atoms=BACKBONE)), "helix.pdb.gz").json()
    assert model(api, plain) == model(api, packed)


def test_the_table_has_every_residue_with_the_numbers_that_colour_it(api, browser, scan):
    upload_structure(api, scan, pdb(LONG, missing=2, atoms=BACKBONE))
    upload_assay(api, scan, f"mutant,value\n{LONG[2]}23A,2\n{LONG[2]}23C,4\n")
    html = browser.get(f"/jobs/{scan['id']}/items/0/").content.decode()
    assert 'data-model="/api/jobs/' in html
    choice = html[html.index('id="id_structure_colour"') :]
    titles = re.findall(r'<option value="(\w+)">', choice[: choice.index("</select>")])
    assert titles == ["mean", "measured", "touching"]
    table = html[html.index('id="structure-table"') :]
    rows = re.findall(r"<tr><th scope=\"row\">(\w+)</th>(.*?)</tr>", table)
    assert [name for name, _ in rows][:3] == [f"{letter}{n}" for n, letter in enumerate(LONG[:3], 21)]
    assert "not there" in rows[0][1]
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", rows[2][1])
    result = api.get(f"{scan['url']}items/0/").json()["result"]
    mean = sum(result["scores"][2]) / 19
    assert float(cells[3]) == pytest.approx(mean, abs=0.006)
    assert float(cells[4]) == 3


def test_contacts_are_counted_without_near_neighbours(api, scan):
    upload_structure(api, scan, pdb(LONG, missing=2, atoms=BACKBONE))
    distances = distances_of(Structure.objects.get())
    counts = touching(distances)
    assert np.isnan(counts[:2]).all()
    pairs = [(a, b) for a in range(2, 27) for b in range(2, 27) if abs(a - b) >= 6 and distances[a, b] < 8]
    assert counts[2:].sum() == len(pairs)


def test_the_best_contact_of_a_residue_is_with_one_far_enough_away():
    scores = np.zeros((10, 10))
    scores[0, 1] = scores[1, 0] = 9
    scores[0, 7] = scores[7, 0] = 2
    best = best_contacts(scores)
    assert best[0] == best[7] == 2
    assert np.isnan(best[5])


def test_a_contact_map_shows_its_structure_too(api, browser, inline_worker):
    job = finished(api, inline_worker, "contacts", [{"sequence": LONG}])
    page = f"/jobs/{job['id']}/items/0/"
    assert "structure-view" not in browser.get(page).content.decode()
    made = upload_structure(api, job, pdb(LONG, atoms=BACKBONE)).json()
    html = browser.get(page).content.decode()
    assert f'data-model="{made["url"]}model/"' in html
    assert 'value="contact"' in html
    assert html.count('id="structure-form"') == 1
    assert html.count('id="id_structure"') == 0, "there is one structure to choose from"


def test_without_a_structure_the_page_of_a_scan_asks_for_one(browser, scan):
    text = text_of(browser.get(f"/jobs/{scan['id']}/items/0/"))
    assert "No structure yet." in text
    assert "Add a structure" in text


def test_a_refused_file_is_told_on_the_page_of_a_scan(browser, scan):
    page = f"/jobs/{scan['id']}/items/0/"
    answer = browser.post(f"{page}structures/", {})
    assert answer.status_code == 400
    assert "Nothing was stored." in text_of(answer)


def test_a_structure_without_a_kept_file_is_not_drawn(api, browser, scan):
    made = upload_structure(api, scan, pdb(LONG, atoms=BACKBONE)).json()
    Structure.objects.update(file_size=0)
    answer = api.get(f"{made['url']}model/")
    assert (answer.status_code, answer.json()["code"]) == (404, "no_structure_file")
    assert "was sent before files were kept" in text_of(browser.get(f"/jobs/{scan['id']}/items/0/"))


def test_a_job_of_variants_has_no_structures(api, other_api, inline_worker, scan):
    job = scored(api, inline_worker, ["M1A"], parent=SHORT)
    answer = upload_structure(api, job, pdb(SHORT, atoms=BACKBONE))
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_action")
    made = upload_structure(api, scan, pdb(LONG, atoms=BACKBONE)).json()
    assert other_api.get(f"{made['url']}model/").status_code == 404
