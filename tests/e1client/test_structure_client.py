"""`e1 structure` and the client's methods: what is stored, shown, given back and removed."""

from __future__ import annotations

import gzip
import json

import pytest
from typer.testing import CliRunner

from e1client import Client, Rejected, UsageError
from e1client.cli import app
from e1client.structure_cli import structure_lines, table_of_structures
from jobs.models import Structure
from tests.factories import UBIQUITIN, pdb

pytestmark = pytest.mark.django_db(transaction=True)

QUERY = UBIQUITIN[:27]


@pytest.fixture
def client(signed_in, token):
    with Client(url=signed_in, token=token) as connected:
        yield connected


@pytest.fixture
def job(client) -> str:
    return client.submit_items(["MKTAYIAKQR", QUERY], model="e1-demo", action="contacts").id


def e1(*args: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(map(str, args)), catch_exceptions=False)
    return result.exit_code, result.stdout, result.stderr


def test_a_structure_is_stored_compared_given_back_and_removed(client, job, inline_worker, tmp_path):
    packed = gzip.compress(pdb(QUERY, missing=2))
    (tmp_path / "ubiquitin.pdb.gz").write_bytes(packed)
    code, told, _ = e1("structure", "add", job, "ubiquitin.pdb.gz", "--item", 1, "--chain", "A", "--json")
    made = json.loads(told)
    assert (code, made["item"], made["chain"], made["unresolved"], made["precision"]) == (0, 1, "A", [1, 2], None)
    assert client.structure(job, made["id"]) == made
    assert "no contact map" in "\n".join(structure_lines(made))

    inline_worker()
    (listed,) = client.structures(job)
    assert listed["precision"]["pairs"] == 1
    assert "of 1 pairs" in list(table_of_structures([listed]))[1]
    assert json.loads(e1("structure", "list", job, "--json")[1]) == listed

    assert e1("structure", "download", job, made["id"], "--out", "again.pdb.gz")[0] == 0
    assert (tmp_path / "again.pdb.gz").read_bytes() == packed
    assert e1("structure", "remove", job, made["id"])[0] == 0
    assert Structure.objects.count() == 0
    assert client.structures(job) == []


def test_a_file_of_the_same_name_is_not_overwritten(client, job, tmp_path):
    file = tmp_path / "u.pdb"
    file.write_bytes(pdb(QUERY))
    made = client.upload_structure(job, file, item=1)
    file.write_bytes(b"mine")
    with pytest.raises(UsageError) as refused:
        client.download_structure(job, made["id"])
    assert (refused.value.code, file.read_bytes()) == ("bad_output", b"mine")
    file.unlink()
    assert client.download_structure(job, made["id"]).read_bytes() == pdb(QUERY)


def test_a_structure_of_another_protein_is_refused_with_its_code(client, job, tmp_path):
    (tmp_path / "w.pdb").write_bytes(pdb("W" * 10))
    with pytest.raises(Rejected) as refused:
        client.upload_structure(job, tmp_path / "w.pdb", item=1)
    assert refused.value.code == "structure_mismatch"
    code, _, said = e1("structure", "add", job, "w.pdb", "--item", 1)
    assert (code, "structure_mismatch" in said) == (3, True)
