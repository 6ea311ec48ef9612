"""The numbering of a parent from a file: a structure, a table, or a list of numbers.

- A structure (PDB, mmCIF) is aligned to the parent, and its residues have the numbers of its authors.
- A table has a row for each residue and a column of numbers. A column of insertion letters, of positions and of
  residues may be beside it.
- A list has the number of each residue, such as `1-52, 52A, 53-113`.

Residues without a number, such as those that a structure does not resolve, get the numbers between those around them.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from jobs.errors import InvalidInput, Problem
from jobs.limits import MIB
from jobs.parsing.kinds import Kind
from jobs.parsing.letters import storable
from jobs.parsing.tables import GoodRows, Role, Row, Table, open_table
from jobs.parsing.three_letters import THREE_LETTERS
from jobs.parsing.upload import Upload, blocks_of
from jobs.science.contacts.structures import residue_labels
from jobs.science.variants.numbering import Label, Numbering, label_of, refused
from jobs.science.variants.numbering_forms import labels_of_text

MAX_TABLE_BYTES = 4 * MIB
"""Bytes of a table or list. One of 2,048 residues with twenty columns takes half a megabyte."""

_STRUCTURES = ("pdb", "mmcif")
_WANTED = "Send a table with a column number, a list of numbers, or a PDB or mmCIF file."
_LIST = re.compile(r"\s*-?[0-9]+[A-Za-z]?(?:[\s,;\N{EN DASH}-]+[0-9]+[A-Za-z]?)*[\s,;]*")
_WHOLE = re.compile(r"(-?[0-9]+)\.0+")  # as pandas writes whole numbers beside missing ones
_MISSING = frozenset({"", "-", ".", "?", "na", "nan", "none"})
_FILLED_SHOWN = 5

NUMBERS = Role(
    "the numbers",
    ("number",),
    (
        ("number", "residue_number", "resnum", "res_num", "resno", "resseq", "resid", "residue_id"),
        ("auth_seq_id", "author_number", "pdb_number", "pdb_resnum", "numbering", "label"),
        ("ambler", "kabat", "chothia", "martin", "imgt", "aho", "eu", "abl", "bw"),
    ),
)
INSERTIONS = Role(
    "the insertion letters",
    ("insertion",),
    (("insertion", "insertion_code", "insertion_letter", "icode", "ins_code", "inscode", "pdb_ins_code"),),
)
POSITIONS = Role(
    "the positions", ("position",), (("position", "pos", "sequence_position", "label_seq_id", "seq_id", "seqpos"),)
)
RESIDUES = Role(
    "the residues",
    ("residue",),
    (("residue", "aa", "amino_acid", "wild_type", "wildtype", "wt", "res", "resname", "residue_name", "resn"),),
)


@dataclass(frozen=True, slots=True)
class FileNumbering:
    """A numbering from a file, and what is to be said about it."""

    numbering: Numbering
    warnings: tuple[Problem, ...] = ()


def numbering_of_file(
    data: bytes, parent: str, *, name: str = "", column: str = "", chain: str = "", path: str = "numbering"
) -> FileNumbering:
    """Return the numbering of `parent` in a file called `name`.

    `column` is the name of the column of numbers in a table, `chain` that of a chain in a structure; without them, both
    are chosen. Raises InvalidInput `bad_numbering`, and what reading a structure or a table raises, at `path`.
    """
    try:
        kind = Upload(io.BytesIO(data), filename=name).kind
        if kind.key in _STRUCTURES:
            texts = residue_labels(data, parent, chain=chain.strip() or None)
            return _filled([None if text is None else label_of(text) for text in texts], "the structure does not have")
        _require_table(kind)
        if kind.key != "xlsx" and (labels := _list(data)) is not None:
            numbering = Numbering.listed(labels)
        else:
            return _filled(_table_labels(_opened(data, column), parent, column), "the table does not number")
        numbering.check_length(len(parent))
        return FileNumbering(numbering)
    except InvalidInput as error:
        problems = [replace(problem, path=path) for problem in error.problems]
        raise type(error)(error.detail, code=error.code, problems=problems, problem_count=error.problem_count) from None


def _require_table(kind: Kind) -> None:
    if kind.reader("assay") is None:
        raise InvalidInput.one(kind.code, f"The file is {kind.name}", _WANTED)


def _list(data: bytes) -> list[Label] | None:
    """Return the labels in a file that has nothing else, or None."""
    text = b"".join(blocks_of(io.BytesIO(data), max_bytes=MAX_TABLE_BYTES)).decode("utf-8", "replace")
    return list(labels_of_text(text)) if _LIST.fullmatch(text) else None


def _opened(data: bytes, column: str) -> Table:
    return open_table(io.BytesIO(data), max_bytes=MAX_TABLE_BYTES, wanted=(column,))


def _table_labels(table: Table, parent: str, column: str) -> list[Label | None]:
    """Return the label of each residue of the parent, None if the table has none."""
    number_at = table.column(NUMBERS, name=column, remedy="Say which column has the numbers.")
    if number_at is None:
        what = f"no column has the numbers of the residues; {table.listed()}"
        raise table.refused("missing_column", what, "Name one of them number, or say which it is.")
    but = (number_at,)
    letter_at, position_at, residue_at = (table.column(role, but=but) for role in (INSERTIONS, POSITIONS, RESIDUES))
    found: list[Label | None] = [None] * len(parent)
    count = 0
    read = [at for at in (number_at, letter_at, position_at, residue_at) if at is not None]
    for row in GoodRows(table, table, read, skip=False):
        residue = _letter(row, residue_at)
        if residue in _MISSING and residue_at is not None:
            continue  # a gap of the alignment that numbered the sequence
        count += 1
        position = count if position_at is None else _position(row, position_at, len(parent))
        if position > len(parent):
            continue  # counted for the message
        if residue_at is not None and residue != parent[position - 1] and "X" not in (residue, parent[position - 1]):
            what = f"line {row.line:,} has {residue} at position {position:,}, and the parent {parent[position - 1]}"
            raise refused(what, "Send the numbers of this parent, or the parent of these numbers.")
        label = _label(row, number_at, letter_at)
        if found[position - 1] not in (None, label):
            what = f"line {row.line:,} numbers position {position:,} {label}, and an earlier line {found[position - 1]}"
            raise refused(what, "Keep one row for each residue.")
        found[position - 1] = label
    if position_at is None and count != len(parent):
        what = f"the table has {count:,} rows of residues, and the parent {len(parent):,} residues"
        raise refused(what, "Send one row for each residue in order, or add a column position that counts from 1.")
    return found


def _letter(row: Row, at: int | None) -> str:
    """Return the residue of a row as one letter, or a word for a gap in small letters."""
    word = row.cells[at].strip() if at is not None else ""
    return word.lower() if word.lower() in _MISSING else THREE_LETTERS.get(word.upper(), word.upper())


def _position(row: Row, at: int, length: int) -> int:
    word = _WHOLE.sub(r"\1", row.cells[at].strip())
    if not (word.isascii() and word.isdigit() and 1 <= int(word[:9]) <= length):
        what = f"line {row.line:,} has the position {storable(word)[:20]!r}, and the parent {length:,} residues"
        raise refused(what, "Positions count from 1 along the parent.")
    return int(word[:9])


def _label(row: Row, number_at: int, letter_at: int | None) -> Label | None:
    word = _WHOLE.sub(r"\1", row.cells[number_at].strip())
    if word.lower() in _MISSING:
        return None
    letter = row.cells[letter_at].strip() if letter_at is not None else ""
    try:
        return label_of(word + ("" if letter.lower() in _MISSING else letter))
    except InvalidInput as error:
        (problem,) = error.problems
        raise refused(f"line {row.line:,}: {problem.message}", problem.remedy) from None


def _filled(labels: Sequence[Label | None], what: str) -> FileNumbering:
    """Return the numbering with a label for each residue. Raises InvalidInput if one cannot be told."""
    filled = list(labels)
    known = [at for at, label in enumerate(labels) if label is not None]
    if not known:
        raise refused("no residue has a number", "Check that the right column is chosen.")
    for at in range(known[0] - 1, -1, -1):
        filled[at] = _before(filled[at + 1])
    for earlier, later in pairwise(known):
        _fill_between(filled, earlier, later)
    for at in range(known[-1] + 1, len(filled)):
        filled[at] = _after(filled[at - 1])
    numbering = Numbering.listed(label for label in filled if label is not None)
    missing = [str(label) for label, given in zip(filled, labels, strict=True) if given is None]
    return FileNumbering(numbering, (_told(missing, what),) if missing else ())


def _fill_between(filled: list[Label | None], earlier: int, later: int) -> None:
    first, last = filled[earlier], filled[later]
    missing = later - earlier - 1
    if not missing or first is None or last is None:
        return
    # 52A follows 52, which may itself be missing.
    free = last.number - first.number - (0 if last.letter else 1)
    if missing != free:
        some = f"{missing:,} residues between {first} and {last} have no number"
        what = f"{some}, and there {'is' if free == 1 else 'are'} {max(0, free):,} free"
        raise refused(what, "Give the number of each residue in a table or a list.")
    for step in range(1, missing + 1):
        filled[earlier + step] = Label(first.number + step)


def _before(label: Label | None) -> Label | None:
    if label is None:
        return None
    if label.letter:
        return Label(label.number, "" if label.letter == "A" else chr(ord(label.letter) - 1))
    return Label(label.number - 1)


def _after(label: Label | None) -> Label | None:
    return None if label is None else Label(label.number + 1)


def _told(missing: Sequence[str], what: str) -> Problem:
    shown = ", ".join(missing[:_FILLED_SHOWN])
    more = f" and {len(missing) - _FILLED_SHOWN:,} more" if len(missing) > _FILLED_SHOWN else ""
    many = "residues that" if len(missing) > 1 else "residue that"
    message = f"{len(missing):,} {many} {what} got the numbers {shown}{more}, from those around"
    return Problem("numbers_filled", message, "Give the number of each residue in a table if these are wrong.")
