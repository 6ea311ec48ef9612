"""Homolog searches: libraries, what is found in them, and the life of a search."""

from __future__ import annotations

import gzip
import io
import random
import shutil
from pathlib import Path

import orjson
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from e1protocol import CANONICAL
from jobs.alignments import databases, leased, searches
from jobs.alignments.databases import database_add
from jobs.background import leases as background
from jobs.errors import InvalidInput, TooLarge
from jobs.library.alignments import alignment_load
from jobs.models import Alignment, HomologSearch, SequenceDatabase
from jobs.science.alignments import homologs, libraries, mmseqs
from jobs.science.alignments.homologs import SearchSettings
from jobs.science.alignments.libraries import library_blocks
from jobs.tasks.works import WORKS
from tests.helpers import post
from tests.needed import needed_program, unavailable
from tests.queue.lock_checks import assert_counted_under_the_owners_lock

pytestmark = pytest.mark.django_db

EXAMPLES = Path("/usr/share/doc/mmseqs2/example-data/DB.fasta.gz")
RANDOM = random.Random(20)
PARENT = "".join(RANDOM.choices(CANONICAL, k=180))


def mutated(sequence, share):
    return "".join(RANDOM.choice(CANONICAL) if RANDOM.random() < share else letter for letter in sequence)


FAMILY = {f"fam{n}": mutated(PARENT, 0.1 + 0.02 * n) for n in range(20)}
"""From 10 to 48 of 100 residues redrawn."""
HALF = mutated(PARENT[:60], 0.1)
"""Covers a third of the parent."""
NOISE = {f"other{n}": "".join(RANDOM.choices(CANONICAL, k=200)) for n in range(300)}


def fasta(entries):
    return "".join(f">{name} some words\n{sequence}\n" for name, sequence in entries).encode()


LIBRARY = fasta(sorted({**FAMILY, **NOISE, "half": HALF}.items()))


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.E1_DATABASES = str(tmp_path / "databases")
    return tmp_path / "databases"


@pytest.fixture
def library(folder, tmp_path):
    (tmp_path / "library.fasta").write_bytes(LIBRARY)
    database, _ = database_add(name="small", file=tmp_path / "library.fasta")
    return database


def start(api, **data):
    return post(api, "/api/searches/", {"database": "small", "parent": PARENT, **data})


def run(search):
    return WORKS["homologsearch"].run(str(search["id"]))


# --- what is found ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("tool", ["hmmer", "mmseqs2"])
def test_a_planted_family_becomes_an_alignment(api, library, tool):
    if tool == "mmseqs2":
        needed_program("mmseqs", package="mmseqs2")
    response = start(api, tool=tool, iterations=2, name="family")
    assert response.status_code == 202, response.content
    assert (response.json()["state"], response.json()["alignment"]) == ("waiting", None)
    assert run(response.json())
    done = api.get(response["Location"]).json()
    assert (done["state"], done["progress"], done["hits"]) == ("done", 1.0, 21)
    alignment = api.get(done["alignment"]).json()
    assert (alignment["name"], alignment["source"], alignment["state"]) == ("family", "search", "ready")
    assert (alignment["parent"], alignment["columns"], alignment["depth"]) == (PARENT, 180, 21)
    assert [(row["code"], row["record"].split("/")[0]) for row in alignment["skipped"]] == [("low_coverage", "half")]
    rows = alignment_load(Alignment.objects.get())
    assert rows.names[0] == "parent"
    assert {name.split("/")[0] for name in rows.names[1:]} == set(FAMILY)
    for name, sequence in zip(rows.names[1:], rows.sequences[1:], strict=True):
        assert sequence in FAMILY[name.split("/")[0]]
    made = api.post(
        f"{done['alignment']}sample/",
        orjson.dumps({"samplings": [{"max_residues": 1000, "max_similarity": 0.9}], "name": "x"}),
        content_type="application/json",
    )
    assert made.status_code == 201, made.content


def test_thresholds(api, library):
    assert run(start(api, min_coverage=0.2).json())
    assert run(start(api, max_homologs=5).json())
    assert run(start(api, evalue=1e-60, iterations=1).json())
    strict, five, loose = (
        HomologSearch.objects.get(settings__contains=s)
        for s in ({"evalue": 1e-60}, {"max_homologs": 5}, {"min_coverage": 0.2})
    )
    assert loose.alignment.depth == 22
    assert (five.hits, five.alignment.depth) == (5, 6)
    assert 0 < strict.hits < 20


