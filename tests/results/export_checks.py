"""Readers of each download, and comparisons of every number with the results of the job."""

from __future__ import annotations

import csv
import io
from itertools import pairwise

import h5py
import numpy as np
import orjson
import pandas as pd
import polars as pl

from jobs.actions.dtypes import dtype_of
from jobs.background.artefacts import artefact_request
from jobs.background.blocks import file_blocks
from jobs.models import Item, Job
from jobs.results.export import export_open
from jobs.tasks.building import artefact_build
from tests.libraries import Library


def content(job: Job, format: str) -> bytes:
    return b"".join(export_open(job, format).blocks)


def json_rows(job: Job) -> list[dict]:
    return [orjson.loads(line) for line in content(job, "jsonl").splitlines()]


def csv_rows(job: Job) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content(job, "csv").decode(), newline="")))


def npz(job: Job) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(content(job, "npz")), allow_pickle=False) as arrays:
        return dict(arrays)


def check_all_formats(lib: Library) -> None:
    """Compare every download with the results of the library."""
    check_jsonl(lib)
    check_npz(lib)
    check_pandas(lib)
    check_polars(lib)
    check_hdf5(lib)
    kinds = set(lib.job.params.get("include", [lib.job.action]))
    if kinds <= {"mean", "log_prob"}:
        check_csv(lib)


def check_pandas(lib: Library) -> None:
    """Parquet as pandas reads it: vectors are arrays in cells."""
    frame = pd.read_parquet(io.BytesIO(content(lib.job, "parquet")))
    check_frame(lib, {name: frame[name].tolist() for name in frame.columns})
    for name in frame.columns:
        if name.startswith("mean_layer_"):
            assert {cell.dtype for cell in frame[name]} == {dtype_of(lib.job.params)}


def check_polars(lib: Library) -> None:
    """Parquet as polars reads it: vectors of fixed length are of its type Array."""
    frame = pl.read_parquet(io.BytesIO(content(lib.job, "parquet")))
    check_frame(lib, {name: frame[name].to_list() for name in frame.columns})
    for name in frame.columns:
        if name.startswith("mean_layer_"):
            assert isinstance(frame.schema[name], pl.Array)
            assert frame[name].to_numpy().dtype == dtype_of(lib.job.params)


def check_frame(lib: Library, columns: dict[str, list]) -> None:
    """One row per succeeded item; ragged arrays are cut where NPZ has offsets."""
    expected = expected_arrays(lib)
    cuts = {"mask_positions": expected.pop("mask_offsets", None)}
    offsets = expected.pop("offsets", None)
    expected.pop("vocab_tokens", None)
    assert sorted(columns) == sorted(expected)
    for name, array in expected.items():
        cut = cuts.get(name, offsets if name == "logits" or name.startswith("per_token") else None)
        rows = list(array) if cut is None else [array[a:b] for a, b in pairwise(cut)]
        assert len(columns[name]) == len(rows)
        for cell, row in zip(columns[name], rows, strict=True):
            got = np.stack([np.asarray(one) for one in cell]) if np.ndim(row) == 2 else np.asarray(cell)
            np.testing.assert_array_equal(got.astype(np.asarray(row).dtype), row, err_msg=name)


def check_hdf5(lib: Library) -> None:
    with hdf5(lib.job) as file:
        expected = expected_arrays(lib)
        assert sorted(file) == sorted(expected)
        for name, array in expected.items():
            got = file[name].asstr()[:] if array.dtype.kind == "U" else file[name][:]
            np.testing.assert_array_equal(got, array, err_msg=name)
            assert array.dtype.kind == "U" or file[name].dtype == array.dtype
        assert file.attrs["job"] == str(lib.job.pk)
        assert bool(file.attrs["demonstration"]) is True
        assert "not E1-600M" in file.attrs["attribution"]


def hdf5(job: Job) -> h5py.File:
    return h5py.File(io.BytesIO(hdf5_bytes(job)))


