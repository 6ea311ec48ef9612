"""What the page shows of a library before it is submitted, read by the reader that submitting uses.

The browser reads plain FASTA, JSONL and simple tables itself. It asks the service about every other kind of file, and
about every file with bad records. `LibraryLook.report` has the shape of `Report` in `frontend/src/new-job/report.ts`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from jobs.errors import InvalidInput, Problem
from jobs.intake.submit import Records, Submission
from jobs.parsing import BadRecord, Record
from jobs.parsing.marking import near
from jobs.parsing.records import NAME_SHOWN

LISTED = 200
"""Problems of records that an answer lists, as many as the browser's own reader lists."""
LISTED_RECORDS = 1_000
LISTED_LETTERS = 500_000
"""Bad records, and letters of them, that an answer returns for download."""


class LibraryLook:
    """A pass over the records of a submission that keeps what the preview shows.

    `submission` is the same submission; reading it fills in the report. Memory does not grow with the library, except
    for one number for each length.
    """

    def __init__(self, submission: Submission) -> None:
        self.submission = replace(submission, read=lambda: _Seen(self._opened(submission), self))
        self.broken: Problem | None = None
        self._lengths: Counter[int] = Counter()
        self._good = self._bad = self._faults = self._letters = 0
        self._listed: list[dict[str, Any]] = []
        self._records: list[dict[str, Any]] = []

    def _opened(self, submission: Submission) -> Records:
        with self.noting_faults():
            return submission.read()

    @contextmanager
    def noting_faults(self) -> Iterator[None]:
        """Keep the first problem of a file that cannot be read as a whole."""
        try:
            yield
        except InvalidInput as error:
            self.broken = error.problems[0] if error.problems else Problem(error.code, error.detail)
            raise

    def note(self, record: Record | BadRecord) -> None:
        self._lengths[len(record.sequence)] += 1
        if isinstance(record, Record):
            self._good += 1
            return
        self._bad += 1
        self._faults += len(record.problems)
        self._listed += [_fault(problem, record) for problem in record.problems[: LISTED - len(self._listed)]]
        self._letters += len(record.header) + len(record.sequence)
        if len(self._records) < LISTED_RECORDS and self._letters <= LISTED_LETTERS:
            why = "; ".join(problem.message for problem in record.problems)
            header = record.header or record.name
            # The line of the fault, as the page of the record and its CSV give it.
            line = record.problems[0].line or record.line
            self._records.append({"line": line, "header": header, "sequence": record.sequence, "why": why})

    def report(self) -> dict[str, Any]:
        """Return the counts, the problems and the bad records, ready for JSON."""
        return {
            "records": self._good + self._bad,
            "good": self._good,
            "badRecords": self._bad,
            "residues": sum(length * many for length, many in self._lengths.items()),
            "lengths": sorted(self._lengths.items()),
            "faults": self._listed,
            "faultCount": self._faults,
            "badOnes": self._records,
            "broken": "" if self.broken is None else _sentence(self.broken),
            "offers": [] if self.broken is None else self.broken.as_dict().get("offers", []),
        }


class _Seen:
    """The records of a library, noted one by one."""

    def __init__(self, records: Records, look: LibraryLook) -> None:
        self._records = records
        self._look = look

    def __iter__(self) -> Iterator[Record | BadRecord]:
        records = iter(self._records)
        while True:
            with self._look.noting_faults():
                record = next(records, None)
            if record is None:
                return
            self._look.note(record)
            yield record

    @property
    def cleaning(self) -> dict[str, int]:
        return self._records.cleaning

    def warnings(self) -> list[Problem]:
        return self._records.warnings()


def _fault(problem: Problem, record: BadRecord) -> dict[str, Any]:
    return {
        "code": problem.code,
        "line": problem.line or 0,
        "column": problem.column or 0,
        "record": problem.record or "",
        "character": problem.character or "",
        "near": near(record.sequence, problem.as_dict()),
        "what": f"{_what(problem)}. {problem.remedy}" if problem.remedy else _what(problem),
    }


def _what(problem: Problem) -> str:
    """Return the message without its place, which the page writes before it."""
    record = problem.record or ""
    record = record if len(record) <= NAME_SHOWN else f"{record[:NAME_SHOWN]}..."
    _, placed, what = problem.message.partition(f"record {record}: ") if record else ("", "", "")
    return what if placed else problem.message


def _sentence(problem: Problem) -> str:
    message = problem.message[:1].upper() + problem.message[1:]
    # Most messages begin with their place.
    place = f"Line {problem.line:,}: " if problem.line and f"line {problem.line:,}" not in problem.message else ""
    return f"{place}{message}. {problem.remedy}".strip()
