"""Workbooks: what a cell shows, which sheet is read, and archives made to do harm."""

from __future__ import annotations

import datetime
import io
import struct
import tempfile
import tracemalloc
import zipfile
import zlib
from contextlib import suppress

import openpyxl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jobs.errors import InvalidInput, ServiceError
from jobs.parsing.tables import Numbers, workbook_table
from jobs.parsing.workbooks import package, sheet, texts
from jobs.parsing.workbooks.book import is_date_format
from jobs.parsing.workbooks.values import date_text, number_text
from tests.parsing.books import MAIN, RELATED, by_hand, relations, row, saved, written

few = settings(max_examples=60, deadline=None)
HEADER = row(1, "name", "score")


def rows(data: bytes, **options):
    return [(one.line, one.cells) for one in workbook_table([data], **options)]


def cells(data: bytes):
    return [one.cells for one in workbook_table([data])]


def refused(data: bytes, **options) -> ServiceError:
    with pytest.raises(InvalidInput) as caught:
        list(workbook_table([data], **options))
    assert caught.value.problems[0].remedy
    return caught.value


def warned(data: bytes, **options):
    table = workbook_table([data], **options)
    list(table)
    return {warning.code: warning.message for warning in table.warnings()}


# --- cells ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("NA", "NA"),
        ("00123456789012345678", "00123456789012345678"),
        (" A24T ", " A24T "),
        ("a\nb", "a\nb"),
        ("\u03b2-lactamase & <x>", "\u03b2-lactamase & <x>"),
        (1.0, "1"),
        (1, "1"),
        (-3, "-3"),
        (0.53, "0.53"),
        (0.1 + 0.2, "0.3"),
        (1e-7, "1e-07"),
        (123456789012345, "123456789012345"),
        (True, "TRUE"),
        (False, "FALSE"),
        (datetime.date(2024, 9, 2), "2024-09-02"),
        (datetime.datetime(2024, 9, 2, 13, 5), "2024-09-02 13:05:00"),  # noqa: DTZ001  cells have no time zone
        (datetime.time(3, 4), "03:04:00"),
        ("=A1*2", "=A1*2"),
    ],
)
def test_a_cell_is_the_text_that_its_user_sees(value, shown):
    assert cells(written([["name", "x"], ["a", value]])) == [["a", shown]]


@pytest.mark.parametrize(
    ("xml", "shown"),
    [
        ('<c t="s"><v>0</v></c>', "shared"),
        ('<c t="s"><v> 1 </v></c>', "rich text"),
        ('<c t="s"><v>2</v></c>', "\u6771\u4eac"),
        ('<c t="s"><v>3</v></c>', "a\rb _x005F_"),
        ('<c t="str"><f>A1&amp;"x"</f><v>namex</v></c>', "namex"),
        ("<c><f>1+1</f><v>2</v></c>", "2"),
        ('<c t="str"><f>""</f><v></v></c>', ""),
        ("<c><v>1.23456789012345E+19</v></c>", "12345678901234500000"),
        ("<c><v>12345678901234567890</v></c>", "12345678901234567890"),
        ("<c><v>0.10000000000000001</v></c>", "0.1"),
        ("<c><v>1.0</v></c>", "1"),
        ('<c t="e"><v>#N/A</v></c>', "#N/A"),
        ('<c t="d"><v>2024-09-02T00:00:00</v></c>', "2024-09-02T00:00:00"),
        ('<c t="inlineStr"><is><r><t>A</t></r><r><t xml:space="preserve"> 24</t></r></is></c>', "A 24"),
        ("<c/>", ""),
        ("<x:c xmlns:x='y'><x:v>7</x:v></x:c>", "7"),
        ("<c><v>high</v></c>", "high"),
    ],
)
def test_every_kind_of_cell_is_read(xml, shown):
    shared = [
        "shared",
        "<r><t>rich</t></r><r><rPr/><t> text</t></r>",
        "<t>\u6771\u4eac</t><rPh sb='0' eb='2'><t>toukyou</t></rPh>",
        "a_x000D_b _x005F_x005F_",
    ]
    xml = xml if xml.startswith("<c") else f"<c>{xml}</c>".replace("<c><x:c", "<x:c").replace("</x:c></c>", "</x:c>")
    data = by_hand(HEADER + f'<row r="2"><c t="str"><v>a</v></c>{xml}</row>', texts=shared)
    assert cells(data) == [["a", shown]]


