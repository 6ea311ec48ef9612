"""What is read from a table equals what was written, or the table is refused: never a silent wrong number."""

from __future__ import annotations

import csv
import io
import math
import re
from contextlib import suppress

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from jobs.errors import InvalidInput
from jobs.maps.column_files import read_columns
from jobs.parsing import Reader, Record, blocks_of
from jobs.parsing.tables import MISSING, Numbers, Row, open_table, workbook_table
from jobs.variants.assay_files import read_assay
from tests.parsing.books import written
from tests.parsing.reading import ENCODE

few = settings(max_examples=120, deadline=None)

texts = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufeff"), min_size=1, max_size=12)
names = st.one_of(
    texts.filter(lambda text: text == text.strip()),
    st.sampled_from(["NA", "nan", "None", "001", "1.0", "1,5", "#1", "-", '"', '""', "a;b,c\td", "sep=;", "TRUE"]),
)
sequences = st.text("ACDEFGHIKLMNPQRSTVWY", min_size=1, max_size=12)
numbers = st.one_of(
    st.integers(-(10**6), 10**6).map(float),
    st.floats(-1e12, 1e12, allow_nan=False),
    st.decimals(-1000, 1000, places=3).map(float),
    st.just(math.nan),
)
missing = st.sampled_from(sorted(MISSING))


@st.composite
def dialects(draw):
    """Return a way to write a table of text, and what may surround it."""
    return {
        "delimiter": draw(st.sampled_from(",;\t")),
        "quoting": draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
        "lineterminator": draw(st.sampled_from(["\n", "\r\n", "\r"])),
        "mark": draw(st.booleans()),
        "hint": draw(st.booleans()),
        "comment": draw(st.sampled_from(["", "# made by hand", "#a,b;c\td"])),
        "blank": draw(st.booleans()),
        "index": draw(st.booleans()),
        "padding": draw(st.integers(0, 2)),
        "ended": draw(st.booleans()),
    }


def table(header, rows, way) -> bytes:
    end, separator = way["lineterminator"], way["delimiter"]
    file = io.StringIO(newline="")
    if way["hint"]:
        file.write(f"sep={separator}{end}")
    if way["comment"]:
        file.write(f"{way['comment']}{end}")
    out = csv.writer(file, delimiter=separator, quoting=way["quoting"], lineterminator=end)
    for number, row in enumerate([header, *rows]):
        index = [str(number - 1) if number else ""] if way["index"] else []
        out.writerow([*index, *row, *[""] * way["padding"]])
        if way["blank"]:
            file.write(f"{separator * number}{end}")
    text = file.getvalue()
    return ("\ufeff" * way["mark"] + (text if way["ended"] else text.rstrip("\r\n"))).encode()


def number(value: float, mark: str, nothing: str) -> str:
    return nothing if math.isnan(value) else repr(value).replace(".", mark)


def code_of(reading) -> str:
    with pytest.raises(InvalidInput) as caught:
        reading()
    return caught.value.code


def may_be_thousands(cells) -> bool:
    """Return whether no comma of a column shows that it is a decimal one, as in `1,234`."""
    commas = [cell for cell in cells if "," in cell]
    return bool(commas) and all(re.fullmatch(r"-?[1-9]\d{0,2},\d{3}", cell) for cell in commas)


def same(read, written) -> bool:
    return len(read) == len(written) and all(
        one == two or (math.isnan(one) and math.isnan(two)) for one, two in zip(read, written, strict=True)
    )


@few
@given(rows=st.lists(st.tuples(names, sequences), min_size=1, max_size=6), way=dialects())
@example(rows=[("#1", "A"), ("#2", "C")], way=dict.fromkeys(("mark", "hint", "blank", "index"), False) | {
    "delimiter": ",", "quoting": csv.QUOTE_MINIMAL, "lineterminator": "\n", "comment": "", "padding": 0, "ended": True,
})  # fmt: skip
def test_a_library_is_read_as_it_was_written(rows, way):
    data = table(["name", "sequence"], rows, way)
    records = list(Reader(blocks_of(io.BytesIO(data)), "csv", ENCODE))
    assert [(record.name, record.sequence) for record in records if isinstance(record, Record)] == rows


@few
@given(
    columns=st.lists(texts.map(str.strip).filter(bool), min_size=1, max_size=4, unique=True),
    data=st.data(),
    way=dialects(),
)
def test_cells_of_any_text_are_read_as_they_were_written(columns, data, way):
    """Line ends inside of quotes too. One name is known, so that the separator is."""
    assume(not any(name.startswith(("#", "sep=", "Unnamed:")) for name in columns))
    columns = [" ".join(name.split()) for name in columns]
    letters = st.characters(exclude_categories=["Cc", "Cs"], include_characters="\n", exclude_characters="\ufeff")
    cells = st.text(letters)
    rows = data.draw(st.lists(st.lists(cells, min_size=len(columns), max_size=len(columns)), max_size=4))
    rows = [[cell.strip() for cell in row] for row in rows]
    rows = [["x", *row] for row in rows]
    if way["lineterminator"] == "\r":  # The csv module would leave other line ends without quotes.
        way["quoting"] = csv.QUOTE_ALL
    read = list(open_table(io.BytesIO(table(["mutant", *columns], rows, way))))
    assert all(isinstance(row, Row) for row in read)
    assert [[cell.strip() for cell in row.cells] for row in read] == rows