def test_nothing_found_is_an_alignment_of_the_parent_alone(api, library):
    assert run(start(api, parent="W" * 60).json())
    done = HomologSearch.objects.get()
    assert (done.hits, done.converged, done.alignment.depth) == (0, True, 1)


@pytest.mark.slow
@pytest.mark.parametrize("iterations", [1, 3])
def test_it_finds_what_hmmer_finds_in_the_whole(folder, monkeypatch, iterations):
    import pyhmmer

    if not EXAMPLES.exists():
        unavailable("there are no 20,000 proteins; on Debian and Ubuntu install the package mmseqs2-examples")
    monkeypatch.setattr("jobs.science.alignments.libraries.BLOCK_RESIDUES", 1_000_000)
    database, facts = database_add(name="examples", file=EXAMPLES)
    assert (facts.sequences, facts.left_out) == (20_000, 0)
    alphabet = pyhmmer.easel.Alphabet.amino()
    with pyhmmer.easel.SequenceFile(
        io.BytesIO(gzip.decompress(EXAMPLES.read_bytes())), format="fasta", digital=True, alphabet=alphabet
    ) as file:
        whole = file.read_block()
    query = whole[7]
    parent = alphabet.decode(query.sequence)
    oracle = next(pyhmmer.hmmer.jackhmmer(query, whole, cpus=1, max_iterations=iterations, incE=1e-3, incdomE=1e-3))
    shares = []
    at = databases.database_folder(database)
    found = homologs.search(
        parent,
        lambda: library_blocks(at),
        facts.sequences,
        SearchSettings(iterations=iterations, min_coverage=0.0),
        lambda iteration, share: shares.append((iteration, share)),
    )
    assert (found.hits, found.iterations) == (len(oracle.hits.included), oracle.iteration)
    assert found.hits > 30
    expected = dict(zip(oracle.msa.names, oracle.msa.textize().alignment, strict=True))
    del expected[query.name]
    assert found.alignment.parent == parent
    assert sorted(found.alignment.names[1:]) == sorted(expected)
    of_parent = [letter == "x" for letter in oracle.msa.textize().reference]
    for name, columns, sequence in zip(
        *(part[1:] for part in (found.alignment.names, found.alignment.columns, found.alignment.sequences)), strict=True
    ):
        row = expected[name]
        assert sequence == row.replace("-", "")
        assert columns.tobytes().decode() == "".join(c for c, own in zip(row, of_parent, strict=True) if own)
    assert len({share for _, share in shares}) == 10
    assert shares[-1] == (iterations, 1.0)


# --- libraries -------------------------------------------------------------------------------------------------------


