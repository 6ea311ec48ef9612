"""The records of a job in a table: a column of sequences, or of variants of a parent, and usually one of names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jobs.errors import Problem
from jobs.limits import MAX_HEADER, RECORD_PROBLEMS
from jobs.parsing.letters import check_sequence, clean_item, storable
from jobs.parsing.records import BadRecord, ItemRules, Place, Record, default_name
from jobs.parsing.roles import NAMES, SCORE_SET, SEQUENCES, VARIANTS, places
from jobs.parsing.tables.joined import VariantCells
from jobs.parsing.tables.rows import Fault, Row
from jobs.parsing.tables.table import SHOWN, Table
from jobs.parsing.tally import Tally
from jobs.parsing.text import control_character

_UNCHANGED: frozenset[str] = frozenset()
_VARIANT_NAME = 100
"""Characters of a variant that name its record: it may be a whole sequence."""


class TableRecords:
    """One pass over the rows of a table. Making it raises InvalidInput for faults of the columns."""

    def __init__(self, table: Table, rules: ItemRules, tally: Tally, shared_context: Sequence[str]) -> None:
        self._table = table
        self._rules = rules
        self._tally = tally
        self._shared = shared_context
        self._names_itself = rules.variants is not None
        self._main_at = self._main()
        self._variant = VariantCells(table.columns, self._main_at)
        self._check = rules.variants if places([table.columns[self._main_at]], SCORE_SET) else None
        # Rows of a score set are named by their variants: its accessions are only numbers of rows.
        without = places(table.columns, ("accession",)) if self._check else ()
        found = table.column(NAMES, but=(self._main_at, *without))
        self._name_at = found if found is not None else -1
        read = [at for at in (found, self._main_at) if at is not None]
        tally.read_columns = tuple(table.columns[at] for at in read)
        ignored = [name for at, name in enumerate(table.columns) if at not in read]
        tally.ignored_columns = tuple(storable(name)[:60] for name in ignored[:SHOWN])

    def _main(self) -> int:
        """Return the column to compute: the sequence, or a variant of the job's parent."""
        role = SEQUENCES if self._rules.variants is None else VARIANTS
        found = self._table.column(role)
        if found is None:
            what = f"no column is named {role.recommended}; {self._table.listed()}"
            remedy = f"Begin the file with a header line such as name,{role.usual[0]}."
            raise self._table.refused("missing_column", what, remedy)
        return found

    def __iter__(self) -> Iterator[Record | BadRecord]:
        index = 0
        for row in self._table:
            if self._check and isinstance(row, Row) and (kind := self._check.left_out(self._variant.of(row.cells))):
                self._tally.leave_out(kind, row.line)
                continue
            self._tally.records += 1
            yield self._bad(row, index) if isinstance(row, Fault) else self._record(row, index)
            index += 1
        self._tally.notes = self._table.warnings()

    def _bad(self, fault: Fault, index: int) -> BadRecord:
        given = self._given(fault.cells)
        place = Place(line=fault.line, record=storable(given[:MAX_HEADER]) or default_name(index), index=index)
        return place.bad([fault.problem(place)], storable(given[:MAX_HEADER]))

    def _given(self, cells: Sequence[str]) -> str:
        """Return the name as given. A variant without one is named by itself."""
        given = cells[self._name_at].strip() if 0 <= self._name_at < len(cells) else ""
        if not given and self._names_itself and self._main_at < len(cells):
            return self._text(cells).strip()[:_VARIANT_NAME]
        return given

    def _text(self, cells: Sequence[str]) -> str:
        """Return the sequence or the variant as it is written."""
        return self._variant.of(cells) if self._names_itself else cells[self._main_at]

    def _record(self, row: Row, index: int) -> Record | BadRecord:
        cells = row.cells
        given = self._given(cells)
        place = Place(line=row.line, record=storable(given[:MAX_HEADER]) or default_name(index), index=index)
        text, variants = self._text(cells), self._rules.variants
        problems = list(_check_name(given, place))
        if variants is not None and variants.takes(text):
            sequence, flags = text, _UNCHANGED
        elif variants is not None and (wrong := variants.wrong(text, place.field("sequence"))):
            sequence, flags = text, _UNCHANGED
            problems += wrong
        else:
            sequence, flags = clean_item(text, self._rules)
            problems += check_sequence(sequence, None, self._rules, place, shared_context=self._shared)
        if problems:
            kept = storable(sequence[: self._rules.max_residues])
            return place.bad(problems[:RECORD_PROBLEMS], storable(given[:MAX_HEADER]), kept)
        record = place.good(given, sequence)
        self._tally.cleaned(flags)
        self._tally.look_at(record, unnamed=self._name_at >= 0 and not given)
        return record


def table_records(
    table: Table, rules: ItemRules, tally: Tally, shared_context: Sequence[str]
) -> Iterator[Record | BadRecord]:
    """Yield the records of a table. Raises InvalidInput for faults of its columns."""
    yield from TableRecords(table, rules, tally, shared_context)


def _check_name(given: str, place: Place) -> Iterator[Problem]:
    if len(given) > MAX_HEADER or control_character(given):
        what = f"a name is one line of at most {MAX_HEADER:,} characters, without control characters"
        yield place.field("name").problem("bad_name", what, "Shorten it, and remove line ends and the like.")
