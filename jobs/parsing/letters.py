"""Cleaning of sequences, and checks of their characters and lengths.

Cleaning capitalises ASCII letters and removes blanks (spaces, tabs, line ends) and one `*` at the end. Any other
character outside the alphabet is a problem with the code `bad_letter`, `mask_not_allowed` or `mask_in_context`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, islice

from e1protocol import BOUNDARY_TOKENS, CANONICAL, MASK, tokens_of
from jobs.errors import Problem
from jobs.limits import KINDS_OF_CHARACTER, RECORD_PROBLEMS
from jobs.parsing.records import ItemRules, Place
from jobs.parsing.three_letters import three_letter_problem

LOWER_CASE, SPACES, TRAILING_STAR, LINE_ENDS = "lower_case", "spaces", "trailing_star", "line_ends"
CLEANINGS = (LOWER_CASE, SPACES, TRAILING_STAR, LINE_ENDS)
NOTATION = "notation"
"""The cleaning of a variant that was not written as A24T. It is counted only if there is one."""
GAPS_REMOVED, JOINED_HEADERS, NUMBERS = "gaps", "joined_headers", "numbers"
"""Cleanings of aligned rows, of headers that NCBI joined by Ctrl-A, and of lines with numbers. They are counted only if
there is one."""
GAPS = "-._~"
"""Characters that alignment formats write for a gap (`looks.GAP_MARKS`)."""

# str.upper() would turn one German sharp s into two residues and a dotless i into a plain one.
_ASCII_CAPITALS = {ord(lower): ord(lower) - 32 for lower in "abcdefghijklmnopqrstuvwxyz"}
_BLANK = re.compile(r"[ \t\r\n]+")
_NOWHERE = Place()
# What a database refuses in text or a browser hides: control characters and halves of surrogate pairs.
_UNSTORABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\ud800-\udfff]")


def capitals(text: str) -> str:
    """Return `text` with a-z in capitals and every other character unchanged, so that no position moves."""
    return text.upper() if text.isascii() else text.translate(_ASCII_CAPITALS)


def clean_sequence(text: str) -> tuple[str, frozenset[str]]:
    """Return the sequence in capitals, without blanks and one `*` at the end, and which of these it needed."""
    done = set()
    cleaned = capitals(text)
    if cleaned != text:
        done.add(LOWER_CASE)
    without = _BLANK.sub("", cleaned)
    if len(without) != len(cleaned):
        done.add(SPACES)
    if without.endswith("*"):
        done.add(TRAILING_STAR)
        without = without[:-1]
    return without, frozenset(done)


def clean_item(text: str, rules: ItemRules) -> tuple[str, frozenset[str]]:
    """Clean a sequence or a variant."""
    return clean_sequence(text) if rules.variants is None else rules.variants.cleaned(text)


def storable(text: str) -> str:
    """Return `text` with U+FFFD for every character that a database or a JSON writer refuses."""
    return _UNSTORABLE.sub("\ufffd", text)


def is_storable(text: str) -> bool:
    return _UNSTORABLE.search(text) is None


def shown(character: str) -> str:
    """Return a character for a message: itself if it is visible, else its code point."""
    return character if character.isprintable() and character != " " else f"U+{ord(character):04X}"


def strange_characters(text: str, allowed: str) -> list[tuple[str, int, int]]:
    """Return the characters of `text` outside `allowed`, in order of appearance, with first index and count.

    There are at most `KINDS_OF_CHARACTER`, which also keeps the time linear in the length of the text.
    """
    outside = _run_of(allowed).sub("", text)
    kinds = islice(dict.fromkeys(outside), KINDS_OF_CHARACTER) if outside else ()
    return [(kind, text.index(kind), outside.count(kind)) for kind in kinds]


@lru_cache(maxsize=64)
def _run_of(allowed: str) -> re.Pattern[str]:
    return re.compile(f"[{re.escape(allowed)}]+")


def letter_problem(
    place: Place,
    character: str,
    count: int,
    *,
    allowed: str,
    in_context: bool = False,
    position: int | None = None,
    line: int | None = None,
    column: int | None = None,
) -> Problem:
    """Return the problem of one character that is not allowed; `count` is how often the sequence has it.

    `position` (1-based) is put into the message, for inputs in which a column would not help to find it.
    """
    at = f" at position {position:,}" if position else ""
    times = f" ({count:,} times in this sequence)" if count > 1 else ""
    what = f"the character '{shown(character)}'{at} is not accepted{times}"
    code, remedy = "bad_letter", _remedy(character, allowed)
    if unicodedata.category(character) == "Cc":
        code, remedy = "control_character", "Remove this control character."
    if character == MASK and in_context:
        code = "mask_in_context"
        remedy = "Only the query may be masked: write the residue, or X if it is unknown."
    elif character == MASK:
        code = "mask_not_allowed"
        remedy = "Only the action predict reads masked residues: write the residue, or choose predict."
    return place.problem(code, what, remedy, line=line, column=column, character=shown(character))


_REMEDIES = {
    **dict.fromkeys(GAPS, "Remove the gaps: sequences are read unaligned."),
    "*": "One '*' is allowed at the end. Remove this one, or end the sequence there.",
    "J": "Write L or I, or leave the record out: E1 was not made for J (leucine or isoleucine).",
    ";": "Remove comment lines: a line that begins with ';' is not skipped here.",
    ">": "A header begins its line: put '>' first, without blanks before it.",
}
_REMEDIES_OF_KINDS: tuple[tuple[Callable[[str], bool], str], ...] = (
    (lambda c: unicodedata.category(c) in ("Cf", "Zs") and c != " ", "Remove it: it cannot be seen, and is no letter."),
    (lambda c: not c.isascii(), "Replace it with the plain letter, even if it looks like one: it is not ASCII."),
    (str.isdigit, "Remove numbers: a sequence holds residues only."),
    (str.isspace, "Remove blanks and line ends from the sequence."),
    (str.islower, "Write residues in capital letters."),
)


def _remedy(character: str, allowed: str) -> str:
    if character in _REMEDIES:
        return _REMEDIES[character]
    for is_kind, remedy in _REMEDIES_OF_KINDS:
        if is_kind(character):
            return remedy
    if character.isalpha() and allowed.rstrip(MASK) == CANONICAL:
        return "This action takes the 20 canonical residues only: replace it, or leave the record out."
    return f"Use only the letters {allowed}."


_ACCESSIONS = (
    ("a UniProt accession", re.compile(r"([OPQ]\d[A-Z\d]{3}\d|[A-NR-Z]\d([A-Z][A-Z\d]{2}\d){1,2})(-\d{1,3})?")),
    ("a UniProt entry name", re.compile(r"[A-Z\d]{1,11}_[A-Z\d]{3,5}")),
    ("a UniRef or UniParc identifier", re.compile(r"UNIREF(100|90|50)_[A-Z\d-]{1,20}|UPI[A-F\d]{10}")),
    ("a RefSeq accession", re.compile(r"[ANWXY]P_\d{6,12}(\.\d{1,3})?")),
    ("a GenBank accession", re.compile(r"[A-Z]{3}\d{5}(\d{2})?(\.\d{1,3})?")),
    ("a PDB identifier", re.compile(r"\d(?=\d?[A-Z]\d?[A-Z])[A-Z\d]{3}([_:.][A-Z\d])?")),
)
_LONGEST_ACCESSION = 40


def accession_problem(sequence: str, place: Place) -> Problem | None:
    """Return the problem of an identifier in place of a sequence, or None. `sequence` is in capitals."""
    if len(sequence) > _LONGEST_ACCESSION or sequence.isalpha():
        return None
    kind = next((kind for kind, pattern in _ACCESSIONS if pattern.fullmatch(sequence)), None)
    if kind is None:
        return None
    remedy = "Paste the sequence itself: the database shows it on the page of this entry, and offers it as FASTA."
    return place.problem("accession", f"{sequence} is {kind}, not a sequence", remedy)


def no_sequence_problem(text: str, place: Place) -> Problem | None:
    """Return the problem of something else in place of a sequence, or None. `text` is in capitals."""
    return accession_problem(text, place) or three_letter_problem(text, place)


def check_letters(sequence: str, allowed: str, place: Place, *, in_context: bool = False) -> Iterator[Problem]:
    """Yield the problems of the characters of one sequence, with positions in their messages."""
    if (problem := no_sequence_problem(sequence, place)) is not None:
        yield problem
        return
    for character, at, count in strange_characters(sequence, allowed):
        yield letter_problem(place, character, count, allowed=allowed, in_context=in_context, position=at + 1)


def check_size(residues: int, masked: bool, context_tokens: int, rules: ItemRules, place: Place) -> Iterator[Problem]:
    """Yield the problems of the length of a query, alone and together with its contexts."""
    if not residues:
        remedy = "Add the sequence or remove the record."
        yield place.problem("empty_sequence", "there are no residues", remedy)
        return
    if rules.needs_mask and not masked:
        remedy = "Write '?' at each position to predict, or choose the action encode or log_prob."
        yield place.problem("no_mask", "the sequence has no masked residue", remedy)
    if residues < rules.min_residues:
        what = f"the sequence has {residues} residue{'s' if residues > 1 else ''}, and {rules.min_residues} are needed"
        yield place.problem("too_short", what, "Give a longer sequence.")
    if residues < rules.reach:
        what = f"position {rules.reach:,} lies outside the sequence, which has {residues:,} residues"
        yield place.problem("position_outside", what, "Choose positions of the sequence, counted from 1.")
    if rules.labels and residues != rules.labels:
        what = f"the numbering has {rules.labels:,} numbers, and the sequence {residues:,} residues"
        yield place.problem("bad_numbering", what, "Give one number for each residue, or submit this sequence apart.")
    tokens = residues + BOUNDARY_TOKENS + context_tokens
    if residues > rules.max_residues:
        yield _too_long(residues, rules, place)
    elif tokens > rules.max_tokens:
        what = (
            f"the query and its contexts take {tokens:,} tokens (residues and {BOUNDARY_TOKENS} for each "
            f"sequence), and the network has {rules.max_tokens:,}"
        )
        yield place.problem("context_too_long", what, "Give fewer or shorter context sequences.")


def _too_long(residues: int, rules: ItemRules, place: Place) -> Problem:
    what = f"the sequence has {residues:,} residues, and the limit is {rules.max_residues:,}"
    return place.problem("sequence_too_long", what, "Cut it into domains, or leave it out.")


def check_contexts(contexts: Sequence[str], rules: ItemRules, place: Place) -> Iterator[Problem]:
    """Yield the problems of the context sequences alone; `place` is that of the list."""
    if contexts and not rules.context_allowed:
        remedy = "Remove the context sequences, or choose another action."
        yield place.problem("context_not_allowed", "this action takes no context sequences", remedy)
        return
    if len(contexts) > rules.max_contexts:
        what = f"there are {len(contexts):,} context sequences, and the limit is {rules.max_contexts}"
        yield place.problem("too_many_contexts", what, "Choose fewer of them.")
        return
    for at, context in enumerate(contexts):
        here = place.field(str(at))
        if not context:
            remedy = "Remove the entry, or give its residues. No context at all is an empty list."
            yield here.problem("empty_context", "this context sequence has no residues", remedy)
        yield from check_letters(context, rules.context, here, in_context=True)
        if len(context) > rules.max_residues:
            yield _too_long(len(context), rules, here)


def check_sequence(
    sequence: str,
    context: Sequence[str] | None,
    rules: ItemRules,
    place: Place = _NOWHERE,
    *,
    shared_context: Sequence[str] = (),
) -> list[Problem]:
    """Return the problems of one item, at most RECORD_PROBLEMS; nothing is cleaned here.

    `place` is the item's own. `shared_context` counts towards the room in the network if `context` is None.
    """
    at_sequence = place.field("sequence")
    of_contexts = check_contexts(context or (), rules, place.field("context_sequences"))
    if rules.variants is not None:
        return list(islice(chain(rules.variants.problems(sequence, at_sequence), of_contexts), RECORD_PROBLEMS))
    tokens = tokens_of(*(shared_context if context is None else context))
    of_letters = check_letters(sequence, rules.sequence, at_sequence)
    problems = list(islice(chain(of_letters, of_contexts), RECORD_PROBLEMS))
    if any(problem.code == "too_many_contexts" for problem in problems):
        tokens = 0  # The number is reported already, and the room follows from it.
    problems += check_size(len(sequence), MASK in sequence, tokens, rules, at_sequence)
    return problems[:RECORD_PROBLEMS]
