"""The bad records of a job by the client and by `e1 bad-records`, mended and sent again."""

from __future__ import annotations

import csv
import io

import pytest
from typer.testing import CliRunner

from e1client.api import Client
from e1client.cli import app
from e1client.errors import Rejected, UsageError
from tests.factories import SHORT

pytestmark = pytest.mark.django_db(transaction=True)

FILE = b">good\nMKTAYIAKQR\n>gaps Homo sapiens\nMKT\nAY-I\n>digits\nMK1\n"


@pytest.fixture
def client(signed_in):
    with Client() as connected:
        yield connected


def submitted(client, data=FILE, **options):
    return client.submit(io.BytesIO(data), model="e1-demo", action="encode", on_invalid="skip", **options)


@pytest.mark.parametrize("format", ["fasta", "csv"])
def test_mended_records_are_taken_by_another_job(client, tmp_path, format):
    job = submitted(client)
    path = client.bad_records(job, tmp_path / f"bad.{format}")
    path.write_text(path.read_text().replace("AY-I", "AYI").replace("MK1", "MK"))
    again = client.submit(path, model="e1-demo", action="encode")
    assert [item["name"] for item in client.items(again)] == ["gaps", "digits"]


def test_the_command_writes_csv_unless_another_format_is_named(client, tmp_path):
    job = submitted(client)

    def run(*arguments):
        return CliRunner().invoke(app, ["bad-records", job.id, *arguments], catch_exceptions=False)

    done = run()
    assert done.stderr.endswith(f"wrote {job.id}-bad-records.csv\n")
    rows = list(csv.DictReader(io.StringIO((tmp_path / f"{job.id}-bad-records.csv").read_text())))
    assert [(row["name"], row["code"]) for row in rows] == [("gaps", "bad_letter"), ("digits", "bad_letter")]
    assert run("--out", "bad.fasta").exit_code == 0
    assert (tmp_path / "bad.fasta").read_text().startswith(">gaps Homo sapiens [bad_letter")
    assert run("--format", "fasta").exit_code == 0
    assert (tmp_path / f"{job.id}-bad-records.fasta").exists()
    wrong = run("--out", "bad.npz")
    assert wrong.exit_code == 2
    assert ".fasta, .csv" in wrong.stderr


def test_a_job_without_bad_records_has_an_empty_file(client, tmp_path):
    job = submitted(client, b">good\nMKT\n")
    assert client.bad_records(job, tmp_path / "bad.fasta").read_bytes() == b""
    assert client.bad_records(job, tmp_path / "bad.csv").read_text().startswith("name,sequence,line")


def test_variants_have_csv_only(client, tmp_path):
    job = client.submit(
        io.BytesIO(b"K2R\nA3S\n"), model="e1-demo", action="score", params={"parent": SHORT}, on_invalid="skip"
    )
    with pytest.raises(Rejected) as caught:
        client.bad_records(job, tmp_path / "bad.fasta")
    assert "csv" in caught.value.problems[0]["remedy"]
    assert "A3S" in client.bad_records(job, tmp_path / "bad.csv").read_text()
    with pytest.raises(UsageError):
        client.bad_records(job, tmp_path / "bad.txt")