def test_numbers_and_texts_come_back_as_openpyxl_reads_them():
    book = openpyxl.Workbook()
    book.active.append(["name", "x"])
    for number in (0, 1.5, -2.25e-9, 1e15, 2**53, 1 / 3, 6.02214076e23):
        book.active.append(["a", number])
    data = saved(book)
    ours = [float(second) for _, second in cells(data)]
    theirs = [value for (value,) in openpyxl.load_workbook(io.BytesIO(data)).active.iter_rows(2, None, 2, 2, True)]
    assert ours == theirs


@few
@given(st.floats(allow_nan=False, allow_infinity=False))
@example(1e22)
@example(-0.0)
def test_no_number_changes_by_being_shown(value):
    for text in (repr(value), f"{value:.17g}"):
        assert float(number_text(text)) == float(text)


@few
@given(st.integers(-(10**40), 10**40))
def test_whole_numbers_keep_their_digits(value):
    assert number_text(str(value)) == str(value)


@pytest.mark.parametrize(
    ("serial", "from_1904", "shown"),
    [
        ("1", False, "1900-01-01"),
        ("59", False, "1900-02-28"),
        ("61", False, "1900-03-01"),
        ("45537", False, "2024-09-02"),
        ("44075", True, "2024-09-02"),
        ("0.5", True, "12:00:00"),
        ("0.999999999", False, "00:00:00"),
        ("45537.75", False, "2024-09-02 18:00:00"),
        ("-1", False, "-1"),
        ("1e9", False, "1000000000"),
        ("x", False, "x"),
    ],
)
def test_serial_numbers_are_dates(serial, from_1904, shown):
    assert date_text(serial, from_1904=from_1904) == shown


@pytest.mark.parametrize(
    ("code", "date"),
    [
        ("yyyy\\-mm\\-dd", True),
        ("[$-409]d\\-mmm\\-yy;@", True),
        ("h:mm AM/PM", True),
        ("General", False),
        ("0.00E+00", False),
        ('0.0 "days"', False),
        ("#,##0.00_);[Red]\\(#,##0.00\\)", False),
        ("[h]:mm:ss", False),
        ("@", False),
    ],
)
def test_formats_of_dates_are_told_from_those_of_numbers(code, date):
    assert is_date_format(code) is date


def test_a_name_that_became_a_date_is_mentioned():
    book = openpyxl.Workbook()
    book.active.append(["name", "x"])
    book.active.append([datetime.date(2024, 9, 2), 1])
    assert "1 cell is a date and was read as such, for instance 2024-09-02 in row 2" in warned(saved(book)).values()


def test_decimal_commas_in_cells_of_text_are_read_beside_numbers():
    numbers = Numbers("x")
    data = written([["name", "x"], ["a", "0,53"], ["b", 2], ["c", 0.5]])
    assert [numbers.read(one[1], line) for line, one in rows(data)] == [0.53, 2, 0.5]
    assert (numbers.commas, numbers.problem()) == (1, None)
    numbers.read("0.5", 5)
    assert numbers.problem().code == "bad_number", "a point that somebody typed"


# --- rows -------------------------------------------------------------------------------------------


def test_rows_keep_their_numbers_and_the_width_of_the_header():
    book = openpyxl.Workbook()
    one = book.active
    one["B3"], one["C3"] = "name", "x"
    one["B4"], one["C4"] = "a", 1
    one["B7"] = "b"
    one["C8"], one["F8"] = 3, "a note"
    one["G9"] = "another"
    one.row_dimensions[4].hidden = True
    data = saved(book)
    assert rows(data) == [(4, ["a", "1"]), (7, ["b", ""]), (8, ["", "3"])]
    assert set(warned(data)) == {"unnamed_columns", "cells_beside", "hidden_rows"}
    assert warned(data)["cells_beside"].startswith("2 rows have cells beside")


def test_comments_before_and_between_rows_are_left_out():
    data = written([["# by hand"], [], ["name", "x"], ["a", 1], ["# the end"]])
    assert rows(data) == [(4, ["a", "1"])]
    assert list(warned(data)) == ["comment_lines"]
    assert workbook_table([written([["# mutant", "DMS_score"], ["A1C", 1]])]).columns == ("mutant", "DMS_score")


