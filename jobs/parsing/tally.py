"""Counts over one input while it is read: cleaned records, warnings, and the problems that refuse it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from jobs.errors import InvalidInput, Problem
from jobs.limits import BAD_LETTERS, GOOD_SHARE, LISTED_PROBLEMS, MAX_BAD_RECORDS, MAX_ITEMS
from jobs.parsing.left_out import OF_LENGTH, key_of_kind, phrase_of
from jobs.parsing.letters import CLEANINGS
from jobs.parsing.marking import with_near
from jobs.parsing.records import BadRecord, Place, Record

_NUCLEOTIDES = "ACGTNU"
_COMPARED_NAMES = 100_000
"""Different names that are remembered: some 10 MB. Later names are compared with these."""
_NUCLEOTIDES_FROM = 10
"""Residues from which a sequence of A, C, G, T, N, U alone is suspicious: a peptide of ten has one chance in 10^6."""


@dataclass(slots=True)
class Left:
    """The count of something that was left out, with the `line` and the text of the first."""

    count: int = 0
    line: int = 0
    example: str = ""

    def add(self, line: int, example: str) -> None:
        if not self.count:
            self.line, self.example = line, example
        self.count += 1


class Tally:
    """Counts of the accepted records that were cleaned or deserve a warning. It does not grow with the file."""

    def __init__(self) -> None:
        self.records = 0
        self.cleaning = dict.fromkeys(CLEANINGS, 0)
        self.read_columns: tuple[str, ...] = ()
        self.ignored_columns: tuple[str, ...] = ()
        self.notes: list[Problem] = []
        self.comments = Left()
        self.annotations = Left()
        self.left_out: Counter[str] = Counter()
        self._first_left_out = 0
        self._noticed: Counter[str] = Counter()
        self._names: set[int] = set()
        self._first: dict[str, Record] = {}

    def leave_out(self, kind: str, line: int) -> None:
        """Count a row of a score set that has no score (`jobs.parsing.left_out`)."""
        self.left_out[kind] += 1
        self._first_left_out = self._first_left_out or line

    def cleaned(self, flags: Iterable[str]) -> None:
        for flag in flags:
            self.cleaning[flag] = self.cleaning.get(flag, 0) + 1

    def look_at(self, record: Record, *, unnamed: bool = False) -> None:
        """Count an accepted record that is legal and yet suspicious."""
        # strip() stops at the first other letter at either end, so proteins cost next to nothing.
        if not record.sequence.strip(_NUCLEOTIDES) and len(record.sequence) >= _NUCLEOTIDES_FROM:
            self._notice("looks_like_dna", record)
        if unnamed:
            self._notice("unnamed_records", record)
        elif (known := hash(record.name)) in self._names:
            self._notice("duplicate_names", record)
        elif len(self._names) < _COMPARED_NAMES:
            self._names.add(known)

    def _notice(self, code: str, record: Record) -> None:
        self._noticed[code] += 1
        self._first.setdefault(code, record)

    def warnings(self) -> list[Problem]:
        """Return one warning of each kind, with the number of records and the first of them."""
        warnings = []
        if seen := self._noticed["looks_like_dna"]:
            look = "looks" if seen == 1 else "look"
            what = f"made of {', '.join(_NUCLEOTIDES)} only and {look} like DNA or RNA"
            remedy = "Translate nucleotides to protein; ignore this if these are peptides."
            warnings.append(self._warning("looks_like_dna", what, remedy))
        if self._noticed["unnamed_records"]:
            what = "nameless and got a name by position"
            remedy = "Put a name behind '>' to find the record again."
            warnings.append(self._warning("unnamed_records", what, remedy))
        if self._noticed["duplicate_names"]:
            remedy = "Nothing: results are kept apart by index. To tell them apart by name, rename one."
            warnings.append(self._warning("duplicate_names", "called like an earlier one", remedy))
        if self.ignored_columns:
            columns = ", ".join(self.ignored_columns)
            what = f"Columns that are not read: {columns}"
            read = " and ".join(self.read_columns)
            verb = "are" if len(self.read_columns) > 1 else "is"
            remedy = f"Of this file only {read} {verb} read; nothing else is kept."
            warnings.append(Problem("ignored_columns", what, remedy, line=1))
        if self.left_out:
            warnings.append(self._rows_left_out())
        return [*warnings, *self._skipped(), *self.notes]

    def _skipped(self) -> Iterator[Problem]:
        if left := self.comments.count:
            lines = "line of comments was" if left == 1 else "lines of comments were"
            first = "".join(filter(str.isprintable, self.comments.example))[:60]
            what = f"{left:,} {lines} skipped (first: line {self.comments.line:,}, {first})"
            yield Problem("comment_lines", what, "Nothing, if they hold no sequence.", line=self.comments.line)
        if left := self.annotations.count:
            rows = "row that annotates the alignment was" if left == 1 else "rows that annotate the alignment were"
            what = f"{left:,} {rows} left out (first: {self.annotations.example}, line {self.annotations.line:,})"
            remedy = "Nothing, unless it is a protein: then rename it."
            yield Problem("annotation_rows", what, remedy, line=self.annotations.line, record=self.annotations.example)

    def counts(self) -> dict[str, int]:
        """Return how many records needed each kind of cleaning, and how many rows of each kind were left out."""
        return self.cleaning | {key_of_kind(kind): count for kind, count in self.left_out.items()}

    def nothing_left(self) -> InvalidInput:
        """Return the refusal of a score set that has no row with a score."""
        what = f"no row of the score set can be scored: there are {phrase_of(self.left_out)}"
        remedy = "Send a table of substitutions, such as p.Ala24Thr"
        return InvalidInput.one("no_items", what, f"{remedy}{self._lengths_remedy()}.", path="items")

    def _rows_left_out(self) -> Problem:
        count, rows = self.left_out.total(), self.records + self.left_out.total()
        verb = "row has no score and is" if count == 1 else "rows have no score and are"
        what = (
            f"{count:,} of {rows:,} {verb} left out: {phrase_of(self.left_out)} (first: line {self._first_left_out:,})"
        )
        remedy = f"Nothing: the others are computed{self._lengths_remedy()}."
        return Problem("rows_left_out", what, remedy, line=self._first_left_out)

    def _lengths_remedy(self) -> str:
        """Return what else can be done about deletions and insertions, if there are any."""
        if any(self.left_out[kind] for kind in OF_LENGTH):
            return ", or choose pseudo_log_likelihood, which takes deletions and insertions"
        return ""

    def _warning(self, code: str, what: str, remedy: str) -> Problem:
        count, first = self._noticed[code], self._first[code]
        verb = f"{'record' if self.records == 1 else 'records'} {'is' if count == 1 else 'are'}"
        at = f", line {first.line:,}" if first.line else ""
        message = f"{count:,} of {self.records:,} {verb} {what} (first: {first.name}{at})"
        return Problem(code, message, remedy, line=first.line or None, record=first.name, index=first.index)


@dataclass(slots=True)
class InputTally:
    """Records and problems of one input, for uploads and for `e1 run`; `on_invalid` is "reject" or "skip".

    Messages of refusals include `consequence`. `hint` may return a problem whose remedy solves most others; it is
    listed first.
    """

    on_invalid: str
    consequence: str
    hint: Callable[[], Problem | None] | None = None
    total: int = 0
    bad: int = 0
    bad_letters: int = 0
    """Letters of the bad records and their headers, as far as they could be read."""
    problems: list[Problem] = field(default_factory=list)

    def note(self, record: Record | BadRecord) -> None:
        """Count a record, and keep the first LISTED_PROBLEMS problems.

        Raises InvalidInput `too_many_bad_records` if so many are bad that reading on would not help.
        """
        self.total += 1
        if isinstance(record, BadRecord):
            self.bad += 1
            self.bad_letters += len(record.header) + len(record.sequence)
            listed = record.problems[: LISTED_PROBLEMS - len(self.problems)]
            self.problems.extend(with_near(problem, record.sequence) for problem in listed)
            if self.bad > MAX_BAD_RECORDS and (self.doomed or self._is_of_another_kind):
                raise self._given_up(record)

    @property
    def _is_of_another_kind(self) -> bool:
        """Whether the records look like no library: hardly one is good, and the bad ones are hardly sequences."""
        return self.total - self.bad < GOOD_SHARE * self.total and self.bad_letters < BAD_LETTERS * self.bad

    @property
    def doomed(self) -> bool:
        """Whether the input is refused already."""
        return bool(self.bad) and self.on_invalid == "reject"

    def check_room(self) -> None:
        """Raise InvalidInput `too_many_items` if a job cannot hold the records."""
        if self.total > MAX_ITEMS:
            what = f"the library has more than {MAX_ITEMS:,} records"
            raise InvalidInput.one("too_many_items", what, "Send it as several jobs.")

    def check(self) -> None:
        """Raise InvalidInput if the input is refused. Call it after the last record."""
        if self.bad and (self.doomed or self.bad == self.total):
            verb = "is" if self.bad == 1 else "are"
            raise self._refusal("invalid_records", f"{self.bad:,} of {self.total:,} records {verb} not valid")
        if not self.total:
            raise InvalidInput.one(
                "no_items", "there is nothing to compute: no items were given", "Give at least one.", path="items"
            )

    def _refusal(self, code: str, what: str) -> InvalidInput:
        if self.hint is not None and (first := self.hint()):
            self.problems.insert(0, first)
        return InvalidInput(
            f"{what}; {self.consequence}. First: {self.problems[0].message}",
            code=code,
            problems=self.problems,
            problem_count=max(self.bad, len(self.problems)),
        )

    def _given_up(self, record: BadRecord) -> InvalidInput:
        what = f"{self.bad:,} of the first {self.total:,} records are not valid, and the others were not read"
        remedy = "Check that the file and its format are the right ones, or send the good records only."
        place = Place(line=record.line or None, record=record.name, index=record.index)
        self.problems[LISTED_PROBLEMS - 1 :] = [place.problem("too_many_bad_records", what, remedy)]
        return self._refusal("too_many_bad_records", what)
