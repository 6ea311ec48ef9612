"""Records of databases as text: PIR, GenPept, UniProt. Biopython reads each record, cut out of the file by its lines.

It tells no lines, so faults of a record have the line where it begins, and positions in its sequence.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from jobs.errors import Problem
from jobs.limits import MAX_HEADER, MIB
from jobs.parsing.items import ItemRule
from jobs.parsing.letters import GAPS, GAPS_REMOVED, storable
from jobs.parsing.records import BadRecord, Place, Record, default_name
from jobs.parsing.text import Lines

if TYPE_CHECKING:
    from Bio.SeqRecord import SeqRecord


MAX_RECORD = 8 * MIB
"""Characters of one record. Those of the longest proteins, with thousands of features, have one million."""

_UNGAPPED = str.maketrans("", "", GAPS)
_REMARK = re.compile(r"[A-Za-z];|\s*$")
_NAME_ONLY = re.compile(r"(?:>..;|LOCUS +|ID +)\s*(\S+)", re.IGNORECASE)
_LENGTH = re.compile(r"(?:LOCUS|ID) +\S+ +(?:[A-Za-z]+; +)?(\d{1,9}) +aa\b", re.IGNORECASE)
_UNKNOWN = ("<unknown id>", "<unknown description>", ".", "")


def read_pir(lines: Lines, item: ItemRule) -> Iterator[Record | BadRecord]:
    """Yield the records of a PIR file: names without the code of the type, titles as the rest of the header."""
    return _records(_from_headers(lines), item, "pir", "PIR")


def read_genpept(lines: Lines, item: ItemRule) -> Iterator[Record | BadRecord]:
    """Yield the records of a GenPept file, named by accession and version."""
    return _records(_to_ends(lines), item, "genbank", "GenPept")


def read_uniprot_text(lines: Lines, item: ItemRule) -> Iterator[Record | BadRecord]:
    """Yield the records of a UniProt file in text format, named by accession."""
    return _records(_to_ends(lines), item, "swiss", "UniProt")


def _from_headers(lines: Lines) -> Iterator[tuple[int, str]]:
    """Yield each record of PIR with the number of its first line, without the remarks behind its `*`."""
    record = _Held()
    title = ended = False
    for line, text in lines:
        if text.lstrip().startswith(">"):
            yield from record.taken()
            record.add(line, text)
            title, ended = True, False
            lines.blanks = None  # An empty line is an empty title.
        elif record.size and not (ended and _REMARK.match(text)):
            record.add(line, text)
            ended = not title and text.rstrip().endswith("*")
            title = False
            lines.blanks = b" \t"
    yield from record.taken()


def _to_ends(lines: Lines) -> Iterator[tuple[int, str]]:
    """Yield each record, which ends with a line `//`, with the number of its first line."""
    record = _Held()
    for line, text in lines:
        record.add(line, text)
        if text.startswith("//"):
            yield from record.taken()
    yield from record.taken()


class _Held:
    """The lines of one record so far."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._began = self.size = 0

    def add(self, line: int, text: str) -> None:
        self._began = self._began if self._lines else line
        self._lines.append(f"{text}\n")
        self.size += len(text) + 1
        if self.size > MAX_RECORD:
            what, remedy = "the record that begins here does not end", "Check the file: its end is missing."
            raise Place(line=self._began).refused("record_too_long", what, remedy)

    def taken(self) -> Iterator[tuple[int, str]]:
        """Yield the record, if there is one, and forget it."""
        if self._lines:
            yield self._began, "".join(self._lines)
        self._lines, self.size = [], 0


def _records(texts: Iterable[tuple[int, str]], item: ItemRule, format: str, title: str) -> Iterator[Record | BadRecord]:
    for index, (line, text) in enumerate(texts):
        try:
            found = _parsed(text, format)
            sequence = str(found.seq or "")
        except Exception as error:  # Biopython raises what its code stumbles over.
            item.tally.records += 1
            yield _unreadable(text, Place(line=line, index=index), title, str(error) or type(error).__name__)
            continue
        header = _header(found)
        place = Place(line=line, record=header.split(" ", 1)[0] or default_name(index), index=index)
        if (problem := _problem(found, text, len(sequence), place)) is None:
            # Rows of an alignment, as MODELLER writes them, have gaps; no protein has.
            ungapped = sequence.translate(_UNGAPPED) if format == "pir" else sequence
            record = item.read({"sequence": ungapped}, index, line=line, header=header)
            if isinstance(record, Record) and len(ungapped) < len(sequence):
                item.tally.cleaned([GAPS_REMOVED])
            yield record
            continue
        item.tally.records += 1
        yield place.bad([problem], header)


@cache
def _seq_io() -> Any:
    # Importing Biopython takes half a second, and few files need it.
    from Bio import BiopythonParserWarning, SeqIO

    # It warns of what `_problem` checks, and of unusual lines of features, which are not read.
    warnings.filterwarnings("ignore", category=BiopythonParserWarning)
    return SeqIO


def _parsed(text: str, format: str) -> SeqRecord:
    (record,) = _seq_io().parse(io.StringIO(text), format)
    return cast("SeqRecord", record)


def _header(record: SeqRecord) -> str:
    words = [record.id, record.name if record.name != record.id else "", record.description]
    text = " ".join(word for word in words if word and word not in _UNKNOWN)
    return storable(" ".join(text.split()))[:MAX_HEADER]


def _problem(record: SeqRecord, text: str, residues: int, place: Place) -> Problem | None:
    """Return what is wrong with a record although it could be parsed."""
    if record.annotations.get("molecule_type", "protein") not in ("protein", None):
        remedy = "Translate it to protein, or leave it out."
        return place.problem("nucleotides", "the record holds nucleotides", remedy)
    announced = _LENGTH.match(text)
    if announced and int(announced[1]) != residues:
        what = f"the record announces {int(announced[1]):,} residues, and has {residues:,}"
        return place.problem("bad_record", what, "Download it again: a part is missing.")
    return None


def _unreadable(text: str, at: Place, title: str, error: str) -> BadRecord:
    found = _NAME_ONLY.match(text.lstrip())
    name = storable(found[1][:MAX_HEADER]) if found else default_name(at.index or 0)
    place = replace(at, record=name)
    reason = storable(" ".join(error.split()))[:200]
    remedy = f"Compare it with a record that the database offers as {title}, or send it as FASTA."
    return place.bad([place.problem("bad_record", f"this is no record of {title}: {reason}", remedy)], name)
