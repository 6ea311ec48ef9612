"""Tables of measurements: a column that names variants and a column of numbers.

Errors: `empty_file`, `missing_column`, `unclear_column`, `bad_csv`, `row_too_long`, `too_many_columns`,
`too_many_rows`, `no_measurement`, and those of `jobs.parsing.upload`.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from jobs.errors import InvalidInput, TooLarge
from jobs.limits import MAX_ASSAY_BYTES, MAX_ASSAY_COLUMNS, MAX_ASSAY_ROWS
from jobs.parsing.letters import storable
from jobs.parsing.numbers import decimal
from jobs.parsing.table import MISSING, table_rows
from jobs.parsing.upload import Readable, blocks_of

VARIANT_COLUMNS = ("mutant", "variant", "name", "mutated_sequence")
"""Columns that name variants. The first that the file has is chosen."""

VALUE_COLUMNS = ("dms_score", "score", "fitness", "measured", "measurement", "value")
"""Columns of measurements. The first that the file has is chosen, otherwise the only one with numbers."""

_LOOKED_AT = 200  # rows that decide if a column holds numbers
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class AssayTable:
    """The `names` and `values` of the rows, in order. A value is NaN if there is no measurement."""

    variant_column: str
    value_column: str
    names: tuple[str, ...]
    values: tuple[float, ...]


def read_assay(stream: Readable, *, variant_column: str = "", value_column: str = "") -> AssayTable:
    """Return the measurements in a table whose cells are separated by comma, semicolon or tab.

    Columns that are not named are chosen. Raises InvalidInput with the line and the remedy, TooLarge beyond the limits
    of an assay.
    """
    data = b"".join(blocks_of(stream, max_bytes=MAX_ASSAY_BYTES))
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _refused("invalid_utf8", "the file is not UTF-8 text", "Save it as CSV UTF-8.", line=line) from None
    rows = table_rows(data, _unreadable)
    names = _header(rows)
    looked = [(line, row[: len(names)]) for line, row in islice(rows, _LOOKED_AT)]
    if not looked:
        raise _refused("empty_file", "the table has a header and no rows", "Send one row for each variant.")
    variant_at = _variant_column(names, variant_column)
    value_at = _value_column(names, value_column, looked, variant_at)
    variants: list[str] = []
    values: list[float] = []
    for line, row in chain(looked, rows):
        if len(values) == MAX_ASSAY_ROWS:
            raise TooLarge(f"the table has more than {MAX_ASSAY_ROWS:,} rows", code="too_many_rows")
        variants.append(storable(row[variant_at].strip()) if variant_at < len(row) else "")
        values.append(_number(row[value_at] if value_at < len(row) else "", line, names[value_at]))
    if all(math.isnan(value) for value in values):
        what = f"the column {names[value_at]} holds no measurement"
        raise _refused("no_measurement", what, "Choose another column.", path="value_column")
    return AssayTable(
        storable(names[variant_at])[:100], storable(names[value_at])[:100], tuple(variants), tuple(values)
    )


def _unreadable(error: csv.Error, line: int) -> InvalidInput:
    remedy = 'Close every quotation mark, and write a quotation mark inside quotes twice ("").'
    return _refused("bad_csv", f"the row cannot be read ({error})", remedy, line=line)


def _header(rows: Iterator[tuple[int, list[str]]]) -> list[str]:
    """Return the names of the columns from the first of the rows."""
    line, header = next(rows, (0, []))
    if not header:
        raise _refused("empty_file", "the file is empty", "Send a table with a header line, such as mutant,DMS_score.")
    if len(header) > MAX_ASSAY_COLUMNS:
        what = f"the table has {len(header):,} columns, and the limit is {MAX_ASSAY_COLUMNS:,}"
        raise _refused("too_many_columns", what, "Keep those of the variants and the measurements.", line=line)
    return [name.strip() for name in header]


def _variant_column(names: Sequence[str], wanted: str) -> int:
    if wanted:
        return _named(names, wanted, "variant_column")
    if (found := _known(names, VARIANT_COLUMNS)) is not None:
        return found
    what = f"no column names the variants; {_listed(names)}"
    remedy = f"Name one of them {', '.join(VARIANT_COLUMNS[:-1])} or {VARIANT_COLUMNS[-1]}, or say which it is."
    raise _refused("missing_column", what, remedy, line=1, path="variant_column")


def _value_column(names: Sequence[str], wanted: str, rows: Sequence[tuple[int, list[str]]], variant_at: int) -> int:
    if wanted:
        return _named(names, wanted, "value_column")
    if (found := _known(names, VALUE_COLUMNS, but=variant_at)) is not None:
        return found
    looked = [row for _, row in rows]
    numeric = [at for at in range(len(names)) if at != variant_at and _is_numeric(looked, at)]
    if len(numeric) == 1:
        return numeric[0]
    code, what = "missing_column", f"no column holds numbers; {_listed(names)}"
    if numeric:
        several = ", ".join(names[at] for at in numeric[:_SHOWN])
        code, what = "unclear_column", f"several columns hold numbers: {several}"
    raise _refused(code, storable(what), "Say which column holds the measurement.", line=1, path="value_column")


def _known(names: Sequence[str], candidates: Sequence[str], but: int | None = None) -> int | None:
    """Return the first of the columns called like one of the candidates, which come in order of preference."""
    lower = [name.lower() for name in names]
    found = (lower.index(name) for name in candidates if name in lower)
    return next((at for at in found if at != but), None)


def _named(names: Sequence[str], wanted: str, path: str) -> int:
    for at, name in enumerate(names):
        if name.lower() == wanted.strip().lower():
            return at
    what = f"no column is named {storable(wanted)[:60]}; {_listed(names)}"
    raise _refused("missing_column", what, "Choose one of them.", line=1, path=path)


def _listed(names: Sequence[str]) -> str:
    return f"the columns are {storable(', '.join(name for name in names[:_SHOWN] if name))[:200]}"


def _is_numeric(rows: Sequence[Sequence[str]], at: int) -> bool:
    given = [row[at] for row in rows if at < len(row) and row[at].strip().lower() not in MISSING]
    return bool(given) and all(decimal(cell) is not None for cell in given)


def _number(cell: str, line: int, column: str) -> float:
    word = cell.strip()
    if word.lower() in MISSING:
        return math.nan
    value = decimal(word)
    if value is None:
        what = f"{storable(word)[:40]!r} in the column {storable(column)[:60]} is not a number"
        raise _refused("bad_number", what, "Write it with a decimal point, or leave the field empty.", line=line)
    return value


def _refused(code: str, what: str, remedy: str, *, line: int | None = None, path: str = "file") -> InvalidInput:
    message = f"line {line:,}: {what}" if line else what
    return InvalidInput.one(code, message, remedy, path=path, line=line)
