"""Tables of measurements: a column that names variants and a column of numbers.

Errors: `empty_file`, `missing_column`, `unclear_column`, `bad_number`, `too_many_columns`, `too_many_rows`,
`no_measurement`, and those of `jobs.parsing.tables` and `jobs.parsing.upload`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice

from jobs.errors import InvalidInput, Problem, TooLarge
from jobs.limits import MAX_ASSAY_BYTES, MAX_ASSAY_COLUMNS, MAX_ASSAY_ROWS
from jobs.parsing.letters import storable
from jobs.parsing.tables import VALUES, VARIANTS, Fault, GoodRows, Numbers, Row, Table, open_table
from jobs.parsing.tables.joined import VariantCells
from jobs.parsing.upload import Readable

FILE, VARIANT_FIELD, VALUE_FIELD = "file", "variant_column", "value_column"
_LOOKED_AT = 200  # rows that decide if a column holds numbers
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class AssayTable:
    """The `names` and `values` of the rows, in order. A value is NaN if there is no measurement.

    `notes` says what was changed in the file, or left out.
    """

    variant_column: str
    value_column: str
    names: tuple[str, ...]
    values: tuple[float, ...]
    notes: tuple[Problem, ...] = ()


def read_assay(
    stream: Readable, *, variant_column: str = "", value_column: str = "", sheet: str = "", skip_bad: bool = False
) -> AssayTable:
    """Return the measurements in a table.

    Columns that are not named are chosen. `sheet` names one of a workbook. With `skip_bad`, rows that cannot be read
    are left out, and the notes say so. Raises InvalidInput with the line and the
    remedy, TooLarge beyond the limits of an assay.
    """
    wanted = (variant_column, value_column)
    table = open_table(stream, entrance="assay", max_bytes=MAX_ASSAY_BYTES, path=FILE, wanted=wanted, sheet=sheet)
    if len(table.columns) > MAX_ASSAY_COLUMNS:
        what = f"the table has {len(table.columns):,} columns, and the limit is {MAX_ASSAY_COLUMNS:,}"
        raise table.refused("too_many_columns", what, "Keep those of the variants and the measurements.")
    rows = iter(table)
    looked = list(islice(rows, _LOOKED_AT))
    if not looked:
        what, remedy = "The table has a header and no rows", f"Send one row for each variant.{table.elsewhere}"
        raise InvalidInput.one("empty_file", what, remedy, path=FILE)
    variant_at = _variant_column(table, variant_column)
    variant = VariantCells(table.columns, variant_at)
    value_at = _value_column(table, value_column, looked, (variant_at, variant.site))
    numbers = Numbers(table.columns[value_at])
    variants: list[str] = []
    values: list[float] = []
    good = GoodRows(table, chain(looked, rows), (variant_at, value_at), skip=skip_bad)
    for row in good:
        if len(values) == MAX_ASSAY_ROWS:
            raise TooLarge(f"the table has more than {MAX_ASSAY_ROWS:,} rows", code="too_many_rows")
        value = numbers.read(row.cells[value_at], row.line)
        if value is None:
            good.leave_out(numbers.word(row.cells[value_at], row))
            continue
        variants.append(storable(variant.of(row.cells).strip()))
        values.append(value)
    if problem := numbers.problem(path=FILE):
        raise InvalidInput.of(problem)
    if all(map(math.isnan, values)):
        what = f"The column {storable(numbers.column)[:60]} holds no measurement"
        raise InvalidInput.one("no_measurement", what, "Choose another column.", path=VALUE_FIELD)
    notes = (*filter(None, [good.warning(), numbers.warning()]), *table.warnings())
    chosen = [storable(table.columns[at])[:100] for at in (variant_at, value_at)]
    return AssayTable(chosen[0], chosen[1], tuple(variants), tuple(values), notes)


def _variant_column(table: Table, wanted: str) -> int:
    found = table.column(VARIANTS, name=wanted, path=VARIANT_FIELD, remedy="Say which column holds the variants.")
    if found is None:
        what = f"no column names the variants; {table.listed()}"
        remedy = f"Name one of them {VARIANTS.recommended}, or say which it is."
        raise table.refused("missing_column", what, remedy, path=VARIANT_FIELD)
    return found


def _value_column(table: Table, wanted: str, looked: Sequence[Row | Fault], others: Sequence[int | None]) -> int:
    """Return the place of the measurements, which are not in the columns `others`. Raises InvalidInput."""
    but = [at for at in others if at is not None]
    remedy = "Say which column holds the measurement."
    found = table.column(VALUES, name=wanted, path=VALUE_FIELD, but=but, remedy=remedy)
    if found is not None:
        return found
    rows = [row for row in looked if isinstance(row, Row)]
    numeric = [at for at in range(len(table.columns)) if at not in but and _is_numeric(rows, at)]
    if len(numeric) == 1:
        return numeric[0]
    code, what = "missing_column", f"no column holds numbers; {table.listed()}"
    if numeric:
        code = "unclear_column"
        what = f"several columns hold numbers: {', '.join(table.columns[at] for at in numeric[:_SHOWN])}"
    raise table.refused(code, what, remedy, path=VALUE_FIELD)


def _is_numeric(rows: Sequence[Row], at: int) -> bool:
    numbers = Numbers("")
    values = [numbers.read(row.cells[at], row.line) for row in rows]
    return None not in values and not all(math.isnan(value) for value in values if value is not None)
