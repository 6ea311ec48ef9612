"""Notations of changes to a protein: from text to changes, before any parent is known.

Read are `A24T`, HGVS (`p.Ala24Thr`, `p.(Ala24Thr)`, `p.[Ala24Thr;Gly56Asp]`, `p.=`), MaveDB's `_wt` and `_sy`, and
FoldX (`KA24R;` with a chain). Several changes are joined by `: ; / , + _ -` or blanks. Small letters are read like
capitals.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from jobs.parsing.letters import capitals


class Kind(StrEnum):
    """What a change does to the protein."""

    SUBSTITUTION = "substitution"
    SYNONYMOUS = "synonymous"
    STOP = "stop"
    FRAME_SHIFT = "frame_shift"
    EXTENSION = "extension"
    DELETION = "deletion"
    INSERTION = "insertion"
    DELETION_INSERTION = "deletion_insertion"
    UNKNOWN = "unknown"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Change:
    """One change. `written` is its text as given; `wild` and `mutant` are one-letter residues, `*` for a stop.

    `number` and the insertion letter (`52A`) are in the numbering of the text. `chain` is FoldX's. Substitutions, stops
    and most synonymous changes have `wild`, `number` and `mutant`. So has a frame shift that may be a serine at an
    insertion letter F (`Y100FS`).
    """

    written: str
    kind: Kind
    wild: str = ""
    number: str = ""
    letter: str = ""
    mutant: str = ""
    chain: str = ""


THREE_LETTERS = {
    "ALA": "A", "CYS": "C", "ASP": "D", "GLU": "E", "PHE": "F", "GLY": "G", "HIS": "H", "ILE": "I", "LYS": "K",
    "LEU": "L", "MET": "M", "ASN": "N", "PRO": "P", "GLN": "Q", "ARG": "R", "SER": "S", "THR": "T", "VAL": "V",
    "TRP": "W", "TYR": "Y", "TER": "*", "SEC": "U", "PYL": "O", "XAA": "X", "ASX": "B", "GLX": "Z", "XLE": "J",
}  # fmt: skip
"""One-letter codes by three-letter codes in capitals."""

_PARENT = frozenset({"WT", "_WT", "=", "P.=", "(=)", "P.(=)", "WILD TYPE", "WILD-TYPE", "WILD_TYPE", "WILDTYPE"})
_UNCHANGED = frozenset({"_SY", "SYNONYMOUS"})

_THREE = "|".join(THREE_LETTERS)
_RESIDUE = rf"(?:{_THREE}|[A-Z*])"
_LETTER = r"(?:(?!FS)[A-Z](?!_))?"
"""An insertion letter. `A24fs` is no serine at 24F, and `A24T_` begins a join and no range."""
_NUMBER = rf"-?[0-9]{{1,9}}{_LETTER}"
_SINGLE = re.compile(
    rf"(?:(?P<three>{_THREE})|(?P<one>[A-Z*])(?P<chain>[A-Z]?))(?P<number>-?[0-9]{{1,9}})(?P<letter>{_LETTER})(?P<mutant>{_THREE}|[A-Z*=?-])"
)
_LONGER = re.compile(
    rf"{_RESIDUE}?{_NUMBER}(?:_{_RESIDUE}?{_NUMBER})?{_RESIDUE}?(?P<kind>DELINS|DEL|INS|DUP|FS|EXT)"
    r"(?:(?<=EXT)-)?[A-Z0-9*?()=]*"
    rf"|(?P<before>DEL|\N{{GREEK CAPITAL LETTER DELTA}}|\N{{INCREMENT}}){_RESIDUE}?-?[0-9]{{1,9}}"
    r"(?:[_-][A-Z]?[0-9]{1,9})?"
)
_FRAME_SHIFT_OR_LETTER = re.compile(r"([A-Z])(-?[0-9]{1,9})FS")
"""`Y100FS` is a frame shift, or a serine at 100F if the numbering has such a residue."""
_KINDS = {
    "DELINS": Kind.DELETION_INSERTION,
    "DEL": Kind.DELETION,
    "INS": Kind.INSERTION,
    "DUP": Kind.INSERTION,
    "FS": Kind.FRAME_SHIFT,
    "EXT": Kind.EXTENSION,
    "-": Kind.DELETION,
    "?": Kind.UNKNOWN,
    "*": Kind.STOP,
}
_NO_PROTEIN = frozenset({"?", "0", "0?"})
"""HGVS for an unknown effect, and for no protein."""

_JOINED = re.compile(r"[:,;/+\s]+")
_JOINED_CLOSELY = re.compile(r"_|(?<=[A-Za-z*=)])-(?=[A-Za-z(])")
"""Joins that also occur within a change: tried if the whole is not one."""
_REFERENCE = re.compile(r"([^\s:;,/+]{1,60}):(?=[pP]\.)")
_ALLELE = re.compile(r"(?:p\.)?\(?\[([^\[\]]*)\]\)?", re.IGNORECASE)
_DIGITS = frozenset("0123456789")
_LEVELS = 3  # "p." and parentheses around a change, in any order


def is_notation(text: str) -> bool:
    """Return whether the text is a notation of changes, or names the parent. Otherwise it is residues."""
    word = text.strip()
    if not _DIGITS.isdisjoint(word) or word.startswith(("p.", "[", "(")):
        return True
    return capitals(word) in _PARENT or capitals(word) in _UNCHANGED


def changes_of(text: str) -> Iterator[Change]:
    """Yield the changes of one variant in the order of the text; none if it names the parent."""
    text = text.strip().removesuffix(";").rstrip()
    if (found := _REFERENCE.match(text)) and _change(found[1], hgvs=False) is None:
        text = text[found.end() :]
    word = capitals(text)
    if word in _PARENT:
        return
    if word in _UNCHANGED:
        yield Change(text, Kind.SYNONYMOUS)
        return
    allele = _ALLELE.fullmatch(text)
    hgvs = allele is not None
    for part in _JOINED.split(allele[1] if allele else text):
        if (whole := _change(part, hgvs=hgvs)) is not None:
            yield whole
            continue
        pieces = _JOINED_CLOSELY.split(part)
        changes = [_change(piece, hgvs=hgvs) for piece in pieces] if len(pieces) > 1 else [None]
        readable = [change for change in changes if change is not None]
        if len(readable) == len(changes):
            yield from readable
        else:
            yield Change(part, Kind.UNREADABLE)


def _change(written: str, *, hgvs: bool) -> Change | None:
    """Return the change that a text is, or None. `hgvs` is whether the text around it is of HGVS."""
    bare = capitals(written)
    for _ in range(_LEVELS):
        if bare.startswith("P."):
            bare, hgvs = bare[2:], True
        elif bare.startswith("(") and bare.endswith(")"):
            bare = bare[1:-1]
    if found := _SINGLE.fullmatch(bare):
        return _single(written, found, hgvs=hgvs)
    if found := _FRAME_SHIFT_OR_LETTER.fullmatch(bare):
        return Change(written, Kind.FRAME_SHIFT, found[1], found[2], "F", "S")
    if found := _LONGER.fullmatch(bare):
        return Change(written, _KINDS.get(found["kind"], Kind.DELETION))
    if hgvs and bare in _NO_PROTEIN:
        return Change(written, Kind.UNKNOWN)
    return Change(written, Kind.SYNONYMOUS) if hgvs and bare == "=" else None


def _single(written: str, found: re.Match[str], *, hgvs: bool) -> Change:
    """Return a change of one residue."""
    three, mutant = found["three"], found["mutant"]
    wild = THREE_LETTERS[three] if three else found["one"]
    mutant = THREE_LETTERS.get(mutant, mutant)
    if mutant == "X" and (hgvs or three) and found["mutant"] == "X":
        mutant = "*"  # a stop, in HGVS before 2016
    mutant = wild if mutant == "=" else mutant
    kind = Kind.SYNONYMOUS if mutant == wild else _KINDS.get(mutant, Kind.SUBSTITUTION)
    if wild == "*" and kind is not Kind.SYNONYMOUS:
        kind = Kind.EXTENSION
    return Change(written, kind, wild, found["number"], found["letter"], mutant, found["chain"] or "")