def test_blocks_hold_the_whole_library(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("jobs.science.alignments.libraries.BLOCK_RESIDUES", 1000)
    (tmp_path / "x.fasta").write_bytes(LIBRARY)
    database, facts = database_add(name="x", file=tmp_path / "x.fasta")
    parts = list(library_blocks(databases.database_folder(database)))
    assert len(parts) > 50
    shares = [share for share, _ in parts]
    assert (shares, shares[-1]) == (sorted(shares), 1.0)
    text = b"".join(block for _, block in parts)
    assert text == (databases.database_folder(database) / "sequences.fasta").read_bytes()
    assert text.count(b">") == facts.sequences == 321


@pytest.mark.parametrize(
    ("limit", "value", "code"),
    [
        ("MAX_LIBRARY_SEQUENCES", 300, "too_many_sequences"),
        ("LIBRARY_SPARES_BYTES", 1 << 60, "no_room"),
        ("MAX_LIBRARY_BYTES", 10_000, "upload_too_large"),
    ],
)
def test_a_library_that_is_too_large_is_given_up(folder, tmp_path, monkeypatch, limit, value, code):
    module = databases if hasattr(databases, limit) else libraries
    monkeypatch.setattr(module, limit, value)
    (tmp_path / "x.fasta").write_bytes(LIBRARY)
    with pytest.raises(TooLarge) as caught:
        database_add(name="x", file=tmp_path / "x.fasta")
    assert (caught.value.code, bool(caught.value.problems[0].remedy)) == (code, True)
    assert list(folder.iterdir()) == []
    assert not SequenceDatabase.objects.exists()


def test_a_library_of_faults_is_given_up(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("jobs.parsing.tally.MAX_BAD_RECORDS", 3)
    (tmp_path / "x.fasta").write_bytes(b">a\n" * 50 + LIBRARY)
    with pytest.raises(InvalidInput, match="4 of the first 4 records"):
        database_add(name="x", file=tmp_path / "x.fasta", skip_invalid=True)


def test_names_may_repeat_and_odd_letters_are_told(folder, tmp_path, capsys):
    (tmp_path / "x.fasta").write_bytes(b">a one\nmktj\n>a two\nMKU*\n")
    call_command("e1_database", "add", "x", str(tmp_path / "x.fasta"))
    assert "1 residues J" in capsys.readouterr().out
    ((_, text),) = library_blocks(databases.database_folder(SequenceDatabase.objects.get()))
    assert text == b">0 a one\nMKTX\n>1 a two\nMKU\n"
    call_command("e1_database", "list")
    assert "x: 2 sequences, 7 residues" in capsys.readouterr().out


def test_bad_records_stop_it_or_are_left_out(folder, tmp_path, capsys):
    (tmp_path / "x.fasta").write_bytes(b">a\nMKT\n>b\nM1T\n>c\n\n")
    with pytest.raises(CommandError, match=r"line 4, column 2.*(?s:.*)empty_sequence"):
        call_command("e1_database", "add", "x", str(tmp_path / "x.fasta"))
    assert not SequenceDatabase.objects.exists()
    assert list(folder.iterdir()) == []
    call_command("e1_database", "add", "x", str(tmp_path / "x.fasta"), "--skip-invalid")
    assert "2 bad records were left out" in capsys.readouterr().out
    with pytest.raises(CommandError, match="remove it first"):
        call_command("e1_database", "add", "x", str(tmp_path / "x.fasta"), "--skip-invalid")
    call_command("e1_database", "remove", "x")
    assert list(folder.iterdir()) == []
    with pytest.raises(CommandError, match="no database"):
        call_command("e1_database", "remove", "x")


@pytest.mark.parametrize(
    ("content", "name", "word"),
    [
        (b"", "x", "no records"),
        (b">a\nM1T\n", "x", "bad_letter"),
        (b">a\nMKT\n", "../x", "not a name"),
        (None, "x", "No such"),
    ],
)
def test_libraries_that_cannot_be_added(folder, tmp_path, content, name, word):
    if content is not None:
        (tmp_path / "x.fasta").write_bytes(content)
    with pytest.raises(CommandError, match=word):
        call_command("e1_database", "add", name, str(tmp_path / "x.fasta"))
    assert not SequenceDatabase.objects.exists()


def test_a_service_without_a_folder_says_so(settings, tmp_path):
    settings.E1_DATABASES = ""
    (tmp_path / "x.fasta").write_bytes(b">a\nMKT\n")
    with pytest.raises(CommandError, match="E1_DATABASES"):
        call_command("e1_database", "add", "x", str(tmp_path / "x.fasta"))


# --- the life of a search --------------------------------------------------------------------------------------------


def test_libraries_are_listed_for_everybody(api, library):
    (listed,) = api.get("/api/databases/").json()["results"]
    assert (listed["name"], listed["sequences"]) == ("small", 321)
    assert APIClient().get("/api/databases/").status_code == 401


@pytest.mark.parametrize(
    ("data", "code", "path"),
    [
        ({"database": "absent"}, "unknown_database", "database"),
        ({"database": ""}, "missing_field", "database"),
        ({"parent": " "}, "missing_field", "parent"),
        ({"parent": "MK1T"}, "bad_letter", "parent"),
        ({"parent": "MKJT"}, "bad_letter", "parent"),
        ({"parent": "MK?T"}, "mask_not_allowed", "parent"),
        ({"parent": ">a\nMKT\n>b\nMKT"}, "several_parents", "parent"),
        ({"parent": "A" * 8189}, "sequence_too_long", "parent"),
        ({"iterations": 0}, "bad_search", "iterations"),
        ({"iterations": 1.5}, "bad_search", "iterations"),
        ({"evalue": 0}, "bad_search", "evalue"),
        ({"evalue": "1"}, "bad_search", "evalue"),
        ({"min_coverage": 1.1}, "bad_search", "min_coverage"),
        ({"max_homologs": 10**6}, "bad_search", "max_homologs"),
        ({"tool": "blast"}, "bad_search", "tool"),
        ({"colour": 1}, "unknown_field", "colour"),
        ({"name": 3}, "bad_name", "name"),
    ],
)
def test_refused_searches(api, library, data, code, path):
    response = start(api, **data)
    assert (response.status_code, response.json()["code"]) == (400, code), response.content
    assert response.json()["errors"][0]["path"] == path
    assert not HomologSearch.objects.exists()


def test_a_missing_package_or_program_is_said(api, library, monkeypatch):
    monkeypatch.setattr(homologs, "find_spec", lambda name: None)
    refused = start(api)
    assert (refused.status_code, refused.json()["code"]) == (503, "package_missing")
    assert "service" in refused.json()["detail"]
    monkeypatch.setattr(mmseqs, "PROGRAM", "no-such-program")
    assert start(api, tool="mmseqs2").json()["code"] == "program_missing"


def test_a_cancelled_search_ends_and_keeps_nothing(api, library, monkeypatch):
    monkeypatch.setattr(leased, "RENEW_SECONDS", 0)
    waiting = start(api).json()
    assert api.post(waiting["links"]["cancel"]).json()["state"] == "cancelled"
    assert not run(waiting)
    running = start(api).json()

    def blocks(folder):
        assert api.get(running["url"]).json()["state"] == "running"
        assert api.post(running["links"]["cancel"]).status_code == 200
        return library_blocks(folder)

    monkeypatch.setattr(searches, "library_blocks", blocks)
    assert not run(running)
    shown = api.get(running["url"]).json()
    assert (shown["state"], shown["alignment"]) == ("cancelled", None)
    assert api.post(running["links"]["cancel"]).status_code == 200
    assert not Alignment.objects.exists()
    assert api.delete(running["url"]).status_code == 204
    assert api.get(running["url"]).status_code == 404


def test_progress_is_over_all_iterations(api, library, monkeypatch):
    monkeypatch.setattr(leased, "RENEW_SECONDS", 0)
    search = start(api, iterations=2).json()
    seen = []
    renew = background.work_renew

    def watched(work, **changes):
        seen.append(changes)
        return renew(work, **changes)

    monkeypatch.setattr(leased, "work_renew", watched)
    assert run(search)
    assert seen == [dict(progress=0.5, iteration=1), dict(progress=1.0, iteration=2)]
    over = api.post(search["links"]["cancel"])
    assert (over.status_code, over.json()["code"]) == (409, "search_is_over")


def test_a_library_that_is_gone_fails_the_search_with_a_reason(api, library, folder):
    search = start(api).json()
    shutil.rmtree(folder)
    assert not run(search)
    assert "cannot be read" in api.get(search["url"]).json()["reason"]
    search = start(api).json()
    SequenceDatabase.objects.all().delete()
    assert not run(search)
    shown = api.get(search["url"]).json()
    assert (shown["state"], shown["reason"]) == ("failed", "the database small was removed")
    assert shown["database"]["digest"] == library.digest


def test_searches_belong_to_their_owner_and_wait_in_line(api, other_api, library):
    search = start(api).json()
    assert other_api.get("/api/searches/").json()["results"] == []
    assert other_api.get(search["url"]).status_code == 404
    assert other_api.delete(search["url"]).status_code == 404
    assert other_api.post(search["links"]["cancel"]).status_code == 404
    for _ in range(searches.MAX_OPEN - 1):
        assert start(api).status_code == 202
    refused = start(api)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_searches")
    assert start(other_api).status_code == 202
    assert len(api.get("/api/searches/").json()["results"]) == searches.MAX_OPEN


def test_open_searches_are_counted_under_their_owners_lock(api, library):
    with CaptureQueriesContext(connection) as asked:
        assert start(api).status_code == 202
    assert_counted_under_the_owners_lock(asked, counted="jobs_homologsearch", stored="jobs_homologsearch")