def hdf5_bytes(job: Job) -> bytes:
    """Return the file as a service worker builds it and the web process sends it."""
    artefact = artefact_request(job=job, kind="h5")
    artefact_build(artefact_id=artefact.pk)
    artefact.refresh_from_db()
    return b"".join(file_blocks(artefact))


def check_jsonl(lib: Library) -> None:
    rows = json_rows(lib.job)
    assert [row["index"] for row in rows] == sorted(row["index"] for row in rows)
    got = {row["index"]: row["result"] for row in rows if row["state"] == "succeeded"}
    assert got.keys() == lib.results.keys()
    for index, expected in lib.results.items():
        assert_same_json(got[index], expected)


def assert_same_json(got, expected) -> None:
    """Assert that both are equal, with exact numbers. Text of a float16 must read back as the same float32."""
    if isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(np.array(got, dtype=expected.dtype), expected)
        if expected.dtype == np.float16:
            np.testing.assert_array_equal(np.array(got, dtype=np.float32), expected.astype(np.float32))
    elif isinstance(expected, dict):
        assert list(got) == list(expected)
        for key, value in expected.items():
            assert_same_json(got[key], value)
    elif isinstance(expected, list) and expected and isinstance(expected[0], dict):
        assert len(got) == len(expected)
        for one, other in zip(got, expected, strict=True):
            assert_same_json(one, other)
    else:
        assert got == expected


def check_csv(lib: Library) -> None:
    rows = {int(row["index"]): row for row in csv_rows(lib.job)}
    assert {index for index, row in rows.items() if row["state"] == "succeeded"} == lib.results.keys()
    for index, expected in lib.results.items():
        if "log_prob" in expected:
            assert float(rows[index]["log_prob"]) == expected["log_prob"]
        for layer in expected.get("embeddings", []):
            vector = layer["embedding"]
            cells = [rows[index][f"mean_layer_{layer['layer']}_{i}"] for i in range(len(vector))]
            np.testing.assert_array_equal(np.array(cells, dtype=np.float64).astype(np.float32), vector)


def check_npz(lib: Library) -> None:
    arrays = npz(lib.job)
    expected = expected_arrays(lib)
    assert sorted(arrays) == sorted(expected)
    for name, array in expected.items():
        assert arrays[name].dtype.kind == array.dtype.kind, name
        np.testing.assert_array_equal(arrays[name], array, err_msg=name)
        if name != "name":
            assert arrays[name].dtype == array.dtype


def expected_arrays(lib: Library) -> dict[str, np.ndarray]:
    """Return the arrays of an NPZ, put together item by item."""
    indices = sorted(lib.results)
    results = [lib.results[index] for index in indices]
    names = dict(Item.objects.filter(job=lib.job).values_list("index", "name"))
    arrays = {"index": np.array(indices, dtype=np.int64), "name": np.array([names[i] for i in indices])}
    first = results[0]
    if "log_prob" in first:
        arrays["log_prob"] = np.array([result["log_prob"] for result in results])
    for at, layer in enumerate(first.get("embeddings", [])):
        rows = [result["embeddings"][at]["embedding"] for result in results]
        arrays[f"mean_layer_{layer['layer']}"] = np.stack(rows)
    for at, layer in enumerate(first.get("per_token_embeddings", [])):
        name = f"per_token_layer_{layer['layer']}"
        parts = [result["per_token_embeddings"][at]["embeddings"] for result in results]
        arrays[name] = np.concatenate(parts)
        arrays["offsets"] = np.cumsum([0, *map(len, parts)])
    if "logits" in first:
        parts = [result["logits"] for result in results]
        arrays["logits"] = np.concatenate(parts)
        arrays["offsets"] = np.cumsum([0, *map(len, parts)])
        arrays["vocab_tokens"] = np.array(list("ACDEFGHIKLMNPQRSTVWY"))
    if "mask_positions" in first:
        parts = [result["mask_positions"] for result in results]
        arrays["mask_positions"] = np.concatenate(parts).astype(np.int64)
        arrays["mask_offsets"] = np.cumsum([0, *map(len, parts)])
    return arrays