@few
@given(
    rows=st.lists(st.tuples(names, numbers), min_size=1, max_size=8),
    way=dialects(),
    mark=st.sampled_from(".,"),
    nothing=missing,
)
def test_measurements_are_read_as_they_were_written_or_refused(rows, way, mark, nothing):
    cells = [(name, number(value, mark, nothing)) for name, value in rows]
    values = [value for _, value in rows]
    data = io.BytesIO(table(["mutant", "DMS_score"], cells, way))
    if all(map(math.isnan, values)):
        assert code_of(lambda: read_assay(data)) == "no_measurement"
    elif mark == "," and may_be_thousands(cell for _, cell in cells):
        assert code_of(lambda: read_assay(data)) == "bad_number"
    else:
        assay = read_assay(data)
        assert assay.names == tuple(name for name, _ in rows)
        assert same(assay.values, values)
        commas = [note.code for note in assay.notes if note.code == "decimal_commas"]
        assert len(commas) == (mark == "," and any("," in cell for _, cell in cells))


@few
@given(
    rows=st.lists(st.tuples(numbers, numbers, st.sampled_from(["", "weak", "5", "a, b"])), min_size=1, max_size=6),
    separator=st.sampled_from(",;\t"),
    mark=st.sampled_from(".,"),
    at=st.permutations(range(4)),
)
def test_fields_without_quotes_are_never_read_as_other_numbers(rows, separator, mark, at):
    """As programs write that join fields: commas in numbers and notes are commas between fields, too."""
    header = ["mutant", "DMS_score", "n", "note"]
    lines = [separator.join(header[place] for place in at)]
    for first, second, note in rows:
        fields = ["A24T", number(first, mark, ""), number(second, mark, ""), note]
        lines.append(separator.join(fields[place] for place in at))
    with suppress(InvalidInput):
        assay = read_assay(io.BytesIO("\n".join(lines).encode()))
        assert same(assay.values, [first for first, *_ in rows])


@few
@given(
    rows=st.lists(st.tuples(st.integers(0, 9), numbers), min_size=1, max_size=8, unique_by=lambda row: row[0]),
    way=dialects(),
    mark=st.sampled_from(".,"),
    nothing=missing,
)
def test_columns_are_read_as_they_were_written_or_refused(rows, way, mark, nothing):
    items = [f"p{n}" for n in range(10)]
    cells = [(items[n], number(value, mark, nothing)) for n, value in rows]
    data = table(["id", "x"], cells, way)
    if mark == "," and may_be_thousands(cell for _, cell in cells):
        assert code_of(lambda: read_columns(data, items)) == "bad_number"
        return
    (column,), _ = read_columns(data, items)
    wanted = [math.nan] * 10
    for n, value in rows:
        wanted[n] = value
    if column.kind == "numeric":
        assert same(column.values.tolist(), wanted)
    else:
        assert all(math.isnan(value) for value in wanted), "a column without a number holds words"


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(st.tuples(names, numbers), min_size=1, max_size=8))
def test_a_workbook_is_read_as_it_was_written(rows):
    """openpyxl writes a text that begins with `=` as a formula. A single cell that begins with `# ` is a comment."""
    assume(all(not name.startswith(("=", "# ", "##")) for name, _ in rows))
    assume(any(not math.isnan(value) for _, value in rows))
    cells = [(name, None if math.isnan(value) else value) for name, value in rows]
    read = list(workbook_table([written([("mutant", "DMS_score"), *cells])]))
    values = Numbers("DMS_score")
    assert [row.cells[0] for row in read] == [name for name, _ in rows]
    for row, (_, value) in zip(read, rows, strict=True):
        number = values.read(row.cells[1], row.line)
        # openpyxl writes sixteen digits.
        assert (math.isnan(number) and math.isnan(value)) or math.isclose(number, value, rel_tol=1e-15)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@few
@given(text=st.text(st.sampled_from('a1,;\t"#\n\r =.'), max_size=60))
def test_any_text_is_read_or_refused(separator, text):
    for reading in (
        lambda data: list(Reader(blocks_of(io.BytesIO(data)), "csv", ENCODE)),
        lambda data: read_assay(io.BytesIO(data)),
        lambda data: read_columns(data, ["a", "1"]),
    ):
        data = f"name{separator}sequence{separator}score\n{text}".encode()
        with suppress(InvalidInput):  # Anything else is an error of the program.
            reading(data)
