"""The page of a map without scripts: forms, table, picks, neighbours, and access."""

from __future__ import annotations

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from jobs.actions.contexts import context_digest
from jobs.background import leases
from jobs.contexts.services import context_set_create
from jobs.maps.services import analysis_request
from jobs.models import Artefact, JobColumn
from jobs.tasks import building
from tests.libraries import grouped, library, state

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("analysed_here")]


@pytest.fixture(autouse=True)
def published(monkeypatch) -> list[int]:
    sent: list[int] = []
    monkeypatch.setattr(leases.current_app, "send_task", lambda name, args, **_: sent.extend(map(int, args[1:])))
    return sent


@pytest.fixture
def lib(db):
    lib = grouped(120, skipped={5})
    lib.finish(failing={9})
    state(lib, "partial")
    return lib


@pytest.fixture
def browser(lib) -> Client:
    client = Client()
    client.force_login(lib.job.owner)
    return client


@pytest.fixture
def ready(lib) -> Artefact:
    artefact = analysis_request(job=lib.job, kind="map", params={"method": "pca", "neighbours": 8})
    assert building.artefact_build(artefact_id=artefact.pk)
    artefact.refresh_from_db()
    return artefact


def page(lib, query: str = "") -> str:
    return f"/jobs/{lib.job.pk}/map/{query}"


def act(browser, lib, do: str, **fields):
    return browser.post(f"/jobs/{lib.job.pk}/map/act/", {"do": do, **fields}, follow=True).content.decode()


def text(browser, address: str) -> str:
    answer = browser.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_map_is_asked_for_watched_and_cancelled_by_forms(lib, browser, published):
    assert "No map has been made" in text(browser, page(lib))
    assert "The map is being built" in act(browser, lib, "build", method="pca", seed="3", clusters="on")
    artefact = Artefact.objects.get()
    assert (artefact.params["method"], artefact.params["seed"], artefact.params["clusters"]) == ("pca", 3, True)
    assert published == [artefact.pk]
    part = browser.get(page(lib), headers={"HX-Request": "true", "HX-Target": "builds"})
    assert "waiting" in part.content.decode()
    seen = {"HX-Request": "true", "HX-Target": "builds", "E1-Seen": part["E1-Digest"]}
    assert browser.get(page(lib), headers=seen).status_code == 204
    assert "no longer built" in act(browser, lib, f"cancel-{artefact.pk}")
    assert Artefact.objects.get().state == "cancelled"
    assert "The map is deleted" in act(browser, lib, f"delete-{artefact.pk}")
    assert not Artefact.objects.exists()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"method": "tsne"}, "Choose from umap, pca"),
        ({"method": "pca", "seed": "x"}, "Seed is &#x27;x&#x27;"),
        ({"method": "umap", "neighbours": "1"}, "Give a whole number from 2"),
    ],
)
def test_a_form_with_mistakes_says_so(lib, browser, fields, said):
    answer = browser.post(f"/jobs/{lib.job.pk}/map/act/?colour=residues", {"do": "build", **fields})
    shown = answer.content.decode()
    assert answer.status_code == 400
    assert said in shown.split('<h3 class="h6">Make a map</h3>')[1].split('id="columns"')[0], "beside its form"
    assert f'<option value="{fields["method"]}" selected>' in shown or fields["method"] == "tsne"
    for name in ("seed", "neighbours"):
        assert name not in fields or f'name="{name}" value="{fields[name]}"' in shown
    assert not Artefact.objects.exists()


def test_maps_are_numbered_by_themselves(lib, browser):
    analysis_request(job=lib.job, kind="clusters", params={})
    for seed in ("1", "2"):
        act(browser, lib, "build", method="umap", seed=seed)
    shown = text(browser, page(lib))
    assert re.findall(r'<th scope="row">(UMAP \d+)</th>', shown) == ["UMAP 2", "UMAP 1"]
    newest = Artefact.objects.filter(kind="map").latest("pk")
    assert (
        f'value="cancel-{newest.pk}" id="cancel-{newest.pk}">Cancel for good<span class="visually-hidden"> map 2<'
        in shown
    )


def test_the_table_shows_the_map_in_pages_narrowed_by_cluster_and_name(lib, browser, ready):
    first = text(browser, page(lib))
    assert "118 items by PCA" in first
    assert f'src="/api/jobs/{lib.job.pk}/artefacts/{ready.pk}/?format=json"' in first
    assert first.count('name="pick"') == 50
    assert "page 1 of 3" in first
    assert text(browser, page(lib, "?page=3")).count('name="pick"') == 18
    narrowed = text(browser, page(lib, f"?analysis={ready.pk}&cluster=0"))
    assert "page 1 of 1" in narrowed
    assert narrowed.count('name="pick"') == ready.facts["cluster_sizes"][0] == 30
    named = text(browser, page(lib, "?search=PROTEIN11"))
    assert named.count('name="pick"') == 11
    assert "No item matches" in text(browser, page(lib, "?search=nobody"))


