"""Names that mean harm, made up by the hundred: what a header holds is text wherever it is written."""

from __future__ import annotations

import csv
import io
import json
import zipfile

import httpx
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from e1client.errors import ApiError
from e1client.render import error_lines, item_lines, plain
from jobs.errors import InvalidInput
from jobs.files.pieces import FORMULA_STARTS, npy_header, text_cell, zip_blocks
from jobs.parsing import BadRecord, ItemRules
from jobs.parsing.reader import Reader

RULES = ItemRules(sequence="ACDEFGHIKLMNPQRSTVWY", context="ACDEFGHIKLMNPQRSTVWY", needs_mask=False)
NASTY = st.sampled_from(
    list("=+-@\t\r\n\"',;|\\/<>&{}%$`\x00\x07\x1b\x7f\x85\x9b\u2028\u202e\ufeff\uff1d\ud7ff\U0001f4a9a ")
)
REQUEST = httpx.Request("GET", "http://127.0.0.1/")
TEXT = st.text(NASTY | st.characters(exclude_categories=["Cs"]), max_size=60)


@given(TEXT)
def test_a_cell_is_no_formula_and_comes_back(text):
    (row,) = csv.reader(io.StringIO(f"1,{text_cell(text)},x\n", newline=""))
    assert (row[0], row[2]) == ("1", "x"), "a name never makes another cell or row"
    assert not row[1].startswith(FORMULA_STARTS)
    assert row[1] in (text, "'" + text)


@given(TEXT)
def test_nothing_reaches_a_terminal_but_what_can_be_seen(text):
    assert plain(text).isprintable()
    lines = list(item_lines([{"name": text, "reason": text, "code": text, "line": 3}], 1))
    problem = {"code": text, "message": text, "remedy": text, "record": text, "path": text}
    answer = httpx.Response(400, json={"detail": text, "code": text, "errors": [problem]}, request=REQUEST)
    lines += error_lines(ApiError(answer))
    assert all(line.isprintable() for line in lines)


@given(TEXT)
@settings(max_examples=200)
def test_a_header_is_read_whole_or_refused_with_its_place(header):
    data = b">" + header.encode() + b"\nMKT\n"
    try:
        records = list(Reader([data], "fasta", RULES))
    except InvalidInput as refused:
        error = refused
    else:
        error = None
    if error is not None:
        problem = error.problems[0]
        assert problem.line or problem.code == "not_text"
        assert problem.message.isprintable()
        return
    assert all("\x00" not in record.name + record.header for record in records), "Postgres keeps no NUL"
    for record in records:
        assert not set(record.name) & set("\r\n\x00\x1b\x07")
        if isinstance(record, BadRecord):
            assert record.problems
    json.dumps([record.name for record in records]).encode()


@given(st.lists(TEXT.filter(lambda text: "\x00" not in text), min_size=1, max_size=5))
def test_names_in_an_archive_need_no_pickle(names):
    array = np.array(names)
    pieces = [npy_header(array.dtype, array.shape), array.tobytes()]
    packed = b"".join(zip_blocks([("name.npy", pieces)]))
    assert zipfile.ZipFile(io.BytesIO(packed)).namelist() == ["name.npy"]
    with np.load(io.BytesIO(packed), allow_pickle=False) as loaded:
        assert loaded["name"].tolist() == array.tolist()
