"""Tables without a database: names in CSV and XLSX, numbers in the shortest decimals, layouts."""

from __future__ import annotations

import csv
import io

import numpy as np
import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from python_calamine import CalamineWorkbook

from e1protocol import CANONICAL, MODELS
from jobs.actions import ACTIONS
from jobs.actions.columns import number_column
from jobs.actions.layouts import LETTERS, MASKED_LETTERS, PAIRS, RESIDUES, Layout, Substitutions
from jobs.files import xlsx
from jobs.files.lines import csv_head, csv_lines
from jobs.files.pieces import FORMULA_STARTS
from jobs.files.tables import Table, number_lines, tables_of
from jobs.limits import MAX_HEADER, SHOWN_MESSAGE

TABLE = tables_of([number_column("log_prob")])[0]
ODD = st.sampled_from(list("=+-@'\"_xX0aF,;\t\n\r \x00\x01\x1f\x7f\x85\ufeff\ufffe\uffff\uff1d\u202e\U0001f9eaé<&>"))
NAME = st.text(ODD | st.characters(exclude_categories=["Cs"]), max_size=40)
WRITTEN = st.sampled_from(["NA", "nan", "null", "TRUE", "1e5", "0012345678901234567890", "_x0041_", "=1+1", "'=1", ""])


def named(names: list[str]) -> list:
    return [TABLE.item(n, name, "succeeded", arrays=[np.array([[1.5]])]) for n, name in enumerate(names)]


def written(names: list[str]) -> bytes:
    return b"".join(xlsx.workbook_blocks([("t", xlsx.Sheet(TABLE.heads).all(named(names)))]))


@given(st.lists(NAME | WRITTEN, max_size=8))
def test_names_come_back_from_csv(names):
    lines = [csv_head(TABLE.heads), *(line for item in named(names) for line in csv_lines(item))]
    rows = list(csv.DictReader(io.StringIO(b"".join(lines).decode(), newline="")))
    cells = [row["name"] for row in rows]
    assert not [cell for cell in cells if cell.startswith(FORMULA_STARTS)]
    guarded = [cell.startswith("'") and cell.lstrip("'").startswith(FORMULA_STARTS) for cell in cells]
    assert [cell[1:] if guard else cell for cell, guard in zip(cells, guarded, strict=True)] == names
    assert [row["log_prob"] for row in rows] == ["1.5"] * len(names)


@given(st.lists((NAME | WRITTEN).filter(lambda name: "\ufffe" not in name and "\uffff" not in name), max_size=8))
@settings(max_examples=150)
def test_names_come_back_from_a_workbook(names):
    rows = CalamineWorkbook.from_filelike(io.BytesIO(written(names))).get_sheet_by_index(0).to_python()
    assert [row[1] for row in rows[1:]] == names
    assert [row[4] for row in rows[1:]] == [1.5] * len(names)


def test_a_name_is_a_text_that_stays_text():
    names = ["=1+1", "+1", "-1", "@x", "0012", "1e5", "TRUE", "2024-01-02", "#N/A", " blanks ", "a\nb", "<&>\"'"]
    sheet = openpyxl.load_workbook(io.BytesIO(written(names)))["t"]
    cells = [sheet.cell(row + 2, 2) for row in range(len(names))]
    assert [(cell.value, cell.data_type, cell.number_format) for cell in cells] == [(n, "s", "@") for n in names]


def test_what_xml_has_no_place_for_is_escaped_as_spreadsheets_read_it():
    (row,) = xlsx.Sheet(["name"]).rows(named(["a\x01b_x0041_\r\uffff"])[0])
    assert "a_x0001_b_x005F_x0041__x000D__xFFFF_" in row.decode()


def test_no_text_of_this_service_is_longer_than_a_cell():
    assert 2 * max(MAX_HEADER, 2 * SHOWN_MESSAGE) < xlsx.MAX_TEXT
    with pytest.raises(xlsx.SheetFull, match="32,767"):
        list(xlsx.Sheet(["name"]).rows(named(["\U0001f9ea" * 16_384])[0]))


