"""The client and `e1 context` against the running web process."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from e1client import Client, Rejected, UsageError
from e1client.cli import app
from e1client.context_text import alignment_lines, preview_lines, set_lines, table_of_alignments, table_of_sets
from e1client.search_cli import search_lines, table_of_databases, table_of_searches
from jobs.alignments import services as alignments
from jobs.alignments.databases import database_add
from jobs.models import Alignment, NeighbourCount
from jobs.tasks.works import WORKS

pytestmark = pytest.mark.django_db(transaction=True)

PARENT = "MSIQHFRVALIPFFAAFCLPVFAHPETLVKVKDAEDQLGARVGYIELDLN"
A3M = b">parent\nMKTAYI\n>a\nMKTaAYI\n>b\nMRTAY-\n>b\n--TAYL\n"


@pytest.fixture
def client(live_server, token) -> Iterator[Client]:
    with Client(url=live_server.url, token=token) as connected:
        yield connected


@pytest.fixture
def e1(signed_in, tmp_path):
    (tmp_path / "family.a3m").write_bytes(A3M)
    (tmp_path / "parent.fasta").write_bytes(b">p\nMKTAYL\n")
    (tmp_path / "homologs.fasta").write_bytes(b">a\nMKT\n>b\nMRT\n")

    def run(*args):
        result = CliRunner().invoke(app, ["context", *map(str, args)], catch_exceptions=False)
        return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()], result.stderr

    return run


def test_from_an_alignment_to_a_set(e1):
    code, (stored,), _ = e1("upload", "family.a3m")
    assert (code, stored["depth"], stored["name"]) == (0, 4, "family.a3m")
    code, (shown,), _ = e1("sample", stored["id"], "--count", "2", "--seed", "3", "--max-residues", "12", "--preview")
    assert (code, [context["sampling"]["seed"] for context in shown["contexts"]]) == (0, [3, 4])
    code, (made,), _ = e1("sample", stored["url"], "--count", "2", "--seed", "3", "--max-residues", 12, "--name", "x")
    rows = [context["rows"] for context in made["provenance"]["contexts"]]
    assert (code, rows) == (0, [context["rows"] for context in shown["contexts"]])
    code, (fifteen,), _ = e1("sample", stored["id"], "--preset", "published_ensemble", "--name", "y")
    assert (code, fifteen["count"]) == (0, 15)
    assert [row["name"] for row in e1("list")[1]] == ["y", "x"]
    assert [row["id"] for row in e1("alignments")[1]] == [stored["id"]]
    assert e1("show", "x")[1] == [made]
    assert e1("delete", "x")[0] == 0
    code, _, errors = e1("show", "x", "--json")
    assert (code, json.loads(errors)["code"]) == (3, "not_found")


def test_quiet_prints_the_id_of_an_alignment_alone(live_server, e1):
    e1("upload", "family.a3m")
    done = CliRunner().invoke(app, ["context", "upload", "family.a3m", "--quiet"], catch_exceptions=False)
    assert done.exit_code == 0
    assert done.stdout.strip() == str(Alignment.objects.get().pk)


def test_plain_homologs(e1):
    code, (made,), _ = e1("add", "homologs.fasta")
    assert (code, made["name"], made["contexts"][0]["sequences"]) == (0, "homologs", 2)


def test_a_parent_that_is_not_the_first_row(e1):
    code, _, errors = e1("upload", "family.a3m", "--parent", "parent.fasta")
    assert code == 3
    assert "first_row_not_parent" in errors
    assert "add_parent" in errors
    code, (stored,), _ = e1("upload", "family.a3m", "--parent", "parent.fasta", "--add-parent")
    assert (code, stored["parent"], stored["depth"]) == (0, "MKTAYL", 5)


@pytest.mark.parametrize(
    "arguments",
    [
        ("upload", "family.a3m", "--add-parent"),
        ("upload", "absent.a3m"),
        ("sample", "7", "--name", "x"),
        ("sample", "8c1c6c0e-3b0a-4b61-9d2d-1c1f0a6f1f6a"),
        ("sample", "8c1c6c0e-3b0a-4b61-9d2d-1c1f0a6f1f6a", "--preset", "published_ensemble", "--count", "2"),
    ],
)
def test_wrong_usage(e1, arguments):
    assert e1(*arguments)[0] == 2


def test_it_waits_while_neighbours_are_counted(client, monkeypatch):
    monkeypatch.setattr(alignments, "INLINE_PAIR_WORDS", 5)
    stored = client.upload_alignment(_stream())
    assert stored["state"] == "counting"
    told = []

    def count(share):
        told.append(share)
        WORKS["neighbourcount"].run(str(NeighbourCount.objects.get().pk))

    made = client.sample_contexts(stored, name="x", samplings=[{}], on_counting=count)
    assert (made["name"], told) == ("x", [0.0])
    assert client.context_set("x", sequences=True)["sequences"][0]
    client.delete_alignment(stored)
    with pytest.raises(Rejected, match="no alignment"):
        client.alignment(stored)
    assert client.context_set("x")["count"] == 1


def test_lists_of_sequences(client):
    client.create_context_set("two", [["MKT"], ["MRT", "MRS"]])
    assert [context["sequences"] for context in client.context_set("two")["contexts"]] == [1, 2]
    with pytest.raises(UsageError):
        client.create_context_set("three", ["MKT"])
    with pytest.raises(UsageError):
        client.context_set("")


def test_text_for_people(client):
    stored = client.upload_alignment(_stream())
    text = "\n".join(alignment_lines(stored))
    assert "4, 6 columns" in text
    assert "0.95-1.00          1  ####" in text
    preview = "\n".join(preview_lines(client.preview_contexts(stored, samplings=[{"max_residues": 12}])))
    assert "12 residues, similarity 0 to 1, seed 0" in preview
    assert "a scan with e1-demo: 6 passes" in preview
    made = client.sample_contexts(stored, name="x", samplings=[{"max_residues": 12}])
    assert "drawn from  stream" in "\n".join(set_lines(made))
    assert "x" in list(table_of_sets(client.context_sets()))[1]
    assert stored["id"] in list(table_of_alignments(client.alignments()))[1]


@pytest.fixture
def library(settings, tmp_path):
    settings.E1_DATABASES = str(tmp_path / "databases")
    path = tmp_path / "library.fasta"
    path.write_text("".join(f">p{n}\n{PARENT[: 40 + n]}\n" for n in range(10)))
    return database_add(name="small", file=path)[0]


def test_a_search_from_the_command(e1, library, tmp_path):
    (tmp_path / "parent.fasta").write_text(f">p\n{PARENT}\n")
    assert [row["name"] for row in e1("databases")[1]] == ["small"]
    code, (begun,), _ = e1("search", "small", "--parent", "parent.fasta", "--iterations", 1, "--name", "mine")
    assert (code, begun["state"], begun["settings"]["iterations"]) == (0, "waiting", 1)
    assert WORKS["homologsearch"].run(begun["id"])
    (done,) = e1("searches")[1]
    assert (done["state"], done["hits"]) == ("done", 10)
    (alignment,) = e1("alignments")[1]
    assert (alignment["name"], alignment["depth"], alignment["source"]) == ("mine", 11, "search")
    code, _, errors = e1("cancel-search", begun["id"], "--json")
    assert (code, json.loads(errors)["code"]) == (3, "search_is_over")
    assert e1("search", "small", "--parent", "absent.fasta")[0] == 2
    assert e1("search", "absent", "--parent", "parent.fasta")[0] == 3


def test_waiting_for_a_search(client, library, monkeypatch):
    monkeypatch.setattr("e1client.contexts.SEARCH_PAUSE", 0.0)
    begun = client.search_homologs(PARENT, database="small", min_coverage=0.9)
    seen = []

    def update(now):
        seen.append(now["state"])
        if now["state"] == "waiting":
            WORKS["homologsearch"].run(begun["id"])

    over = client.wait_search(begun, on_update=update)
    assert seen == ["waiting", "done"]
    assert "found       10 sequences" in "\n".join(search_lines(over))
    assert over["id"] in list(table_of_searches(client.searches()))[1]
    assert "small" in list(table_of_databases(client.databases()))[1]
    again = client.search_homologs(PARENT, database="small")
    assert client.cancel_search(again)["state"] == "cancelled"


def _stream():
    return io.BytesIO(A3M)
