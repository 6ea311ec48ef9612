"""/api/alignments/: storing, previewing and sampling alignments, compared with published rows."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models.functions import Now

from jobs.alignments import leased
from jobs.alignments import services as alignments
from jobs.background import leases as background
from jobs.contexts.selectors import context_set_sequences
from jobs.fleet import workers
from jobs.models import Alignment, ContextSet, NeighbourCount, Quota, Worker
from jobs.science.alignments.reading import read_alignment
from jobs.tasks.works import WORKS
from tests.helpers import SMALL_ALIGNMENT, sample_alignment, stored_alignment, upload_alignment

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).parents[2]
GOLDEN = json.loads((ROOT / "tests" / "data" / "context_sampling.json").read_text())
A3M = ROOT.parent / "shared" / "data" / "BLAT_ECOLX.a3m"
needs_alignment = pytest.mark.skipif(not A3M.exists(), reason="the TEM-1 alignment does not come with the sources")

STOCKHOLM = b"# STOCKHOLM 1.0\nparent MKT.AYI\na MKTaAYI\nb MRT.AY-\n//\n"


# --- storing ---------------------------------------------------------------------------------------------------------


def test_an_alignment_and_its_figures(api):
    body = stored_alignment(api)
    assert (body["name"], body["depth"], body["columns"], body["state"]) == ("family.a3m", 4, 6, "ready")
    assert (body["source"], body["parent"], body["skipped"], body["skipped_count"]) == ("upload", "MKTAYI", [], 0)
    # The third row is a neighbour of the first two (4 of its 5 residues agree), they are none of its (4 of their 6).
    assert body["effective_depth"] == pytest.approx(1 / 3 + 1 / 3 + 1 + 1)
    assert sum(entry["count"] for entry in body["histogram"]) == 3
    assert body["histogram"][-1] == {"low": 0.95, "high": 1.0, "count": 1}
    (listed,) = api.get("/api/alignments/").json()["results"]
    assert listed["id"] == body["id"]
    assert api.get(body["url"]).json() == body
    assert api.delete(body["url"]).status_code == 204
    assert api.get(body["url"]).status_code == 404


def test_the_same_rows_again_are_the_same_alignment(api):
    first = stored_alignment(api)
    again = stored_alignment(api, gzip.compress(SMALL_ALIGNMENT, mtime=0), "other-name.a3m.gz")
    assert again["id"] == first["id"]
    assert Alignment.objects.count() == 1


@pytest.mark.parametrize(
    ("media_type", "content", "depth"),
    [
        ("text/x-a3m", SMALL_ALIGNMENT, 4),
        ("text/x-stockholm", STOCKHOLM, 3),
        ("text/plain", STOCKHOLM, 3),
        ("application/gzip", gzip.compress(SMALL_ALIGNMENT, mtime=0), 4),
        ("text/x-fasta", b">p\nMKT-AY\n>a\nMKTQAY\n", 2),
    ],
)
def test_raw_bodies(api, media_type, content, depth):
    response = api.post("/api/alignments/?name=raw", content, content_type=media_type)
    assert response.status_code == 201, response.content
    assert (response.json()["name"], response.json()["depth"]) == ("raw", depth)


def test_what_is_stored_is_what_was_read(api):
    body = stored_alignment(api)
    read, kept = read_alignment(SMALL_ALIGNMENT), alignments.alignment_load(Alignment.objects.get(pk=body["id"]))
    assert (kept.names, kept.sequences) == (read.names, read.sequences)
    assert kept.sequences[1] == "MKTAAYI"
    assert (kept.columns == read.columns).all()


@pytest.mark.parametrize(
    ("file", "fields", "code", "word"),
    [
        (SMALL_ALIGNMENT, {"parent": "MKTAYL"}, "first_row_not_parent", "position 6"),
        (SMALL_ALIGNMENT, {"parent": "MKTJYI"}, "bad_letter", "J"),
        (SMALL_ALIGNMENT, {"parent": ">a\nMKT\n>b\nMRT\n"}, "several_parents", "several"),
        (SMALL_ALIGNMENT, {"parent": "WWWWWWWWWWWW", "add_parent": "true"}, "parent_not_alignable", "cannot be added"),
        (b">a\nMKTAYIAK\n>b\nMKT\n>c\nMKTAYIA\n", {}, "unequal_rows", "columns"),
        (b">a\nMKT\n>b\n---\n", {}, "empty_row", "gaps only"),
        (b">a\n---\n>b\nMKT\n", {"skip_empty": "true"}, "empty_row", "gaps only"),
        (b">a\nMK1\n>b\nMKT\n", {}, "bad_letter", "1"),
        (b"MKT\n", {}, "not_alignment", "does not begin"),
        (b"", {}, "empty_alignment", "no rows"),
        (SMALL_ALIGNMENT, {"add_parent": "perhaps"}, "wrong_type", "perhaps"),
        (gzip.compress(SMALL_ALIGNMENT, mtime=0)[:-9], {}, "truncated_gzip", "too early"),
        (b"@r\nACGT\n+\nIIII\n", {}, "other_format", "FASTQ"),
        (b"name,sequence\na,MKT\n", {}, "other_format", "a table"),
        (b"PK\x03\x04" + bytes(40), {}, "not_text", "ZIP"),
        (b" 2 5\na MKTAY\nb MKTAY\n", {}, "other_format", "PHYLIP"),
        (b"ATOM      1  CA  ALA A   1      11.104   6.134  -6.504\n", {}, "other_format", "PDB"),
    ],
)
def test_refused_files(api, file, fields, code, word):
    response = upload_alignment(api, file, **fields)
    assert (response.status_code, response.json()["code"]) == (400, code), response.content
    assert word in response.json()["detail"]
    assert response.json()["errors"][0]["remedy"]
    assert not Alignment.objects.exists()


def test_a_first_row_that_is_not_the_parent_is_mended_on_request(api):
    refused = upload_alignment(api, parent="MRTAY")
    assert "add_parent" in refused.json()["errors"][0]["remedy"]
    body = stored_alignment(api, parent=SimpleUploadedFile("parent.fasta", b">parent\nmrtay\n"), add_parent="true")
    assert (body["parent"], body["columns"], body["depth"]) == ("MRTAY", 5, 4)


@pytest.mark.parametrize(
    ("filename", "data"),
    [
        ("parent.fasta", b">parent\nmrt\nay*\n"),
        ("parent.fasta.gz", gzip.compress(b">parent\n") + gzip.compress(b"MRTAY\n")),
        ("parent.pir", b">P1;X\ntitle of it\n MRTAY*\n"),
        ("parent.gp", b"LOCUS       X  5 aa  linear   BCT 01-JAN-2020\nORIGIN\n        1 mrtay\n//\n"),
        ("parent.txt", b"MRT\nAY\n"),
        ("parent.txt", "MRTAY".encode("utf-16")),
    ],
)
def test_the_parent_may_be_in_any_file_of_one_record(api, filename, data):
    body = stored_alignment(api, parent=SimpleUploadedFile(filename, data), add_parent="true")
    assert body["parent"] == "MRTAY"


@pytest.mark.parametrize(
    ("filename", "data", "code"),
    [
        ("parent.fasta", b">a\nMKT\n>b\nMRT\n", "several_parents"),
        ("parent.fasta", b">a\n", "empty_parent"),
        ("parent.fasta", b"", "empty_parent"),
        ("parent.fasta", b">a\nM1T\n", "bad_letter"),
        ("parent.xlsx", b"PK\x03\x04" + bytes(30), "bad_workbook"),
        ("parent.pdb", b"HEADER    HYDROLASE\nEND\n", "other_format"),
    ],
)
def test_files_that_are_no_parent(api, filename, data, code):
    answer = upload_alignment(api, parent=SimpleUploadedFile(filename, data))
    assert (answer.status_code, answer.json()["code"]) == (400, code), answer.content
    assert answer.json()["errors"][0]["path"] == "parent"
    assert not Alignment.objects.exists()


def test_rows_of_gaps_are_left_out_on_request(api):
    body = stored_alignment(api, b">a\nMKT\n>b\n---\n>c\nMRT\n", skip_empty="true")
    assert (body["depth"], body["skipped_count"]) == (2, 1)
    assert (body["skipped"][0]["code"], body["skipped"][0]["record"]) == ("empty_row", "b")


def test_alignments_count_against_the_quota_of_stored_bytes(api, person):
    size = Alignment.objects.get(pk=stored_alignment(api)["id"]).size
    Alignment.objects.all().delete()
    Quota.objects.update_or_create(user=person, defaults={"stored_bytes": size - 1})
    refused = upload_alignment(api)
    assert (refused.status_code, refused.json()["code"]) == (413, "too_large_for_quota")
    assert not Alignment.objects.exists()
    Quota.objects.update(stored_bytes=2 * size - 10)
    stored_alignment(api)
    refused = upload_alignment(api, SMALL_ALIGNMENT.replace(b"MRT", b"MCT"))
    assert (refused.status_code, refused.json()["code"]) == (413, "quota_stored_bytes")


def test_nobody_sees_the_alignments_of_others(api, other_api):
    body = stored_alignment(api)
    assert other_api.get("/api/alignments/").json()["results"] == []
    assert other_api.get(body["url"]).status_code == 404
    assert other_api.delete(body["url"]).status_code == 404
    assert sample_alignment(other_api, body, preset="published_ensemble", preview=True).status_code == 404
    assert stored_alignment(other_api)["id"] != body["id"]


# --- sampling --------------------------------------------------------------------------------------------------------


@needs_alignment
def test_contexts_are_the_published_rows(api, person):
    body = stored_alignment(api, A3M.read_bytes(), "BLAT_ECOLX.a3m")
    assert (body["depth"], body["columns"], body["state"]) == (4501, 286, "ready")
    settings = [
        {
            "max_residues": draw["max_residues"],
            "max_similarity": draw["max_query_similarity"],
            "min_similarity": draw["min_query_similarity"],
            "max_sequences": draw["max_num_samples"],
            "neighbour_threshold": draw["neighbour_threshold"],
            "seed": draw["seed"],
        }
        for draw in GOLDEN["draws"]
    ]
    workers.worker_starting(name="w", model="e1-demo")
    engine_id = workers.engine_record(identity=_identity())
    workers.worker_ready(name="w", engine_id=engine_id, tokens_per_second=2000.0)
    Worker.objects.update(heartbeat_at=Now() + timedelta(minutes=10))  # no heartbeat
    preview = sample_alignment(api, body, samplings=settings, preview=True)
    assert preview.status_code == 200, preview.content
    shown = preview.json()
    assert [context["rows"] for context in shown["contexts"]] == [draw["rows"] for draw in GOLDEN["draws"]]
    assert [context["residues"] for context in shown["contexts"]] == [draw["residues"] for draw in GOLDEN["draws"]]
    assert shown["effective_depth"] == body["effective_depth"]
    assert not ContextSet.objects.exists()
    cost, passes = shown["cost"], 286 * len(settings)
    tokens = sum(context["tokens"] for context in shown["contexts"]) + passes * 290 + 8
    assert cost == dict(
        model="e1-demo",
        action="scan",
        passes=passes,
        chunks=-(-passes // 8) + 1,
        tokens=tokens,
        tokens_per_second=2000.0,
        seconds=float(f"{tokens / 2000:.3g}"),
        seconds_range=cost["seconds_range"],
    )
    assert cost["seconds_range"][0] < cost["seconds"] < cost["seconds_range"][1]

    made = sample_alignment(api, body, samplings=settings, name="golden")
    assert made.status_code == 201, made.content
    provenance = api.get("/api/contexts/golden/").json()["provenance"]
    assert provenance["alignment"]["digest"] == body["digest"]

    job = {"model": "e1-demo", "action": "scan", "params": {"contexts": {"set": "golden"}}}
    job["items"] = [{"sequence": body["parent"]}]
    estimate = api.post("/api/estimate/", job, format="json").json()
    assert {name: estimate["units" if name == "passes" else name] for name in cost} == cost
    assert [context["rows"] for context in provenance["contexts"]] == [draw["rows"] for draw in GOLDEN["draws"]]
    assert provenance["contexts"][0]["sampling"] == settings[0]
    rows = read_alignment(A3M.read_bytes()).sequences
    assert context_set_sequences(person, "golden") == [
        tuple(rows[row] for row in draw["rows"]) for draw in GOLDEN["draws"]
    ]


@needs_alignment
def test_the_published_ensemble(api):
    body = stored_alignment(api, A3M.read_bytes(), "BLAT_ECOLX.a3m")
    made = sample_alignment(api, body, preset="published_ensemble", seed=3, name="blat-15").json()
    samplings = [context["sampling"] for context in made["provenance"]["contexts"]]
    assert (made["count"], made["source"], made["provenance"]["preset"]) == (15, "alignment", "published_ensemble")
    assert [one["seed"] for one in samplings] == list(range(3, 18))
    assert [(one["max_residues"], one["max_similarity"]) for one in samplings[:6]] == [
        *((6144, share) for share in (1.0, 0.95, 0.9, 0.7, 0.5)),
        (12288, 1.0),
    ]
    assert sample_alignment(api, body, preset="published_ensemble", seed=3, name="blat-15").status_code == 201
    assert sample_alignment(api, body, preset="published_ensemble", seed=4, name="blat-15").status_code == 409


def _identity():
    from e1protocol import EngineIdentity

    return EngineIdentity("e1-demo", "0" * 64, "float32", "cpu", "sdpa", "2", "0", demonstration=True)


def test_seeds_count_up_from_the_request(api):
    body = stored_alignment(api)
    shown = sample_alignment(
        api, body, samplings=[{}, {"seed": 40}, {"max_similarity": 0.9}], seed=5, preview=True
    ).json()
    assert [context["sampling"]["seed"] for context in shown["contexts"]] == [5, 40, 7]
    assert shown["contexts"][2]["eligible"] == 2
    assert shown["cost"]["seconds"] is None


@pytest.mark.parametrize(
    ("data", "code", "path"),
    [
        ({}, "no_sampling", "samplings"),
        ({"preset": "published_ensemble", "samplings": [{}]}, "no_sampling", "samplings"),
        ({"preset": "mine"}, "unknown_preset", "preset"),
        ({"samplings": {"seed": 1}}, "bad_sampling", "samplings"),
        ({"samplings": [{}] * 65}, "bad_sampling", "samplings"),
        ({"samplings": [{}, 3]}, "bad_sampling", "samplings.1"),
        ({"samplings": [{"budget": 3}]}, "unknown_field", "samplings.0.budget"),
        ({"samplings": [{"max_residues": 1.5}]}, "bad_sampling", "samplings.0.max_residues"),
        ({"samplings": [{"seed": True}]}, "bad_sampling", "samplings.0.seed"),
        ({"samplings": [{"max_similarity": 2}]}, "bad_sampling", "samplings.0.max_similarity"),
        ({"samplings": [{"neighbour_threshold": n / 10} for n in range(3, 8)]}, "bad_sampling", "samplings"),
        ({"samplings": [{}], "seed": -1}, "bad_seed", "seed"),
        ({"samplings": [{}], "preview": 1}, "wrong_type", "preview"),
        ({"samplings": [{}], "preview": True, "action": "fold"}, "unknown_action", "action"),
        ({"samplings": [{}], "preview": True, "model": "e9"}, "unknown_model", "model"),
        ({"samplings": [{}], "name": "a b"}, "bad_name", "name"),
        ({"samplings": [{}]}, "bad_name", "name"),
        ({"samplings": [{}], "colour": 1}, "unknown_field", "colour"),
        ({"samplings": [{}, {"max_similarity": 0.2}], "name": "x"}, "no_context", "samplings.1"),
        ({"samplings": [{"max_residues": 3}], "preview": True}, "no_context", "samplings.0"),
    ],
)
def test_refused_samplings(api, data, code, path):
    response = sample_alignment(api, stored_alignment(api), **data)
    assert (response.status_code, response.json()["code"]) == (400, code), response.content
    assert response.json()["errors"][0]["path"] == path
    assert not ContextSet.objects.exists()


# --- deep alignments -------------------------------------------------------------------------------------------------


def test_neighbours_of_a_deep_alignment_are_counted_by_the_service_worker(api, monkeypatch):
    monkeypatch.setattr(alignments, "INLINE_PAIR_WORDS", 5)
    body = stored_alignment(api)
    assert (body["state"], body["effective_depth"]) == ("counting", None)
    waiting = sample_alignment(api, body, samplings=[{}], name="x")
    assert (waiting.status_code, waiting.json()["state"]) == (202, "counting")
    assert int(waiting["Retry-After"]) > 0
    count = NeighbourCount.objects.get()
    assert WORKS["neighbourcount"].run(str(count.pk))
    assert not WORKS["neighbourcount"].run(str(count.pk))
    ready = api.get(body["url"]).json()
    assert (ready["state"], ready["progress"]) == ("ready", 1.0)
    assert sample_alignment(api, body, samplings=[{}], name="x").status_code == 201
    monkeypatch.undo()
    Alignment.objects.all().delete()
    assert stored_alignment(api)["effective_depth"] == ready["effective_depth"]


def test_a_count_that_lost_its_lease_stores_nothing(api, monkeypatch):
    monkeypatch.setattr(alignments, "INLINE_PAIR_WORDS", 5)
    monkeypatch.setattr(leased, "RENEW_SECONDS", 0)
    stored_alignment(api)
    count = NeighbourCount.objects.get()

    def load(row):
        background.work_cancel(count)
        return read_alignment(SMALL_ALIGNMENT)

    monkeypatch.setattr(alignments, "alignment_load", load)
    assert not WORKS["neighbourcount"].run(str(count.pk))
    count.refresh_from_db()
    assert (count.state, bytes(count.counts)) == ("cancelled", b"")


def test_a_count_of_damaged_rows_fails_with_its_reason_and_is_tried_again(api, monkeypatch):
    monkeypatch.setattr(alignments, "INLINE_PAIR_WORDS", 5)
    body = stored_alignment(api)
    row = Alignment.objects.get()
    row.blocks.update(data=b"not packed rows")
    count = NeighbourCount.objects.get()
    assert not WORKS["neighbourcount"].run(str(count.pk))
    shown = api.get(body["url"]).json()
    assert shown["state"] == "failed"
    assert "cannot be read" in shown["reason"]
    told = sample_alignment(api, body, samplings=[{}], name="x")
    assert (told.status_code, told.json()["state"]) == (202, "counting")
    assert "tried again" in told.json()["reason"]
    count.refresh_from_db()
    assert count.state == "waiting"


def test_lost_counts_are_published_again_and_given_up_at_last(api, monkeypatch):
    monkeypatch.setattr(alignments, "INLINE_PAIR_WORDS", 5)
    stored_alignment(api)
    count = NeighbourCount.objects.get()
    published = []
    monkeypatch.setattr(background, "work_publish", lambda work: published.append(work.pk) or True)
    long_ago = "2020-01-01T00:00:00Z"
    for _ in range(background.MAX_ATTEMPTS):
        assert background.work_claim(NeighbourCount, count.pk) is not None
        assert background.work_claim(NeighbourCount, count.pk) is None
        NeighbourCount.objects.update(lease_end=long_ago, published_at=long_ago)
        background.works_tend(NeighbourCount)
    assert published == [count.pk] * (background.MAX_ATTEMPTS - 1)
    count.refresh_from_db()
    assert (count.state, "3 times" in count.reason) == ("failed", True)