@given(st.data())
def test_numbers_are_the_shortest_that_read_back(data):
    dtype = data.draw(st.sampled_from(["<f4", "<f8"]))
    array = data.draw(arrays(dtype, st.tuples(st.integers(0, 5), st.integers(1, 4))))
    lines = number_lines(array)
    assert len(lines) == len(array)
    for line, row in zip(lines, array, strict=True):
        for cell, number in zip(line.decode().split(","), row, strict=True):
            if np.isfinite(number):
                assert np.dtype(dtype).type(cell) == number
                digits = cell.lstrip("-").partition("e")[0].replace(".", "").strip("0")
                shortest = np.format_float_scientific(abs(number), unique=True).partition("e")[0]
                assert len(digits) <= len(shortest.replace(".", "").strip("0"))
            else:
                assert cell == ""


@pytest.mark.parametrize("layout", [RESIDUES, LETTERS, MASKED_LETTERS, PAIRS, Substitutions(), Substitutions(2)])
@given(sequence=st.text(st.sampled_from("ACDY?"), min_size=1, max_size=9))
def test_a_layout_foretells_the_rows_of_its_table(layout: Layout, sequence):
    rows = layout.most(sequence)
    first = np.zeros((rows, 1))
    order = layout.order(rows, first).tolist()
    positions = range(1, rows + 1) if isinstance(layout, Substitutions) else layout.positions(sequence)
    if isinstance(layout, Substitutions) and rows > len(sequence):
        return
    keys = layout.keys(sequence, positions, order)
    assert layout.shown(rows) == len(keys) * (20 if layout.by_letter else 1)
    whole = [layout.letter_keys(key, "A") if layout.by_letter else key for key in keys]
    assert {len(key) for key in whole} <= {len(layout.heads)}
    assert len(set(whole)) == len(whole), "keys name a row"


def test_probabilities_add_up_and_follow_the_number():
    (table,) = tables_of(ACTIONS["predict"].columns({"rows": "masked", "dtype": "float32"}, MODELS["e1-demo"]))
    assert table.heads == ["index", "name", "position", "wild_type", "residue", "logit", "probability", "error"]
    logits = np.random.default_rng(1).normal(size=(2, 20)).astype("<f4")
    rows = list(table.item(0, "x", "succeeded", sequence="M?K?", arrays=[logits]).rows)
    assert [key for key, _ in rows] == [(at, "?", letter) for at in (2, 4) for letter in CANONICAL]
    shares = [float(numbers.split(b",")[1]) for _, numbers in rows]
    assert sum(shares[:20]) == pytest.approx(1, abs=1e-6)


def test_every_action_has_tables_with_titles_of_their_own():
    chosen = {"scan": {"method": "masked_marginal"}, "score": {"parent": "MKT"}}
    for name, action in ACTIONS.items():
        params = action.check_params(chosen.get(name, {}), MODELS["e1-demo"])
        for contexts in ({}, {"contexts": [{"digest": "a"}, {"digest": "b"}]}):
            for table in tables_of(action.columns({**params, **contexts}, MODELS["e1-demo"])):
                assert len(set(table.heads)) == len(table.heads), (name, table.heads)


def test_an_error_fills_one_row_of_any_table():
    for table in (TABLE, *tables_of(ACTIONS["contacts"].columns({}, MODELS["e1-demo"]))):
        error = {"code": "bad_letter", "message": "it's =1"}
        (line,) = csv_lines(table.item(3, "=x", "failed", error=error))
        (cells,) = csv.reader(io.StringIO(line.decode()))
        row = dict(zip(table.heads, cells, strict=True))
        assert (row["index"], row["name"], row["error"]) == ("3", "'=x", "bad_letter: it's =1")


def test_the_same_table_gives_the_same_workbook():
    assert written(["a", "b"]) == written(["a", "b"])


def test_a_workbook_is_written_while_its_rows_are_made():
    table = Table("t", None, (number_column("x"),), (0,))
    made = []

    def items():
        for n in range(200_000):
            made.append(n)
            yield table.item(n, f"p{n}", "succeeded", arrays=[np.array([[float(n)]])])

    blocks = xlsx.workbook_blocks([("t", xlsx.Sheet(table.heads).all(items()))])
    assert len(next(blocks)) > 0
    assert 0 < len(made) < 100_000
