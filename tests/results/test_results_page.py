"""The code of docs/results.md runs unchanged, on files that the service wrote."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.helpers import ROOT
from tests.stack import E1

PAGE = (ROOT / "docs" / "results.md").read_text()


def snippets() -> list[tuple[str, str]]:
    """(section, code) of every Python block."""
    found = []
    for section in re.split(r"^## ", PAGE, flags=re.M)[1:]:
        title = section.splitlines()[0]
        found += [(title, code) for code in re.findall(r"```python\n(.*?)```", section, re.S)]
    return found


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """A folder with one file of each format, of ten sequences."""
    folder = tmp_path_factory.mktemp("results")
    library = folder / "library.fasta"
    library.write_text("".join(f">p{n}\n{'MKTAYIAKQRQISFVKSHFSRQ'[: 10 + n]}\n" for n in range(10)))
    for suffix in ("jsonl", "csv", "npz", "parquet", "h5"):
        include = '["mean"]' if suffix == "csv" else '["mean", "logits"]'
        arguments = ["--action", "encode", "--model", "e1-demo", "--param", f"include={include}"]
        command = [E1, "run", str(library), *arguments, "--out", str(folder / f"results.{suffix}")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize(("title", "code"), snippets(), ids=[f"{n}-{title}" for n, (title, _) in enumerate(snippets())])
def test_the_lines_for_each_format_open_it(files, title, code):
    there = Path.cwd()
    names: dict = {}
    os.chdir(files)
    try:
        exec(compile(code, f"docs/results.md, {title}", "exec"), names)
    finally:
        os.chdir(there)
    if "vectors" in names:
        assert names["vectors"].shape == (10, 128)
    elif "item_7" in names:
        assert names["item_7"].shape == (17, 20)
    else:
        assert len(names["rows"]) == 10


def test_every_format_has_its_lines():
    assert {title for title, _ in snippets()} == {"JSONL", "CSV", "NPZ", "Parquet", "HDF5"}
