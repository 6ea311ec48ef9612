"""Names of downloaded files: they tell the job, are safe everywhere, and come with their letters."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.files.names import attachment, file_name

ODD = st.sampled_from(list("./\\:*?\"<>|'%;,\n\r\t\x00\x1b\x7f\u202e\u2028 \ufeff-~$`"))
TEXT = st.text(ODD | st.characters(exclude_categories=["Cs"]), max_size=120)


@pytest.mark.parametrize(
    ("job", "name"),
    [
        ("TEM-1", "TEM-1-scan.csv"),
        ("TEM-1.fasta", "TEM-1-scan.csv"),
        ("TEM-1.fasta.gz", "TEM-1-scan.csv"),
        ("plate 7, round 2", "plate-7-round-2-scan.csv"),
        ("β-lactamase", "β-lactamase-scan.csv"),
        ("TEM-1 scan", "TEM-1-scan.csv"),
        ("v1.2", "v1.2-scan.csv"),
        ("", "e1-demo-12ab-scan.csv"),
        ("../../etc/passwd", "etc-passwd-scan.csv"),
        ("...", "e1-demo-12ab-scan.csv"),
        ("NUL", "NUL-scan.csv"),
        ("a\u202egpj.exe", "agpj.exe-scan.csv"),
        ("x" * 300, "x" * 80 + "-scan.csv"),
    ],
)
def test_files_are_called_after_the_job(job, name):
    assert file_name(job, "e1-demo-12ab", "scan", suffix="csv") == name


@given(TEXT)
def test_any_name_is_safe(text):
    name = file_name(text, "job", "scan", "logits", suffix="csv")
    assert name.endswith(".csv")
    assert name.isprintable()
    assert not re.search(r"""[\s/\\:*?"<>|'%;]""", name)
    assert not name.startswith((".", "-"))
    assert len(name) <= 100


@given(TEXT)
def test_the_header_is_one_line_of_ascii_with_the_name_in_utf_8(text):
    name = file_name(text, "job", "scan", suffix="csv")
    header = attachment(name)
    assert header.isascii()
    assert header.isprintable()
    plain, _, encoded = header.partition("; filename*=UTF-8''")
    assert re.fullmatch(r'attachment; filename="[^"\\/]+\.csv"', plain)
    assert unquote(encoded or plain.removeprefix('attachment; filename="').removesuffix('"')) == name


def test_a_name_without_ascii_has_a_plain_one_too():
    assert attachment("β-lactamase-scan.csv") == (
        "attachment; filename=\"lactamase-scan.csv\"; filename*=UTF-8''%CE%B2-lactamase-scan.csv"
    )
    assert attachment("蛋白.csv").startswith('attachment; filename="results.csv"; ')
