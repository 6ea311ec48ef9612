"""Context sequences that a whole job shares, from a FASTA file or a JSON list."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

import orjson

from e1protocol import BOUNDARY_TOKENS, tokens_of
from jobs.errors import InvalidInput, Problem, Problems
from jobs.limits import LISTED_PROBLEMS, MAX_CONTEXT_FILE
from jobs.parsing.asked import Reading
from jobs.parsing.items import check_context_shape
from jobs.parsing.letters import GAPS_REMOVED, LOWER_CASE, TRAILING_STAR, check_contexts, clean_sequence
from jobs.parsing.reader import Reader
from jobs.parsing.records import ItemRules, Place, Record
from jobs.parsing.text import Lines
from jobs.parsing.upload import Upload

PATH, LAYOUT = "context_sequences", "context_layout"
"""The fields of a request for contexts, and for what their bare lines are."""
_NAME = 60
"""Characters of a name in a note."""
_REMEDY = 'Give FASTA, or a JSON list such as ["MKT...", "MRT..."]; for no context leave it out.'


def read_context(
    data: bytes,
    rules: ItemRules,
    *,
    filename: str = "",
    media_type: str = "",
    layout: str = "",
    notes: list[Problem] | None = None,
) -> tuple[str, ...]:
    """Return the cleaned context sequences in `data`: a JSON list of text, or any kind of library; at least one.

    `layout` is that of `Reading`. `notes` gets what was changed or left out. Raises InvalidInput with every problem
    (line and column for FASTA, path for JSON), and TooLarge beyond `MAX_CONTEXT_FILE` unpacked bytes.
    """
    upload = Upload(io.BytesIO(data), filename=filename, media_type=media_type, max_bytes=MAX_CONTEXT_FILE)
    place = Place(path=PATH)
    problems = Problems()
    if upload.kind.key == "empty":
        contexts: tuple[str, ...] = ()
    elif (upload.kind.key == "unknown" and data.lstrip()[:1] == b'"') or upload.reader("contexts", path=PATH) == "json":
        contexts = _of_json(b"".join(upload), place)
    else:
        contexts = _of_library(upload, rules, problems, layout, notes if notes is not None else [])
    if not contexts and not problems:
        raise place.refused("empty_context", "there are no context sequences", _REMEDY)
    problems.extend(check_contexts(contexts, rules, place))
    tokens = tokens_of(*contexts)
    if len(contexts) <= rules.max_contexts and tokens + BOUNDARY_TOKENS + 1 > rules.max_tokens:
        what = f"the contexts take {tokens:,} tokens, which leaves no room for a query in {rules.max_tokens:,}"
        problems.add(place.problem("context_too_long", what, "Give fewer or shorter context sequences."))
    if problems:
        raise problems.refusal()
    return contexts


def _of_library(
    upload: Upload, rules: ItemRules, problems: Problems, layout: str, notes: list[Problem]
) -> tuple[str, ...]:
    """Return the sequences of a file of records, and add the problems of single records to `problems`.

    A later record with the name and the sequence of the first is left out: programs that join alignments repeat the
    query so.
    """
    own = replace(rules, sequence=rules.context, needs_mask=False, min_residues=1, reach=0, labels=0, variants=None)
    contexts = []
    first: Record | None = None
    again: list[int] = []
    reader = Reader(upload, upload.reader("contexts"), own, reading=Reading(layout))
    try:
        for record in reader:
            if not isinstance(record, Record):
                problems.each(record.problems, _as_context)
            elif first is not None and (record.name, record.sequence) == (first.name, first.sequence):
                again.append(record.line)
            else:
                first = first or record
                contexts.append(record.sequence)
    except InvalidInput as error:
        offering = [replace(one, path=one.path or PATH).offering_as(LAYOUT) for one in error.problems]
        raise type(error)(error.detail, code=error.code, problems=offering) from None
    changed = (*reader.warnings(), *_cleaned(reader.cleaning), *_repeated(first, again))
    notes += [replace(note, path=PATH) for note in changed]
    return tuple(contexts)


def _cleaned(cleaning: Mapping[str, int]) -> Iterator[Problem]:
    """Yield notes of what was cleaned in context sequences."""
    if count := cleaning.get(GAPS_REMOVED, 0):
        sequences = "sequence was" if count == 1 else "sequences were"
        yield Problem("gaps_removed", f"{count:,} context {sequences} read without gaps", "Contexts are unaligned.")
    words = {LOWER_CASE: "written in capitals", TRAILING_STAR: "cut before a '*' at the end"}
    done = [f"{cleaning[flag]:,} {what}" for flag, what in words.items() if cleaning.get(flag)]
    if done:
        yield Problem("context_cleaned", f"Context sequences were cleaned: {', '.join(done)}")


def _repeated(first: Record | None, again: Sequence[int]) -> Iterator[Problem]:
    if first is not None and again:
        records = "record is the first one" if len(again) == 1 else "records are the first one"
        what = f"{len(again):,} {records} again and left out (first: {first.name[:_NAME]}, line {again[0]:,})"
        yield Problem("repeated_query", what, line=again[0] or None, record=first.name)


def _as_context(problem: Problem) -> Problem:
    """Return a problem of a FASTA record in the words for a context."""
    if problem.code == "mask_not_allowed":
        remedy = "Only the query may be masked: write the residue, or X if it is unknown."
        return replace(problem, code="mask_in_context", remedy=remedy)
    if problem.code == "empty_sequence":
        return replace(problem, code="empty_context")
    return problem


def _of_json(text: bytes, place: Place) -> tuple[str, ...]:
    """Return the entries of a JSON list, cleaned. Raises InvalidInput if it is not a list of text."""
    for _ in Lines([text]):
        pass  # Raises with the place of bytes that are not UTF-8, which orjson does not name.
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        what = f"the context is not JSON: {error.msg}"
        raise place.refused("bad_json", what, _REMEDY, line=error.lineno, column=error.colno) from None
    problems = list(islice(check_context_shape(value, place), LISTED_PROBLEMS))
    if problems:
        raise InvalidInput.of(*problems)
    return tuple(clean_sequence(entry)[0] for entry in value)
