"""Measurements, columns and sheets by command: what the service reads, `e1` sends and shows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from e1client.analysis_cli import assay_lines
from e1client.cli import app
from jobs.models import Assay, Item, Job
from tests.factories import sent
from tests.field_cases import CASES, PARENT
from tests.libraries import grouped
from tests.parsing.books import written

pytestmark = pytest.mark.django_db(transaction=True)

TINY = Path(__file__).parents[1] / "data" / "e1-random-tiny"
BOOK = written(
    [["name", "sequence"], ["a", "MKTAYIAKQR"]],
    name="Data",
    Other=[["name", "sequence"], ["c", "MKTW"]],
    Scores=[["mutant", "score"], ["K2R", 1], ["T3S", "0,5"]],
    Values=[["name", "activity"], ["protein0", 2]],
)


@pytest.fixture
def e1(signed_in, tmp_path):
    (tmp_path / "book.xlsx").write_bytes(BOOK)

    def command(*args):
        result = CliRunner().invoke(app, [*map(str, args), "--json"], catch_exceptions=False)
        shown = [json.loads(line) for line in result.stdout.splitlines()]
        return result.exit_code, shown[0] if shown else {}, result.stderr

    return command


@pytest.fixture
def scores(api):
    return sent(api, "score", [{"variant": "K2R"}], parent=PARENT)["id"]


def stored():
    return list(Item.objects.order_by("index").values_list("name", "sequence"))


def test_a_sheet_is_named_by_each_command_of_a_library(e1):
    to = ("--action", "log_prob", "--model", "e1-demo")
    assert e1("estimate", "book.xlsx", *to, "--sheet", "Other")[1]["residues"] == 4
    code, job, _ = e1("submit", "book.xlsx", *to, "--sheet", "Other")
    assert (code, stored()) == (0, [("c", "MKTW")])
    assert e1("extend", job["id"], "book.xlsx", "--sheet", "Data")[0] == 0
    assert stored() == [("c", "MKTW"), ("a", "MKTAYIAKQR")]
    code, _, said = e1("submit", "book.xlsx", *to, "--sheet", "Third")
    assert (code, "no_such_sheet" in said, "Data, Other, Scores, Values" in said) == (3, True, True)


def test_e1_run_takes_the_sheet_that_the_option_names(tmp_path):
    file, out = tmp_path / "book.xlsx", tmp_path / "out.jsonl"
    file.write_bytes(BOOK)

    def run(sheet):
        line = ["run", str(file), "--action", "log_prob", "--model", str(TINY), "--out", str(out), "--sheet", sheet]
        return CliRunner().invoke(app, line)

    assert run("Other").exit_code == 0
    assert [json.loads(row)["name"] for row in out.read_text().splitlines()] == ["c"]
    refused = run("Third")
    assert (refused.exit_code, "no sheet named Third" in refused.stderr) == (3, True)


def test_measurements_are_sent_from_the_sheet_and_compared(e1, scores):
    code, body, _ = e1("assay", scores, "book.xlsx", "--sheet", "Scores", "--value-column", "score")
    assert (code, body["variant_column"], body["value_column"], body["counts"]["rows"]) == (0, "mutant", "score", 2)
    assert Assay.objects.get().names == ["K2R", "T3S"]
    lines = list(assay_lines(body))
    assert lines[2] == "  rows        2, 0 with a score"
    assert any("decimal comma" in line for line in lines)
    code, _, said = e1("assay", scores, "book.xlsx", "--sheet", "Third")
    assert (code, "no_such_sheet" in said) == (3, True)


ASSAYS = {
    "comma-in-quoted-header/assay.csv": ["K2R", "T3S"],
    "excel-sep-line/assay.csv": ["K2R"],
    "decimal-comma/scores.csv": (2, "wrong_field_count"),
    "decimal-comma/note-with-comma.csv": (4, "wrong_field_count"),
}


def test_tables_of_measurements_as_people_have_them(e1, scores):
    for name, wanted in ASSAYS.items():
        Assay.objects.all().delete()
        code, _, said = e1("assay", scores, CASES / name)
        if isinstance(wanted, list):
            assert (code, Assay.objects.get().names) == (0, wanted), (name, said)
        else:
            problem = json.loads(said)["errors"][0]
            assert (code, problem["line"], problem["code"]) == (3, *wanted)
            assert not Assay.objects.exists()


def test_bad_rows_of_measurements_are_left_out_if_they_may_be(e1, scores, tmp_path):
    (tmp_path / "x.csv").write_text("mutant,score\nK2R,1\nT3S,many\nA4T,2\n")
    assert e1("assay", scores, "x.csv")[0] == 3
    code, body, _ = e1("assay", scores, "x.csv", "--on-invalid", "skip", "--offset", "0")
    assert (code, body["counts"]["rows"], [note["code"] for note in body["notes"]]) == (0, 2, ["bad_rows"])


COLUMNS = {
    "decimal-comma/activity.csv": "activity",
    "pandas-index/to_csv.csv": "activity",
    "comma-in-quoted-header/columns.csv": None,
    "decimal-comma/note-with-comma.csv": 4,
}


@pytest.fixture
def library(person):
    lib = grouped(3, names=["protein0", "NA", "nan"])
    Job.objects.filter(pk=lib.job.pk).update(owner=person)
    return lib.job.pk


def test_columns_as_people_have_them(e1, library):
    for name, wanted in COLUMNS.items():
        code, body, said = e1("columns", library, CASES / name)
        if isinstance(wanted, int):
            assert (code, json.loads(said)["errors"][0]["line"]) == (3, wanted)
        else:
            assert code == 0, (name, said)
            assert wanted is None or wanted in [column["name"] for column in body["columns"]]


def test_columns_take_a_sheet_and_leave_bad_rows_out_if_they_may(e1, library, tmp_path):
    code, body, _ = e1("columns", library, "book.xlsx", "--sheet", "Values")
    assert (code, body["matching"]["matched_items"]) == (0, 1)
    assert e1("columns", library, "book.xlsx", "--sheet", "Third")[0] == 3
    (tmp_path / "x.csv").write_text('name,activity\nprotein0,1\nNA,2,3\nnan,"4"\n')
    code, _, said = e1("columns", library, "x.csv")
    assert (code, json.loads(said)["errors"][0]["line"]) == (3, 3)
    code, body, _ = e1("columns", library, "x.csv", "--on-invalid", "skip")
    assert (code, body["matching"]["matched_items"]) == (0, 2)
    assert "bad_rows" in json.dumps(body)


# --- lists and tables of variants -----------------------------------------------------------------

VARIANTS = {
    "joined-variants/doubles.txt": None,
    "joined-variants/hyphen.txt": None,
    "comma-in-quoted-header/assay.csv": ["K2R", "T3S"],
    "excel-sep-line/assay.csv": ["K2R"],
    "decimal-comma/scores.csv": "line 2",
    "decimal-comma/note-with-comma.csv": "line 4",
}


def test_variants_as_people_have_them_by_submit_and_by_run(e1, tmp_path):
    more = ("--action", "score", "--param", f"parent={PARENT}", "--param", "method=wildtype_marginal")
    for name, wanted in VARIANTS.items():
        file, out = CASES / name, tmp_path / "out.jsonl"
        names = file.read_text().split() if wanted is None else wanted
        code, job, said = e1("submit", file, "--model", "e1-demo", *more)
        line = ["run", str(file), *more, "--model", str(TINY), "--out", str(out)]
        ran = CliRunner().invoke(app, line, catch_exceptions=False)
        if isinstance(names, str):
            assert (code, ran.exit_code) == (3, 3)
            problem = json.loads(said)["errors"][0]
            assert (problem["code"], f"line {problem['line']}") == ("wrong_field_count", names)
            assert names in ran.stderr
        else:
            assert (code, ran.exit_code) == (0, 0), (name, said, ran.stderr)
            found = Item.objects.filter(job=job["id"]).order_by("index").values_list("name", flat=True)
            assert list(found) == names
            assert [json.loads(row)["name"] for row in out.read_text().splitlines()] == names