def test_titles_before_the_header_are_left_out():
    data = written([["Table S3"], [], ["", "TEM-1"], ["mutant", "DMS_score"], ["A1C", 1]])
    assert rows(data) == [(5, ["A1C", "1"])]
    assert list(warned(data)) == ["lines_before_header"]
    assert rows(written([["a", "b"], ["mutant", "c"]])) == [(2, ["mutant", "c"])]


def test_the_first_visible_sheet_is_read_or_the_one_named():
    data = written([["name", "x"], ["a", 1]], name="Data", Notes=[["name", "x"], ["b", 2]], Raw=[])
    assert rows(data) == [(2, ["a", "1"])]
    assert warned(data) == {"other_sheets": "The workbook has 3 sheets, and Data was read"}
    assert rows(data, sheet=" notes ") == [(2, ["b", "2"])]
    assert warned(data, sheet="Notes") == {}
    error = refused(data, sheet="Sheet9")
    assert (error.code, error.problems[0].path) == ("no_such_sheet", "sheet")
    assert "Data, Notes, Raw" in error.detail
    empty = refused(data, sheet="Raw", path="file")
    assert (empty.code, empty.problems[0].path) == ("empty_file", "file")
    assert "Data, Notes" in empty.problems[0].remedy
    book = openpyxl.load_workbook(io.BytesIO(data))
    book["Data"].sheet_state = "hidden"
    assert rows(saved(book)) == [(2, ["b", "2"])]


def test_sheets_of_charts_and_parts_with_other_names_are_no_hindrance():
    parts = {
        "_rels/.rels": relations(officeDocument="/XL/book.xml"),
        "xl/book.xml": f'<x:workbook xmlns:x="{MAIN}" xmlns:q="{RELATED}"><x:sheets>'
        '<x:sheet name="Chart" q:id="chartsheet"/><x:sheet name="T" q:id="worksheet"/></x:sheets></x:workbook>',
        "xl/_rels/book.xml.rels": relations(chartsheet="chartsheets/1.xml", worksheet="/xl/tables/../one.xml"),
        "xl/chartsheets/1.xml": "<chartsheet/>",
        "xl/one.xml": f"<worksheet><sheetData>{HEADER}{row(2, 'a', '1')}</sheetData></worksheet>",
    }
    assert rows(by_hand("", parts)) == [(2, ["a", "1"])]


# --- harm -------------------------------------------------------------------------------------------


def test_two_cells_far_apart_take_no_rectangle_of_memory():
    data = by_hand(HEADER + '<row r="1048576"><c r="A1048576"><v>1</v></c><c r="XFD1048576"><v>2</v></c></row>')
    assert rows(data) == [(1048576, ["1", ""])]


def test_memory_does_not_grow_with_the_workbook(monkeypatch):
    for module in (package, texts):
        monkeypatch.setattr(module, "IN_MEMORY", 1 << 16)
    shared = [f"{n} {'A' * 200}" for n in range(20_000)]
    data = by_hand(
        HEADER + "".join(f'<row r="{n + 2}"><c t="s"><v>{n}</v></c></row>' for n in range(20_000)), texts=shared
    )
    tracemalloc.start()
    try:
        assert sum(1 for _ in workbook_table([data])) == 20_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000  # The texts have 4 MB.


def test_far_cells_in_every_row_are_refused(monkeypatch):
    monkeypatch.setattr(sheet, "MAX_SHEET_CELLS", 100_000)
    far = "".join(f'<row r="{n}"><c r="XFD{n}"><v>1</v></c></row>' for n in range(2, 10))
    error = refused(by_hand(HEADER + far))
    assert (error.code, error.status_code) == ("workbook_too_large", 413)


@pytest.mark.parametrize(
    "xml",
    [
        '<row r="2"><c r="XFE2"><v>1</v></c></row>',
        f'<row r="2"><c><v>{"1" * (3 << 20)}</v></c></row>',
        f'<row r="2"><c t="inlineStr"><is><t>{"A" * (3 << 20)}</t></is></c></row>',
    ],
)
def test_cells_beyond_the_limits_are_refused(xml):
    assert refused(by_hand(HEADER + xml)).code == "workbook_too_large"


