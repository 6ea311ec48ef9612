"""The first lines of `/api/docs/` run as written: submit, watch, download."""

from __future__ import annotations

import re
import subprocess
from html import unescape
from pathlib import Path

import httpx
import numpy as np

from tests.stack import Stack

STEPS = ("first-steps", "step-submit", "step-watch", "step-download")


def test_the_lines_of_the_page_take_a_library_to_its_results(stack: Stack, tmp_path: Path) -> None:
    page = httpx.get(f"{stack.url}/api/docs/").text
    lines = [unescape(re.findall(rf'<pre[^>]* id="{step}"[^>]*>(.*?)</pre>', page, re.DOTALL)[0]) for step in STEPS]
    (tmp_path / "library.fasta").write_text(">one\nMKTAYIAKQR\n>two\nMKTAYIAKQRQISFVK\n")
    script = "\n".join(lines).replace("E1_TOKEN=TOKEN", f"E1_TOKEN={stack.token}")
    subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, check=True, timeout=300)
    with np.load(tmp_path / "results.npz") as results:
        assert results["name"].tolist() == ["one", "two"]
