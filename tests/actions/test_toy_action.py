"""A new action is one module and one line of the registry: the service, `e1 run` and all formats then know it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import h5py
import numpy as np
import orjson
import pandas as pd
import pytest

from jobs import actions
from jobs.errors import InvalidInput
from jobs.models import Job, Output
from jobs.results.export import Part, export_open
from tests.actions.toy_action import Toy
from tests.results.export_checks import content, hdf5
from worker.run_file import run

SEQUENCES = ["MKTAYIAKQR", "MKTAY", "ACDEFGHIKLMNPQRSTVWY"]
PLAIN, EACH, TWO = {"first": 2}, {"each": True}, {"contexts": [["MKTAYIA"], ["ACDEFGH", "MKT"]]}

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    monkeypatch.setitem(actions.ACTIONS, "toy", Toy())


def body(params):
    items = [{"sequence": sequence, "name": f"p{n}"} for n, sequence in enumerate(SEQUENCES)]
    return {"model": "e1-demo", "action": "toy", "params": params, "items": items}


@pytest.fixture
def computed(api, inline_worker):
    """Return a job of the toy action, computed by the inline worker."""

    def make(params) -> Job:
        answer = api.post("/api/jobs/", body(params), format="json")
        assert answer.status_code == 202, answer.json()
        inline_worker()
        return Job.objects.get(pk=answer.json()["id"], state="succeeded")

    return make


@pytest.fixture
def written(tmp_path):
    """Return the file that `e1 run` writes for the same library."""

    def write(params, suffix, **more) -> Path:
        (tmp_path / "in.json").write_text(json.dumps(body(params)))
        out = tmp_path / f"out.{suffix}"
        how = {"action": None, "model": None, "context": None, "params": {}, "on_invalid": "reject", "name": ""}
        assert run(tmp_path / "in.json", out=out, report=lambda done, total: None, **how, **more) == 0
        return out

    return write


def numbers_of(npz, h5, parquet) -> list[dict[str, np.ndarray]]:
    """Return the flat arrays of each file by name."""
    with np.load(npz) as arrays, h5 if isinstance(h5, h5py.File) else h5py.File(h5) as file:
        found = [{name: one[name][:].ravel() for name in one if one[name].dtype.kind == "f"} for one in (arrays, file)]
    table = pd.read_parquet(parquet).drop(columns=["index", "name"])
    return [*found, {name: np.array(list(flat(table[name]))) for name in table}]


def flat(cells):
    for cell in cells:
        yield from flat(cell) if isinstance(cell, np.ndarray) else [cell]


@pytest.mark.parametrize("params", [PLAIN, EACH, TWO], ids=["plain", "each", "contexts"])
def test_service_and_run_write_the_same_arrays(api, computed, written, params):
    estimate = api.post("/api/estimate/", body(params), format="json").json()
    job = computed(params)
    stored = sum(len(output.data) for output in Output.objects.filter(chunk__job=job))
    assert estimate["output_bytes"] == stored > 0
    names = {"norm", "first"} | ({"norms"} if job.params["each"] else set())
    if "contexts" in params:
        names |= {f"{name}_{ending}" for name in names for ending in ("spread", "single")}
    served = numbers_of(io.BytesIO(content(job, "npz")), hdf5(job), io.BytesIO(content(job, "parquet")))
    ran = numbers_of(*(written(params, suffix) for suffix in ("npz", "h5", "parquet")))
    for arrays in served + ran:
        assert set(arrays) == names
        for name, array in arrays.items():
            np.testing.assert_allclose(array, served[0][name], rtol=1e-4, atol=1e-5, err_msg=name)


def test_json_lines_hold_its_results(computed, written):
    for lines in (content(computed(EACH), "jsonl"), written(EACH, "jsonl").read_bytes()):
        results = [orjson.loads(line)["result"] for line in lines.splitlines()]
        assert [set(result) for result in results] == [{"norm", "first", "norms"}] * 3
        assert [len(result["norms"]) for result in results] == list(map(len, SEQUENCES))


def test_csv_has_a_cell_for_each_number(computed, written):
    for table in (content(computed(PLAIN), "csv"), written(PLAIN, "csv").read_bytes()):
        head, *lines = table.decode().splitlines()
        assert head == "index,name,state,error,norm,first_0,first_1"
        assert [line.count(",") for line in lines] == [6] * 3


def test_rows_for_each_residue_are_a_table_of_their_own(computed, written):
    job = computed(EACH)
    with pytest.raises(InvalidInput, match=r"norm \(a row for each item\), norms \(a row for each residue\)"):
        content(job, "csv")
    with pytest.raises(InvalidInput, match="norms"):
        written(EACH, "csv")
    tables = [b"".join(export_open(job, "csv", Part("norms")).blocks), written(EACH, "csv", table="norms").read_bytes()]
    for table in tables:
        rows = pd.read_csv(io.BytesIO(table))
        assert list(rows.columns) == ["index", "name", "position", "residue", "norms", "error"]
        assert "".join(rows["residue"]) == "".join(SEQUENCES)
    served, ran = (pd.read_csv(io.BytesIO(table))["norms"] for table in tables)
    np.testing.assert_allclose(served, ran, rtol=1e-4)


def test_a_workbook_has_a_sheet_for_each_table(computed, written):
    job = computed(EACH)
    for book in (io.BytesIO(content(job, "xlsx")), written(EACH, "xlsx")):
        sheets = pd.read_excel(book, sheet_name=None, engine="calamine")
        assert list(sheets) == ["norm", "norms", "about"]
        assert [len(sheets["norm"]), len(sheets["norms"])] == [3, sum(map(len, SEQUENCES))]
        assert sheets["norm"]["name"].tolist() == ["p0", "p1", "p2"]


def test_synchronous_requests_and_pages_know_it(api, client, person, computed):
    schema = api.get("/api/v3/schema/e1-demo/toy/").json()
    assert set(schema["properties"]["params"]["properties"]) == {"first", "each", "contexts"}
    job = computed(PLAIN)
    client.force_login(person)
    for address in ("/jobs/new/?example=toy", f"/jobs/{job.pk}/", f"/jobs/{job.pk}/items/0/"):
        page = client.get(address)
        assert page.status_code == 200, address
        assert "toy" in page.content.decode()
