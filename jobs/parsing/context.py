"""Context sequences that a whole job shares, from a FASTA file or a JSON list."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

import orjson

from e1protocol import BOUNDARY_TOKENS, tokens_of
from jobs.errors import InvalidInput, Problem, Problems
from jobs.limits import LISTED_PROBLEMS, MAX_CONTEXT_FILE
from jobs.parsing.items import check_context_shape
from jobs.parsing.letters import check_contexts, clean_sequence
from jobs.parsing.reader import Reader
from jobs.parsing.records import ItemRules, Place, Record
from jobs.parsing.text import lines_of
from jobs.parsing.upload import blocks_of, is_bare

PATH = "context_sequences"
_REMEDY = 'Give FASTA, or a JSON list such as ["MKT...", "MRT..."]; for no context leave it out.'


def read_context(data: bytes, rules: ItemRules) -> tuple[str, ...]:
    """The context sequences in `data`: FASTA, packed or not, or a JSON list of text; at least one.

    They are cleaned as files are. Raises InvalidInput with every problem (line and column for FASTA, path for
    JSON), TooLarge beyond `MAX_CONTEXT_FILE` unpacked bytes.
    """
    text = b"".join(blocks_of(io.BytesIO(data), max_bytes=MAX_CONTEXT_FILE))
    place = Place(path=PATH)
    problems = Problems()
    if not text.strip():
        contexts: tuple[str, ...] = ()
    elif text.lstrip()[:1] in (b"[", b"{", b'"'):
        contexts = _of_json(text, place)
    else:
        contexts = _of_fasta(text, rules, problems)
    if not contexts and not problems:
        raise InvalidInput.of(place.problem("empty_context", "there are no context sequences", _REMEDY))
    problems.extend(check_contexts(contexts, rules, place))
    problems.extend(_check_room(contexts, rules, place))
    if problems:
        raise problems.refusal()
    return contexts


def _of_fasta(text: bytes, rules: ItemRules, problems: Problems) -> tuple[str, ...]:
    """The sequences of a FASTA file, or a bare one; problems of single records are put into `problems`."""
    reading = replace(rules, sequence=rules.context, needs_mask=False, min_residues=1, reach=0, variants=None)
    contexts = []
    for record in Reader([text], "plain" if is_bare(text) else "fasta", reading):
        if isinstance(record, Record):
            contexts.append(record.sequence)
        else:
            problems.each(record.problems, _as_context)
    return tuple(contexts)


def _as_context(problem: Problem) -> Problem:
    """A problem of a FASTA record, in the words for a context."""
    if problem.code == "mask_not_allowed":
        remedy = "Only the query may be masked: write the residue, or X where it is unknown."
        return replace(problem, code="mask_in_context", remedy=remedy)
    if problem.code == "empty_sequence":
        return replace(problem, code="empty_context")
    return problem


def _of_json(text: bytes, place: Place) -> tuple[str, ...]:
    """The entries of a JSON list, cleaned. Raises InvalidInput where it is no list of text."""
    for _ in lines_of([text]):
        pass  # says where it is no UTF-8 text, which orjson does not
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        what = f"the context is no JSON: {error.msg}"
        place = replace(place, line=error.lineno)
        raise InvalidInput.of(place.problem("bad_json", what, _REMEDY, column=error.colno)) from None
    problems = list(islice(check_context_shape(value, place), LISTED_PROBLEMS))
    if problems:
        raise InvalidInput.of(*problems)
    return tuple(clean_sequence(entry)[0] for entry in value)


def _check_room(contexts: Sequence[str], rules: ItemRules, place: Place) -> list[Problem]:
    """Contexts that leave no room for a query of one residue."""
    tokens = tokens_of(*contexts)
    if len(contexts) > rules.max_contexts or tokens + BOUNDARY_TOKENS + 1 <= rules.max_tokens:
        return []
    what = f"the contexts take {tokens:,} tokens, which leaves no room for a query in {rules.max_tokens:,}"
    return [place.problem("context_too_long", what, "Give fewer or shorter context sequences.")]
