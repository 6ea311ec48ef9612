"""Notations of changes to a protein: from text to changes, before any parent is known.

Read are `A24T`, HGVS (`p.Ala24Thr`, `p.(Ala24Thr)`, `p.[Ala24Thr;Gly56Asp]`, `p.=`), MaveDB's `_wt` and `_sy`, and
FoldX (`KA24R;` and `LYSA24ARG` with a chain). Several changes are joined by `: ; / , + _ -` or blanks. Small letters
are read like capitals.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from jobs.parsing.letters import capitals
from jobs.parsing.three_letters import THREE_LETTERS


class Kind(StrEnum):
    """What a change does to the protein."""

    SUBSTITUTION = "substitution"
    SYNONYMOUS = "synonymous"
    STOP = "stop"
    FRAME_SHIFT = "frame_shift"
    EXTENSION = "extension"
    DELETION = "deletion"
    INSERTION = "insertion"
    DUPLICATION = "duplication"
    DELETION_INSERTION = "deletion_insertion"
    UNKNOWN = "unknown"
    UNREADABLE = "unreadable"


class Residue(NamedTuple):
    """A residue that a code names: its letter, its number, and its insertion letter (`52A`), each empty if unnamed."""

    wild: str = ""
    number: str = ""
    letter: str = ""

    def __bool__(self) -> bool:
        return bool(self.wild and self.number)


NO_RESIDUE = Residue()


@dataclass(frozen=True, slots=True)
class Change:
    """One change of the residues from `first` to `last`, in the numbering of the text, which is `written`.

    `new` are the one-letter residues that take their place, or, for an insertion, that come between the two. It is None
    if the text does not say them. `*` is a stop. `chain` is FoldX's. A frame shift that may be a serine at an insertion
    letter F (`Y100FS`) has `new` too.
    """

    written: str
    kind: Kind
    first: Residue = NO_RESIDUE
    last: Residue = NO_RESIDUE
    new: str | None = None
    chain: str = ""


_PARENT = frozenset({"WT", "_WT", "=", "P.=", "(=)", "P.(=)", "WILD TYPE", "WILD-TYPE", "WILD_TYPE", "WILDTYPE"})
_UNCHANGED = frozenset({"_SY", "SYNONYMOUS"})

_THREE = "|".join(THREE_LETTERS)
_RESIDUE = rf"(?:{_THREE}|[A-Z*])"
_LETTER = r"(?:(?!FS)[A-Z](?!_))?"
"""An insertion letter. `A24fs` is no serine at 24F, and `A24T_` begins a join and no range."""
_SINGLE = re.compile(
    rf"(?:(?P<three>{_THREE})|(?P<one>[A-Z*]))(?P<chain>[A-Z]?)(?P<number>-?[0-9]{{1,9}})(?P<letter>{_LETTER})"
    rf"(?P<mutant>{_THREE}|[A-Z*=?-])"
)
_LONGER = re.compile(
    rf"({_RESIDUE}?)(-?[0-9]{{1,9}})({_LETTER})(?:_({_RESIDUE}?)(-?[0-9]{{1,9}})({_LETTER}))?"
    rf"(?P<more>{_RESIDUE}?)(?P<kind>DELINS|DEL|INS|DUP|FS|EXT)(?:(?<=EXT)-)?(?P<tail>[A-Z0-9*?()=]*)"
)
_UNNAMED = re.compile(
    rf"(?:DEL|\N{{GREEK CAPITAL LETTER DELTA}}|\N{{INCREMENT}}){_RESIDUE}?-?[0-9]{{1,9}}(?:[_-][A-Z]?[0-9]{{1,9}})?"
)
_FRAME_SHIFT_OR_LETTER = re.compile(r"([A-Z])(-?[0-9]{1,9})FS")
"""`Y100FS` is a frame shift, or a serine at 100F if the numbering has such a residue."""
_KINDS = {
    "DELINS": Kind.DELETION_INSERTION,
    "DEL": Kind.DELETION,
    "INS": Kind.INSERTION,
    "DUP": Kind.DUPLICATION,
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
        residue = Residue(found[1], found[2], "F")
        return Change(written, Kind.FRAME_SHIFT, residue, residue, "S")
    if found := _LONGER.fullmatch(bare):
        return _longer(written, found)
    if _UNNAMED.fullmatch(bare):
        return Change(written, Kind.DELETION)
    if hgvs and bare in _NO_PROTEIN:
        return Change(written, Kind.UNKNOWN)
    return Change(written, Kind.SYNONYMOUS) if hgvs and bare == "=" else None


def _single(written: str, found: re.Match[str], *, hgvs: bool) -> Change:
    """Return a change of one residue."""
    three, mutant = found["three"], found["mutant"]
    wild = _one_letter(three or found["one"])
    if mutant == "X" and (hgvs or three):
        mutant = "*"  # a stop, in HGVS before 2016
    new = wild if mutant == "=" else _one_letter(mutant)
    kind = Kind.SYNONYMOUS if new == wild else _KINDS.get(new, Kind.SUBSTITUTION)
    if wild == "*" and kind is not Kind.SYNONYMOUS:
        kind = Kind.EXTENSION
    residue = Residue(wild, found["number"], found["letter"])
    stated = {Kind.DELETION: "", Kind.UNKNOWN: None}.get(kind, new)
    return Change(written, kind, residue, residue, stated, found["chain"] or "")


def _longer(written: str, found: re.Match[str]) -> Change:
    """Return a deletion, an insertion, or another change that is written with a word."""
    kind, tail = _KINDS[found["kind"]], found["tail"]
    first = Residue(_one_letter(found[1]), found[2], found[3])
    last = Residue(_one_letter(found[4]), found[5], found[6]) if found[5] else first
    new: str | None = None
    if found["more"]:
        pass  # as in Arg97Profs; a deletion has no such letter
    elif kind in (Kind.DELETION, Kind.DUPLICATION):
        new = "" if not tail or tail.isalpha() else None
    elif kind in (Kind.INSERTION, Kind.DELETION_INSERTION):
        new = _residues(tail, three=len(found[1]) > 1)
    return Change(written, kind, first, last, new)


def _residues(text: str, *, three: bool) -> str | None:
    """Return residues in one letter each from codes of one or `three` letters, or None if they are none."""
    if three:
        codes = [text[at : at + 3] for at in range(0, len(text), 3)]
        return "".join(map(_one_letter, codes)) if codes and all(code in THREE_LETTERS for code in codes) else None
    return text if text and text.replace("*", "A").isalpha() else None


def _one_letter(code: str) -> str:
    return THREE_LETTERS.get(code, code)
