"""Tables of measurements of a campaign, wide (a column for each property) or long (a column `property` and a value).

Columns are recognised as in every table of this service. A role is read from the column `role`, or from the variant:
WT, dead, blank. With the plan of a round, the well says what is in it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from jobs.errors import InvalidInput, Problem, Problems, TooLarge
from jobs.learning.normalising import BLANK, DEAD, VARIANT, WILD_TYPE
from jobs.learning.wells import well_named
from jobs.limits import MAX_ASSAY_BYTES, MAX_ASSAY_COLUMNS, MAX_ASSAY_ROWS
from jobs.parsing.letters import storable
from jobs.parsing.roles import key, places
from jobs.parsing.tables import MISSING, VALUES, VARIANTS, Fault, Numbers, Row, Table, open_table
from jobs.parsing.tables.joined import VariantCells
from jobs.parsing.upload import Readable
from jobs.science.variants.codes import Variant, read_variant
from jobs.science.variants.numbering import Numbering

FILE = "file"
WORDS = {
    "wt": WILD_TYPE, "wild_type": WILD_TYPE, "wildtype": WILD_TYPE, "wild type": WILD_TYPE, "wild-type": WILD_TYPE,
    "dead": DEAD, "dead control": DEAD, "negative": DEAD, "negative control": DEAD,
    "blank": BLANK, "empty": BLANK, "medium": BLANK, "variant": VARIANT, "sample": VARIANT, "mutant": VARIANT,
}  # fmt: skip
FAILED = {"failed", "fail", "failure", "lost", "no growth"}
"""Words of a well that failed, beside those that mean no value in every table."""
_PLACES = {
    "plate": ("plate", "plate_id", "plate_name"),
    "well": ("well", "well_id", "well_name"),
    "replicate": ("replicate", "rep", "repeat"),
    "role": ("role", "control", "well_type", "content_type"),
    "property": ("property", "assay", "measurement_type"),
    "failed": ("failed",),
}
_VALUE = ("value", "measurement", "measured")
_LONGEST = {"plate": 60, "well": 10, "replicate": 20}


@dataclass(frozen=True, slots=True)
class Filled:
    """What the plan of a round says of a well: its role, and its code by position, "" if it has none."""

    role: str
    code: str


@dataclass(frozen=True, slots=True)
class Reader:
    """What a file is read against. `limits` are the detection limits of each property.

    `plan` has the wells of the round by plate and well.
    """

    parent: str
    numbering: Numbering
    limits: Mapping[str, tuple[float | None, float | None]]
    plan: Mapping[tuple[str, str], Filled] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Well:
    """One cell: a property of a well. `value` is None if the well failed."""

    property: str
    role: str
    code: str
    plate: str
    well: str
    replicate: str
    value: float | None
    censored: int
    written: str


@dataclass(slots=True)
class Found:
    """The wells of a file, the cells that were read, and what is wrong with others."""

    wells: list[Well]
    read: int
    unreadable: int
    problems: list[Problem]


def read_measurements(
    data: Readable, reader: Reader, *, wanted: str = "", columns: Mapping[str, str] | None = None, sheet: str = ""
) -> Found:
    """Read a file. `wanted` is its only property; `columns` names the column of each property.

    A row whose variant or value cannot be read is left out and is a problem. Raises InvalidInput for a file without
    the columns, and for numbers whose commas are not clear.
    """
    named = list((columns or {}).values())
    table = open_table(data, entrance="assay", max_bytes=MAX_ASSAY_BYTES, path=FILE, wanted=named, sheet=sheet)
    if len(table.columns) > MAX_ASSAY_COLUMNS:
        what = f"the table has {len(table.columns):,} columns, and the limit is {MAX_ASSAY_COLUMNS:,}"
        raise table.refused("too_many_columns", what, "Keep those of the wells and the measurements.")
    return _File(table, reader, wanted, columns).read()


class _File:
    def __init__(self, table: Table, reader: Reader, wanted: str, columns: Mapping[str, str] | None) -> None:
        self._table, self._reader = table, reader
        self._at = {name: found[0] for name, names in _PLACES.items() if (found := places(table.columns, names))}
        self._long = not wanted and columns is None and "property" in self._at
        self._values = self._value_columns(wanted, columns)
        used = [*self._values.values(), *(at for at in self._at.values() if at is not None)]
        self._variant = self._variant_column(used)
        self._cells = None if self._variant is None else VariantCells(table.columns, self._variant)
        self._numbers = {at: Numbers(table.columns[at]) for at in self._values.values()}
        # Cells such as <0.05 are text in a workbook, so that their points say nothing about commas of other cells.
        self._sides = {at: Numbers(table.columns[at]) for at in self._values.values()}
        self._problems = Problems()
        self._known: dict[str, Variant | Problem] = {}

    def _value_columns(self, wanted: str, columns: Mapping[str, str] | None) -> dict[str, int]:
        """Return the place of the column of each property, of "" in a long table."""
        table = self._table
        if columns is not None:
            return {name: table.named(column, path="columns") for name, column in columns.items()}
        own = {name: at for name in self._reader.limits for at in places(table.columns, (key(name),))[:1]}
        if wanted and wanted in own:
            return {wanted: own[wanted]}
        if not wanted and not self._long:
            if own:
                return own
            what = f"no column has the name of a property; {table.listed()}"
            remedy = "Name the property, or say in `columns` which column has which property."
            raise table.refused("missing_column", what, remedy, path="columns")
        found = table.column(VALUES, path="columns", remedy="Say in `columns` which column has the property.")
        if found is None:
            found = next(iter(places(table.columns, _VALUE)), None)
        if found is None:
            what = f"no column holds the measurements; {table.listed()}"
            raise table.refused("missing_column", what, "Say in `columns` which column has which.", path="columns")
        return {"" if self._long else wanted: found}

    def _variant_column(self, used: Sequence[int]) -> int | None:
        found = self._table.column(VARIANTS, but=used, path=FILE, remedy="Rename the others.")
        if found is None and not (self._reader.plan and "well" in self._at):
            what = f"no column names the variants; {self._table.listed()}"
            remedy = f"Name one of them {VARIANTS.recommended}, or send plate and well of a proposed round."
            raise self._table.refused("missing_column", what, remedy, path=FILE)
        return found

    def read(self) -> Found:
        wells: list[Well] = []
        read = unreadable = rows = 0
        for row in self._table:
            rows += 1
            if rows > MAX_ASSAY_ROWS:
                raise TooLarge(f"the table has more than {MAX_ASSAY_ROWS:,} rows", code="too_many_rows")
            if isinstance(row, Fault):
                read += len(self._values)
                unreadable += len(self._values)
                self._add(row.what, row.remedy, row.line, code=row.code)
                continue
            for name, at in self._values.items():
                read += 1
                if (well := self._well(row, name, at)) is None:
                    unreadable += 1
                else:
                    wells.append(well)
        for numbers in (*self._numbers.values(), *self._sides.values()):
            if problem := numbers.problem(path=FILE):
                raise InvalidInput.of(problem)
        if not rows:
            raise InvalidInput.one("empty_file", "The table has a header and no rows", "Fill it.", path=FILE)
        notes = [one.warning() for one in self._numbers.values()]
        problems = [*self._problems.listed, *filter(None, notes), *self._table.warnings()]
        return Found(wells, read, unreadable, problems)

    def _add(self, what: str, remedy: str, line: int, *, code: str, record: str | None = None) -> None:
        self._problems.add(Problem(code, f"line {line:,}: {what}", remedy, line=line, record=record, path=FILE))

    def _text(self, row: Row, name: str) -> str:
        at = self._at.get(name)
        return "" if at is None else storable(" ".join(row.cells[at].split()))[: _LONGEST.get(name, 100)]

    def _well(self, row: Row, name: str, at: int) -> Well | None:
        name = name or self._property(row)
        if name not in self._reader.limits:
            known = ", ".join(self._reader.limits) or "none yet"
            what = f"there is no property {name[:60]!r}"
            self._add(what, f"The campaign has: {known}.", row.line, code="unknown_property")
            return None
        if (place := self._place(row)) is None or (content := self._content(row, place)) is None:
            return None
        cell = row.cells[at].strip()
        value, side = self._value(row, cell, at)
        if value is None:
            return None
        if self._text(row, "failed").lower() in ("1", "true", "yes", "failed", "x"):
            value = math.nan
        missing = math.isnan(value)
        low, high = self._reader.limits[name]
        if not missing and low is not None and (value < low or (side < 0 and value <= low)):
            value, side = low, -1
        elif not missing and high is not None and (value > high or (side > 0 and value >= high)):
            value, side = high, 1
        kept = None if missing else value
        places_ = (place[0], place[1], self._text(row, "replicate"))
        return Well(name, content.role, content.code, *places_, kept, 0 if missing else side, storable(cell)[:40])

    def _property(self, row: Row) -> str:
        written = self._text(row, "property")
        return next((one for one in self._reader.limits if key(one) == key(written)), written)

    def _place(self, row: Row) -> tuple[str, str] | None:
        """Return plate and well, the well as it is named on plates. Excel writes a plate 1 as 1.0 at times."""
        well = self._text(row, "well")
        found = well_named(well) if well else None
        if well and found is None:
            self._add(f"{well!r} is not a well", "Write A1 to P24.", row.line, code="bad_well")
            return None
        return self._text(row, "plate").removesuffix(".0"), found.name if found else ""

    def _content(self, row: Row, place: tuple[str, str]) -> Filled | None:
        planned = self._reader.plan.get(place) or self._reader.plan.get(("", place[1]))
        written = storable(self._cells.of(row.cells).strip()) if self._cells else ""
        role = WORDS.get(self._text(row, "role").lower()) or WORDS.get(written.lower())
        if not written and planned is not None:
            return planned
        if role in (WILD_TYPE, BLANK):
            return Filled(role, "")
        if role == DEAD and written.lower() in ("", *WORDS):
            return Filled(DEAD, planned.code if planned is not None and planned.role == DEAD else self._dead())
        found = self._variant_of(written)
        if isinstance(found, Problem):
            self._add(found.message, found.remedy, row.line, code=found.code, record=written[:60])
            return None
        code = found.code()
        if planned is not None and planned.role == DEAD and planned.code == code:
            role = DEAD
        return Filled(WILD_TYPE, "") if not found.mutations else Filled(role or VARIANT, code)

    def _dead(self) -> str:
        return next((one.code for one in self._reader.plan.values() if one.role == DEAD), "")

    def _variant_of(self, written: str) -> Variant | Problem:
        if written not in self._known:
            try:
                if not written:
                    raise InvalidInput.one("no_variant", "the row names no variant", "Name it, or leave the row out.")
                self._known[written] = read_variant(written, self._reader.parent, numbering=self._reader.numbering)
            except InvalidInput as error:
                self._known[written] = error.problems[0]
        return self._known[written]

    def _value(self, row: Row, cell: str, at: int) -> tuple[float | None, int]:
        """Return the number in a cell, NaN for a well that failed, None for a word; and the side of a limit."""
        word = cell.lower()
        if word in FAILED or word in MISSING:
            return math.nan, 0
        side = {"<": -1, "\N{LESS-THAN OR EQUAL TO}": -1, ">": 1, "\N{GREATER-THAN OR EQUAL TO}": 1}.get(cell[:1], 0)
        bare = cell.lstrip("<>=\u2264\u2265 ")
        number = self._sides[at].read(bare, row.line) if side else self._numbers[at].read(row.cells[at], row.line)
        if number is None or (side and math.isnan(number)):
            fault = self._numbers[at].word(cell, row)
            self._add(fault.what, "Write a number, <0.05 for a limit, or failed.", row.line, code=fault.code)
            return None, 0
        return number, side


def plan_of(rows: Sequence[Mapping[str, object]]) -> Iterator[tuple[tuple[str, str], Filled]]:
    """Yield the wells of the rows of a round."""
    for row in rows:
        if row.get("well"):
            yield (str(row["plate"]), str(row["well"])), Filled(str(row["role"]), str(row.get("sequential") or ""))
