"""The tables of a job as spreadsheets and pandas read them, compared with the results that REST shows."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
from python_calamine import CalamineWorkbook

from e1protocol import CANONICAL

Rows = list[tuple[Any, ...]]
KEYS = {
    "residues": ["position", "residue"],
    "letters": ["position", "wild_type", "residue"],
    "substitutions": ["position", "number", "wild_type", "mutant", "variant"],
    "pairs": ["first", "second", "first_residue", "second_residue", "separation"],
}


def frame(data: bytes) -> pd.DataFrame:
    """A CSV file as docs/results.md reads it."""
    read = pd.read_csv(io.BytesIO(data), dtype={"name": str}, keep_default_na=False, na_values=[""])
    return read.assign(name=read["name"].fillna(""))


def workbook(data: bytes) -> dict[str, pd.DataFrame]:
    """The sheets of a workbook without that about the job: read by two programs, which agree."""
    strict = openpyxl.load_workbook(io.BytesIO(data), read_only=True)
    quick = CalamineWorkbook.from_filelike(io.BytesIO(data))
    assert strict.sheetnames == quick.sheet_names
    assert strict.sheetnames[-1] == "about"
    found = {}
    for title in strict.sheetnames[:-1]:
        head, *rows = [list(row) for row in strict[title].iter_rows(values_only=True)]
        titles, *others = quick.get_sheet_by_name(title).to_python()
        assert head == titles
        assert [[cell if cell is not None else "" for cell in row] for row in rows] == others, title
        found[title] = pd.DataFrame(rows, columns=head)
        found[title]["name"] = found[title]["name"].fillna("")
    return found


def check_table(found: pd.DataFrame, expected: Mapping[int, pd.DataFrame], names: Sequence[str]) -> None:
    """Assert that a table has the rows of each item, in the order of items, and its name in each row."""
    done = found[found["error"].isna()]
    assert list(dict.fromkeys(done["index"])) == sorted(expected)
    assert found["index"].is_monotonic_increasing
    assert [names[index] for index in found["index"]] == found["name"].tolist()
    for index, rows in expected.items():
        of_item = done[done["index"] == index].drop(columns=["index", "name", "error", "state"], errors="ignore")
        assert list(of_item.columns) == list(rows.columns)
        for title in rows.columns:
            got, wanted = of_item[title].to_numpy(), rows[title].to_numpy()
            if wanted.dtype.kind == "f":
                # Shortest decimals: the same number once it has its type again.
                np.testing.assert_array_equal(got.astype(wanted.dtype), wanted, err_msg=title)
            else:
                # One position is a number, and several are text.
                whole = [str(cell) for cell in got] if wanted.dtype.kind in "OU" else got.astype(wanted.dtype).tolist()
                assert whole == wanted.tolist(), title


def softmax(rows: np.ndarray) -> np.ndarray:
    exact = np.exp(rows.astype(np.float64) - rows.max(axis=1, keepdims=True))
    return (exact / exact.sum(axis=1, keepdims=True)).astype(np.float32)


def residues(layers: Sequence[Mapping[str, Any]], sequence: str) -> pd.DataFrame:
    """Rows of embeddings: one for each residue, layers side by side."""
    keys = pd.DataFrame({"position": range(1, len(sequence) + 1), "residue": list(sequence)})
    parts = [
        pd.DataFrame(one["embeddings"]).add_prefix(f"per_token_layer_{one['layer']}_").reset_index(drop=True)
        for one in layers
    ]
    return pd.concat([keys, *parts], axis=1)


def letters(logits: np.ndarray, positions: Sequence[int], sequence: str) -> pd.DataFrame:
    """Rows of logits: one for each canonical residue at each position (counted from 1)."""
    keys = [(at, sequence[at - 1], letter) for at in positions for letter in CANONICAL]
    table = pd.DataFrame(keys, columns=KEYS["letters"])
    # The dtype of each number is that of the stored array.
    table["logit"] = np.asarray(logits).ravel()
    table["probability"] = softmax(np.asarray(logits)).ravel()
    return table


def substitutions(result: Mapping[str, Any], sequence: str) -> pd.DataFrame:
    scores, spread = np.array(result["scores"]), np.array(result["spread"])
    rows = [
        (at, int(number), sequence[at - 1], letter, f"{sequence[at - 1]}{number}{letter}")
        for at, number in zip(result["positions"], result["numbers"], strict=True)
        for letter in CANONICAL
    ]
    table = pd.DataFrame(rows, columns=KEYS["substitutions"])
    table["score"] = scores.ravel()
    table["probability"] = softmax(scores).ravel()
    table["spread"] = spread.ravel()
    single = np.array(result.get("single", []))
    return table.assign(**{f"single_{n}": one.ravel() for n, one in enumerate(single)})


def pairs(result: Mapping[str, Any], sequence: str) -> pd.DataFrame:
    """Rows of a contact map: each pair once, best first."""
    scores = np.array(result["contacts"], dtype=np.float32)
    first, second = np.triu_indices(len(sequence), k=1)
    order = np.argsort(-scores[first, second], kind="stable")
    first, second = first[order], second[order]
    rows = [(i + 1, j + 1, sequence[i], sequence[j], j - i) for i, j in zip(first, second, strict=True)]
    table = pd.DataFrame(rows, columns=KEYS["pairs"])
    table["score"] = scores[first, second]
    if "spread" in result:
        table["score_spread"] = np.array(result["spread"], dtype=np.float32)[first, second]
        for n, one in enumerate(result["single"]):
            table[f"score_single_{n}"] = np.array(one, dtype=np.float32)[first, second]
    return table


def plain(result: Mapping[str, Any]) -> pd.DataFrame:
    """The one row of an item whose numbers fit into it."""
    if "embeddings" in result:
        cells = {
            f"mean_layer_{one['layer']}_{n}": value
            for one in result["embeddings"]
            for n, value in enumerate(np.asarray(one["embedding"]))
        }
    elif "score" in result:
        cells = {"variant": result["variant"]}
        cells |= {key: " ".join(map(str, result[key])) for key in ("positions", "numbers")}
        cells |= {"score": result["score"], "spread": result["spread"]}
        cells |= {f"scores_{n}": value for n, value in enumerate(result["scores"])}
    else:
        cells = {"log_prob": result["log_prob"]}
    return pd.DataFrame([cells])


def tables_in(result: Mapping[str, Any], sequence: str) -> Iterator[tuple[str, Callable[[], pd.DataFrame]]]:
    """Yield the name of each table that a result of REST is, in their order, and how to make its rows."""
    for field, kind in (("embeddings", "mean"), ("log_prob", "log_prob"), ("score", "score")):
        if field in result:
            yield kind, lambda: plain(result)
    if "per_token_embeddings" in result:
        yield "per_token", lambda: residues(result["per_token_embeddings"], sequence)
    if "logits" in result:
        masks = [at + 1 for at in result.get("mask_positions", [])]
        every = len(result["logits"]) == len(sequence)
        yield "logits", lambda: letters(result["logits"], range(1, len(sequence) + 1) if every else masks, sequence)
    if "positions" in result and "variant" not in result:
        yield "scores", lambda: substitutions(result, sequence)
    if "contacts" in result:
        yield "contacts", lambda: pairs(result, sequence)
