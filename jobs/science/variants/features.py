"""Annotations of a protein: a table of features with start, end, name and kind, such as domains and active sites.

Errors: `missing_column`, `bad_range`, `empty_file`, `too_many_rows`, and those of `jobs.parsing.tables`.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

from jobs.errors import InvalidInput, Problem, TooLarge
from jobs.limits import MIB
from jobs.parsing.letters import storable
from jobs.parsing.tables import Fault, GoodRows, Role, Row, open_table
from jobs.science.variants.numbering import Numbering

MAX_BYTES = 4 * MIB
MAX_FEATURES = 2_000
NAME_KEPT, KIND_KEPT = 200, 60
"""Characters of a name and of a kind; longer ones are cut."""
PLAIN = "feature"
"""The kind of a feature whose table has none."""

FILE = "file"
STARTS = Role(
    "the starts", ("start",), (("start", "begin", "from", "first", "start_position"), ("position", "pos", "residue"))
)
ENDS = Role("the ends", ("end",), (("end", "stop", "to", "last", "end_position"),))
TITLES = Role(
    "the names",
    ("name",),
    (("name",), ("label", "feature_name", "feature"), ("description", "note", "title"), ("id", "accession")),
)
KINDS = Role("the kinds", ("kind",), (("kind",), ("type", "feature_type"), ("category", "class", "database", "source")))


@dataclass(frozen=True, slots=True)
class Feature:
    """A stretch of a protein from position `start` to `end`, both from 1 and included."""

    start: int
    end: int
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Features:
    """The features of a table in the order of their start, and what was left out."""

    features: tuple[Feature, ...]
    notes: tuple[Problem, ...]


def read_features(
    data: bytes, length: int, numbering: Numbering, *, filename: str = "", sheet: str = "", skip_bad: bool = False
) -> Features:
    """Return the features in a table of a protein of this length. Its numbers are those of the numbering.

    A table without ends has features of one residue. Raises InvalidInput and TooLarge.
    """
    wanted = ("start", "end", "name", "kind")
    table = open_table(io.BytesIO(data), filename=filename, max_bytes=MAX_BYTES, path=FILE, wanted=wanted, sheet=sheet)
    start_at = table.column(STARTS)
    if start_at is None:
        what = f"no column has the starts of the features; {table.listed()}"
        raise table.refused("missing_column", what, "Name it start, and the others end, name and kind.")
    end_at = table.column(ENDS, but=(start_at,))
    taken = [at for at in (start_at, end_at) if at is not None]
    name_at = table.column(TITLES, but=taken)
    kind_at = table.column(KINDS, but=[at for at in (*taken, name_at) if at is not None])
    read = [at for at in (start_at, end_at, name_at, kind_at) if at is not None]
    good = GoodRows(table, table, read, skip=skip_bad)
    found: list[Feature] = []
    for row in good:
        if len(found) == MAX_FEATURES:
            raise TooLarge(f"the table has more than {MAX_FEATURES:,} features", code="too_many_rows")
        ends = [_position(row, at, length, numbering) for at in (start_at, start_at if end_at is None else end_at)]
        if fault := next((one for one in ends if isinstance(one, Fault)), None):
            good.leave_out(fault)
            continue
        start, end = (one for one in ends if isinstance(one, int))
        if end < start:
            good.leave_out(_fault(row, f"the feature ends at {row.cells[end_at or 0][:20]}, before its start"))
            continue
        kind = _text(row, kind_at, KIND_KEPT) or PLAIN
        found.append(Feature(start, end, _text(row, name_at, NAME_KEPT) or kind, kind))
    if not found:
        remedy = f"Send one row for each feature.{table.elsewhere}"
        raise InvalidInput.one("empty_file", "The table has a header and no rows", remedy, path=FILE)
    notes = (*filter(None, [good.warning()]), *table.warnings())
    return Features(tuple(sorted(found, key=lambda one: (one.start, one.end))), notes)


def _position(row: Row, at: int, length: int, numbering: Numbering) -> int | Fault:
    text = row.cells[at].strip()
    # Spreadsheets and pandas write whole numbers with a decimal.
    position = numbering.position_of(text.removesuffix(".0"))
    if position is not None and 1 <= position <= length:
        return position
    first, last = numbering.label(1), numbering.label(length)
    return _fault(row, f"{storable(text)[:20]!r} is not the number of a residue, which are {first} to {last}")


def _fault(row: Row, what: str) -> Fault:
    remedy = "Give numbers of residues as this job has them, the start first."
    return Fault(row.line, what, remedy, row.cells, code="bad_range")


def _text(row: Row, at: int | None, most: int) -> str:
    return "" if at is None else " ".join(storable(row.cells[at]).split())[:most]
