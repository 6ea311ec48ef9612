"""Readers of each download, and comparisons of every number in it with what the job's results are."""

from __future__ import annotations

import csv
import io

import numpy as np
import orjson

from jobs.export import export_open
from jobs.models import Item, Job
from tests.integration.export_library import Library


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
    """Compare every download with what the library's results are."""
    check_jsonl(lib)
    check_npz(lib)
    kinds = set(lib.job.params.get("include", [lib.job.action]))
    if kinds <= {"mean", "log_prob"}:
        check_csv(lib)


def check_jsonl(lib: Library) -> None:
    rows = json_rows(lib.job)
    assert [row["index"] for row in rows] == sorted(row["index"] for row in rows)
    got = {row["index"]: row["result"] for row in rows if row["state"] == "succeeded"}
    assert got.keys() == lib.results.keys()
    for index, expected in lib.results.items():
        assert_same_json(got[index], expected)


def assert_same_json(got, expected) -> None:
    """Equal, numbers exactly: float32 text must read back as the same float32."""
    if isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(np.array(got, dtype=expected.dtype), expected)
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
    """The arrays of an NPZ, put together the long way."""
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
