"""The code of docs/results.md runs unchanged, on the files of a real job, and keeps every name."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pandas as pd
import polars as pl
import pytest

from jobs.models import Job
from jobs.results.export import Part, export_open
from tests.helpers import ROOT, body, submit
from tests.needed import needed_program
from tests.results.export_checks import hdf5_bytes

pytestmark = pytest.mark.django_db

PAGE = (ROOT / "docs" / "results.md").read_text()
NAMES = ["NA", "nan", "NULL", "0012345678901234567890", "β-lactamase", "TRUE", "1e5", "NA", "HA", "p9"]
"""Names that programs read as missing values, numbers or other words."""
LIBRARY = "".join(f">{name} plate\n{'MKTAYIAKQRQISFVKSHFSRQ'[: 10 + n]}\n" for n, name in enumerate(NAMES))


def snippets() -> list[tuple[str, str]]:
    """(section, code) of every Python block."""
    found = []
    for section in re.split(r"^## ", PAGE, flags=re.M)[1:]:
        title = section.splitlines()[0]
        found += [(title, code) for code in re.findall(r"```python\n(.*?)```", section, re.S)]
    return found


@pytest.fixture
def folder(api, inline_worker, tmp_path, monkeypatch) -> Path:
    """The working folder, with the downloads of a job of ten sequences under the names of the page."""
    job = body(submit(api, LIBRARY.encode(), params='{"include": ["mean", "logits"]}'))
    inline_worker()
    job = Job.objects.get(pk=job["id"])
    for suffix in ("jsonl", "npz", "parquet", "xlsx"):
        (tmp_path / f"encode.{suffix}").write_bytes(b"".join(export_open(job, suffix).blocks))
    for table in ("mean", "logits"):
        (tmp_path / f"encode-{table}.csv").write_bytes(b"".join(export_open(job, "csv", Part(table, bom=True)).blocks))
    (tmp_path / "encode.h5").write_bytes(hdf5_bytes(job))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_lines_for_each_format_open_it_and_keep_every_name(folder):
    for title, code in snippets():
        check(title, run(title, code))
    assert Path.cwd() == folder


def run(title: str, code: str) -> dict:
    names: dict = {}
    exec(compile(code, f"docs/results.md, {title}", "exec"), names)
    return names


def check(title: str, found: dict) -> None:
    if "vectors" in found:
        assert found["vectors"].shape == (10, 128), title
    if "second" in found:
        assert found["second"].shape == (11, 20), title
    if "rows" in found:
        assert [row["name"] for row in found["rows"]] == NAMES
    if "names" in found:
        assert list(found["names"]) == NAMES, title
    table = found.get("table")
    if isinstance(table, pd.DataFrame | pl.DataFrame):
        kept = list(table["name"])
        assert list(dict.fromkeys(kept)) == list(dict.fromkeys(NAMES)), title
        assert {type(name) for name in kept} == {str}, title
        if "residue" in table.columns:
            assert len(table) == 20 * sum(range(10, 20))
            assert table["logit"].dtype.kind == "f", "numbers are numbers"
        else:
            assert kept == NAMES
    assert {"rows", "names", "table"} & found.keys(), f"{title} shows no names"


def test_every_format_has_its_lines():
    assert {title for title, _ in snippets()} == {"JSONL", "CSV", "XLSX", "NPZ", "Parquet", "HDF5"}


def test_numbers_of_failed_items_are_missing_values(api, inline_worker, tmp_path, monkeypatch):
    items = b">NA\nMKTAYIAKQR\n>\nMKTAY\n>nan\nMK1\n"
    job = body(submit(api, items, action="log_prob", on_invalid="skip"))
    inline_worker()
    csv = b"".join(export_open(Job.objects.get(pk=job["id"]), "csv").blocks)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "encode-mean.csv").write_bytes(csv)
    (code,) = [code for title, code in snippets() if title == "CSV" and "mean_layer" in code]
    table = run("CSV", code)["table"]
    assert table["name"].tolist() == ["NA", "record_2", "nan"]
    assert table["log_prob"].dtype.kind == "f"
    assert table["log_prob"].isna().tolist() == [False, False, True]


KEPT = """
kept <- if (is.data.frame(table)) table$name else if (exists("rows")) vapply(rows, function(row) row$name, "") else NULL
cat(ifelse(is.na(kept), "<missing>", kept), sep = "\\n")
"""


def lines_of_r() -> list[str]:
    return re.findall(r"```r\n(.*?)```", PAGE, re.S)


def test_the_lines_of_r_keep_every_name(folder):
    """Base R reads CSV. The other lines run if their packages are installed."""
    rscript = needed_program("Rscript", package="r-base-core")
    assert len(lines_of_r()) == 6
    ran = 0
    for code in lines_of_r():
        if any(not has_package(rscript, name) for name in re.findall(r"library\((\w+)\)|(\w+)::", code)):
            continue
        (folder / "lines.R").write_text(code + KEPT, encoding="utf-8")
        done = subprocess.run(
            [rscript, "--vanilla", "lines.R"], capture_output=True, env={**os.environ, "LC_ALL": "C.UTF-8"}, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        shown = done.stdout.decode().splitlines()
        assert shown in ([*NAMES], []), code
        ran += shown == NAMES
    assert ran


def has_package(rscript: str, names: tuple[str, ...]) -> bool:
    (name,) = filter(None, names)
    ask = f'quit(status = !requireNamespace("{name}", quietly = TRUE))'
    return subprocess.run([rscript, "--vanilla", "-e", ask], capture_output=True, check=False).returncode == 0
