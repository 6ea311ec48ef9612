"""Sequence libraries for homolog searches: one FASTA file and an index of its blocks.

The name of a record is its number in the library, because original names may repeat. Its description begins with the
original name. A block holds about `BLOCK_RESIDUES` and can be read on its own.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from e1protocol import BOUNDARY_TOKENS, EXTENDED
from jobs.errors import InvalidInput, Problems, TooLarge
from jobs.limits import GIB, LIBRARY_SPARES_BYTES, MAX_LIBRARY_SEQUENCES
from jobs.parsing import BadRecord, ItemRules, Record
from jobs.parsing.tally import InputTally

BLOCK_RESIDUES = 4_000_000
MAX_RESIDUES = 100_000
"""The longest sequence that HMMER compares."""
RULES = ItemRules(
    sequence=EXTENDED + "J",
    context="",
    needs_mask=False,
    context_allowed=False,
    max_residues=MAX_RESIDUES,
    max_tokens=MAX_RESIDUES + BOUNDARY_TOKENS,
)
"""Rules for the records of a library: the letters of E1, and J, which is stored as X because E1 has no token for it."""

SEQUENCES, INDEX = "sequences.fasta", "blocks.json"
_HEADER = 200
"""Characters of a header that are stored."""
_NAMES = re.compile(rb"^>(\d+) (\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class LibraryFacts:
    """Facts about a library that was written.

    `digest` is the SHA-256 of the FASTA file. `replaced` counts the residues J that became X, `left_out` the records
    that broke the rules.
    """

    digest: str
    sequences: int
    residues: int
    replaced: int
    left_out: int


def library_write(records: Iterable[Record | BadRecord], folder: Path, *, skip_invalid: bool) -> LibraryFacts:
    """Write the library into the empty folder `folder`, in memory that does not grow with it.

    Bad records raise InvalidInput with their problems, unless `skip_invalid` leaves them out. A library without any
    good record raises InvalidInput `empty_library`. It is given up with `too_many_bad_records`, as an upload is, with
    TooLarge `too_many_sequences`, and with `no_room` before it fills the disk.
    """
    digest, problems = hashlib.sha256(), Problems()
    tally = InputTally("skip" if skip_invalid else "reject", "nothing was added")
    _check_room(folder)
    blocks: list[list[int]] = [[0, 0, 0, 0]]
    count = residues = replaced = bad = 0
    with (folder / SEQUENCES).open("wb") as file:
        for record in records:
            tally.note(record)
            if isinstance(record, BadRecord):
                bad += 1
                problems.extend(record.problems)
                continue
            replaced += record.sequence.count("J")
            header = " ".join(record.header.split())[:_HEADER] or record.name[:_HEADER]
            line = f">{count} {header}\n{record.sequence.replace('J', 'X')}\n".encode()
            digest.update(line)
            file.write(line)
            if blocks[-1][3] >= BLOCK_RESIDUES:
                _check_room(folder)
                blocks.append([blocks[-1][0] + blocks[-1][1], 0, 0, 0])
            last = blocks[-1]
            last[1], last[2], last[3] = last[1] + len(line), last[2] + 1, last[3] + len(record.sequence)
            count, residues = count + 1, residues + len(record.sequence)
            if count > MAX_LIBRARY_SEQUENCES:
                what = f"The library has more than {MAX_LIBRARY_SEQUENCES:,} sequences"
                raise TooLarge.one("too_many_sequences", what, "Cluster them, or add several libraries.")
    if bad and not skip_invalid:
        first = problems.listed[0]
        detail = f"{first.message} (of {problems.count:,} problems in {bad:,} records); nothing was added"
        raise InvalidInput(detail, code=first.code, problems=problems.listed, problem_count=problems.count)
    if not count:
        raise InvalidInput.one("empty_library", "No record of the library can be used")
    facts = LibraryFacts(digest.hexdigest(), count, residues, replaced, bad)
    (folder / INDEX).write_bytes(orjson.dumps(asdict(facts) | {"blocks": blocks}))
    return facts


def _check_room(folder: Path) -> None:
    """Raise TooLarge `no_room` if the disk is nearly full."""
    if shutil.disk_usage(folder).free < LIBRARY_SPARES_BYTES:
        what = f"Less than {LIBRARY_SPARES_BYTES // GIB} GiB are free on the disk of {folder.parent}"
        raise TooLarge.one("no_room", what, "Free some space, or set E1_DATABASES to a folder on another disk.")


def library_blocks(folder: Path) -> Iterator[tuple[float, bytes]]:
    """Yield the library in blocks of FASTA text, each with the share of all residues read at its end.

    Raises OSError if the files are gone, ValueError if they do not match.
    """
    index = orjson.loads((folder / INDEX).read_bytes())
    done = 0
    with (folder / SEQUENCES).open("rb") as file:
        for offset, size, _, residues in index["blocks"]:
            file.seek(offset)
            text = file.read(size)
            if len(text) != size or not text.startswith(b">"):
                raise ValueError(f"the library in {folder} is damaged at byte {offset:,}; add it again")
            done += residues
            yield done / index["residues"], text


def library_names(folder: Path, numbers: Collection[int]) -> dict[str, str]:
    """Return the original names of the sequences with these numbers, keyed by number as text.

    Only the blocks that hold them are read.
    """
    index = orjson.loads((folder / INDEX).read_bytes())
    wanted, first, names = set(numbers), 0, {}
    with (folder / SEQUENCES).open("rb") as file:
        for offset, size, count, _ in index["blocks"]:
            if any(first <= number < first + count for number in wanted):
                file.seek(offset)
                for number, name in _NAMES.findall(file.read(size)):
                    if int(number) in wanted:
                        names[number.decode()] = name.decode("utf-8", "replace")
            first += count
    return names