@pytest.mark.parametrize(
    "data",
    [
        b"PK\x03\x04",
        b"PK\x03\x04" + b"\0" * 500,
        by_hand(HEADER)[:-30],
        by_hand(HEADER).replace(b"xl/workbook.xml", b"xl/workbook.xmx"),
        by_hand(HEADER, {"xl/worksheets/sheet1.xml": "<worksheet><sheetData><row"}),
        by_hand(HEADER, {"xl/worksheets/sheet1.xml": "<!DOCTYPE x [<!ENTITY a 'b'>]><worksheet>&a;</worksheet>"}),
        by_hand(HEADER, {"xl/workbook.xml": "<workbook/>"}),
        by_hand(HEADER, {"xl/workbook.bin": ""}),
        by_hand(HEADER + '<row r="x"><c><v>1</v></c></row>'),
        by_hand(HEADER + '<row r="2"><c r="1A"><v>1</v></c></row>'),
        by_hand(HEADER + '<row r="2"><c t="s"><v>0</v></c></row>'),
        by_hand(HEADER + '<row r="2"><c t="s"><v>x</v></c></row>'),
    ],
)
def test_damaged_workbooks_are_refused(data):
    assert refused(data).code == "bad_workbook"


def test_a_bomb_is_refused_by_its_directory():
    bomb = by_hand(HEADER, {"xl/worksheets/sheet1.xml": " " * (70 << 20)})
    assert refused(bomb).code == "gzip_ratio"
    assert refused(bomb, most=1 << 20).code == "workbook_too_large"


def test_a_directory_that_lies_about_sizes_unpacks_no_more_than_it_says():
    """The part is ten megabytes, and the directory says one hundred bytes."""
    data = bytearray(by_hand(HEADER + " " * (10 << 20)))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        size = archive.getinfo("xl/worksheets/sheet1.xml").file_size
    data = bytes(data).replace(struct.pack("<I", size), struct.pack("<I", 100))
    taken = []
    opened = package.Package([data], 1 << 20)
    with pytest.raises(InvalidInput) as caught:
        taken.extend(map(len, opened.blocks("xl/worksheets/sheet1.xml")))
    opened.close()
    assert caught.value.code == "bad_workbook"
    assert sum(taken) <= 100


def test_too_many_parts_and_texts_are_refused(monkeypatch):
    monkeypatch.setattr(package, "MAX_WORKBOOK_PARTS", 10)
    assert refused(by_hand(HEADER, {f"x{n}": "" for n in range(10)})).code == "workbook_too_large"
    monkeypatch.setattr(texts, "MAX_SHARED_TEXTS", 3)
    assert refused(by_hand(HEADER, texts=["a"] * 5)).code == "workbook_too_large"


def test_encrypted_parts_are_named():
    data = by_hand(HEADER)
    directory = data.index(b"PK\x01\x02")
    data = data[: directory + 8] + b"\x01" + data[directory + 9 :]
    assert "encrypted" in refused(data).detail


@settings(max_examples=300, deadline=None)
@given(
    at=st.integers(0, 3000),
    put=st.binary(min_size=1, max_size=8),
    cut=st.integers(0, 40),
    deflated=st.booleans(),
)
def test_no_change_of_a_byte_is_an_error_of_the_program(at, put, cut, deflated):
    data = by_hand(HEADER + row(2, "a", "1") + row(3, '<c t="s"><v>0</v></c>', "2"), texts=["x"])
    if not deflated:
        file = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w") as new:
            for part in old.namelist():
                new.writestr(part, old.read(part))
        data = file.getvalue()
    at %= len(data)
    with suppress(InvalidInput):  # Anything else is an error of the program.
        list(workbook_table([data[:at] + put + data[at + cut :]]))


def test_files_of_a_workbook_are_closed(monkeypatch):
    opened = []
    made = tempfile.SpooledTemporaryFile

    def noted(**options):
        opened.append(made(**options))
        return opened[-1]

    monkeypatch.setattr(tempfile, "SpooledTemporaryFile", noted)
    data = by_hand(HEADER + "".join(row(n, "a", '<c t="s"><v>0</v></c>') for n in range(2, 90)), texts=["x"])
    table = workbook_table([data])
    assert len(opened) == 2
    assert not opened[0].closed
    del table
    assert all(file.closed for file in opened)
    with pytest.raises(InvalidInput):
        workbook_table([by_hand("")])
    with pytest.raises(InvalidInput):
        workbook_table([zlib.compress(b"x")])
    assert all(file.closed for file in opened)