def test_columns_are_uploaded_shown_and_removed(lib, browser, ready):
    file = SimpleUploadedFile("a.csv", b"name,family\nprotein0,kinase\nprotein1,lyase\nprotein999,x\n")
    said = act(browser, lib, "upload", file=file)
    assert "2 of 3 rows found 2 of the job&#x27;s 120 items by name" in said
    assert "Rows about no item of this job: 1 (protein999)." in said
    assert "<td>kinase</td>" in said
    column = JobColumn.objects.get()
    mixed = act(browser, lib, "upload", file=SimpleUploadedFile("a.csv", b"name,pH\nprotein0,1\nprotein1,x\n"))
    assert "The column pH is taken as words because of &#x27;x&#x27; in line 3" in mixed
    bad = act(browser, lib, "upload", file=SimpleUploadedFile("a.csv", b"class,family\n1,2\n"))
    assert "no column is named name or index" in bad.split('id="columns"')[1], "beside its form"
    assert "118 items by PCA" in bad, "the map stays in sight"
    assert "The column is deleted" in act(browser, lib, f"delete-column-{column.pk}")
    assert "there is no file yet" in act(browser, lib, "upload").lower()


def picks(browser, lib, do: str, **fields):
    return browser.post(f"/jobs/{lib.job.pk}/picks/", {"do": do, **fields})


def test_picked_items_become_fasta_csv_and_a_new_job(lib, browser):
    fasta = b"".join(picks(browser, lib, "fasta", indices="3,1", pick=["7", "1"]).streaming_content).decode()
    assert fasta == "".join(f">protein{n}\n{lib.views[n].sequence}\n" for n in (1, 3, 7))
    table = picks(browser, lib, "csv", indices="3")
    assert table["Content-Disposition"].endswith('.csv"')
    assert b"".join(table.streaming_content).decode("utf-8-sig").splitlines() == [
        "index,name,residues,sequence",
        f"3,protein3,{len(lib.views[3].sequence)},{lib.views[3].sequence}",
    ]
    form = picks(browser, lib, "new", indices="1,3").content.decode()
    assert f"&gt;protein1\n{lib.views[1].sequence}" in form
    assert "2 of library" in form
    for nothing in ("", "x", "5000"):
        refused = browser.post(f"/jobs/{lib.job.pk}/picks/", {"do": "fasta", "indices": nothing}, follow=True)
        assert "Nothing is picked" in refused.content.decode()


def test_neighbours_of_an_item_here_and_in_another_job(lib, browser):
    shown = text(browser, f"/jobs/{lib.job.pk}/items/8/neighbours/?k=10")
    assert "compared exactly with 117 items" in shown
    ranked = [int(index) for index in re.findall(r'<th scope="row"><a href="/jobs/[^/]+/items/(\d+)/"', shown)]
    assert len(ranked) == 10
    assert all(index % 4 == 0 and index != 8 for index in ranked)
    records = [int(number) for number in re.findall(r'data-label="Record">(\d+)<', shown)]
    assert records == [index + 1 for index in ranked], "people count records from 1"
    other = grouped(24, seed=4)
    other.finish()
    other.job.name = "the other one"
    other.job.save()
    against = text(browser, f"/jobs/{lib.job.pk}/items/8/neighbours/?against={other.job.pk}")
    assert "the other one" in against
    assert "compared exactly with 24 items" in against
    assert "has no embedding" in text(browser, f"/jobs/{lib.job.pk}/items/9/neighbours/")
    assert "no such job" in text(browser, f"/jobs/{lib.job.pk}/items/8/neighbours/?against=x")
    assert browser.get(f"/jobs/{lib.job.pk}/items/120/neighbours/").status_code == 404


def test_a_job_without_mean_embeddings_is_told_what_to_do(lib, browser):
    scored = library("log_prob", items=8)
    shown = text(browser, page(scored))
    assert "analyses compare mean embeddings" in shown
    assert "include mean" in shown
    assert "Open map" not in text(browser, f"/jobs/{scored.job.pk}/")
    assert "Open map" in text(browser, f"/jobs/{lib.job.pk}/")
    assert f"/jobs/{lib.job.pk}/items/0/neighbours/" in text(browser, f"/jobs/{lib.job.pk}/items/0/")
    assert "neighbours" not in text(browser, f"/jobs/{lib.job.pk}/items/9/")


def test_these_pages_are_the_owners(lib, stranger, ready):
    theirs = Client()
    theirs.force_login(stranger)
    for address in (page(lib), f"/jobs/{lib.job.pk}/items/0/neighbours/"):
        assert theirs.get(address).status_code == 404
    assert theirs.post(f"/jobs/{lib.job.pk}/map/act/", {"do": f"delete-{ready.pk}"}).status_code == 404
    assert picks(theirs, lib, "fasta", indices="1").status_code == 404
    assert Artefact.objects.filter(pk=ready.pk).exists()


def test_a_map_too_large_for_the_table_is_a_file(lib, browser, ready, monkeypatch):
    monkeypatch.setattr("jobs.maps.reading.READABLE", 100)
    shown = text(browser, page(lib))
    assert "download its files" in shown
    assert "The map as a table" not in shown


def test_a_map_names_and_links_the_contexts_of_its_embeddings(lib, browser, ready):
    assert "none for the whole job" in text(browser, page(lib))
    members = [["MKTAY"], ["MRTAY", "MKSAY"]]
    context_set_create(owner=lib.job.owner, name="family", contexts=members, provenance={})
    described = [
        {"digest": context_digest(tuple(one)), "sequences": len(one), "residues": 5 * len(one)} for one in members
    ]
    lib.job.params |= {"contexts": described}
    lib.job.save(update_fields=["params"])
    assert '2 contexts of the set <a href="/contexts/sets/family/">family</a>' in text(browser, page(lib))
