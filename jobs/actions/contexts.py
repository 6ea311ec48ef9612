"""`params.contexts`: several contexts that every item of a job is computed under."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from e1protocol import BOUNDARY_TOKENS, ModelFacts, tokens_of
from jobs.errors import InvalidInput, Problem, Problems
from jobs.limits import MAX_JOB_CONTEXTS
from jobs.parsing.items import check_context_shape
from jobs.parsing.letters import check_contexts, clean_sequence
from jobs.parsing.records import ItemRules, Place

Context = tuple[str, ...]
"""Context sequences of one query, in their order."""
Contexts = tuple[Context, ...]

PATH = "params.contexts"
DESCRIBED = ("digest", "sequences", "residues")
"""Fields of each context in the parameters of a stored job."""


def _object(required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "required": [required], "properties": properties}


SCHEMA: dict[str, Any] = {
    "type": "array",
    "maxItems": MAX_JOB_CONTEXTS,
    "items": {
        "oneOf": [
            {"type": "array", "items": {"type": "string"}},
            _object("set", set={"type": "string"}),
            _object(
                "digest",
                digest={"type": "string", "pattern": "^[0-9a-f]{64}$"},
                sequences={"type": "integer"},
                residues={"type": "integer"},
            ),
        ]
    },
}
"""The JSON schema of `params.contexts`."""


def read_contexts(raw: object, rules: ItemRules, model: ModelFacts) -> Contexts:
    """Return the cleaned contexts in `raw`, a list of lists of sequences; none for null or an empty list.

    An empty list among them means no context. The limits are the checkpoint's own, because a context of the published
    ensemble has hundreds of homologs. Raises InvalidInput with every problem and its path.
    """
    if raw is None or raw == []:
        return ()
    if not isinstance(raw, list):
        remedy = 'Write [["MKT...", "MRT..."], ["MKV..."]]: one list of sequences for each context.'
        raise InvalidInput.one("wrong_type", "contexts is not a list of contexts", remedy, path=PATH)
    check_number(len(raw))
    wide = replace(
        rules, context_allowed=True, max_contexts=model.max_contexts, max_residues=model.max_residues, needs_mask=False
    )
    problems = Problems()
    contexts: list[Context] = []
    for number, one in enumerate(raw):
        place = Place(path=f"{PATH}.{number}")
        if one is None:
            problems.add(place.problem("wrong_type", "a context is a list of sequences, and this is null", ""))
        elif isinstance(one, list) and len(one) > wide.max_contexts:
            problems.extend(check_contexts(one, wide, place))  # too many, so their letters don't matter
        elif shape := list(check_context_shape(one, place)):
            problems.extend(shape)
        else:
            context = tuple(clean_sequence(text)[0] for text in one)
            problems.extend(check_contexts(context, wide, place))
            problems.extend(_check_room(context, wide, place))
            contexts.append(context)
    if problems:
        raise problems.refusal()
    return tuple(contexts)


def check_number(count: int) -> None:
    """Raise InvalidInput `too_many_contexts` if a job has at least `count` contexts and that is too many."""
    if count > MAX_JOB_CONTEXTS:
        what = f"there are {count} contexts or more, and a job takes at most {MAX_JOB_CONTEXTS}"
        raise InvalidInput.one("too_many_contexts", what, "Choose fewer of them.", path=PATH)


def _check_room(context: Context, rules: ItemRules, place: Place) -> Iterator[Problem]:
    tokens = tokens_of(*context)
    if tokens + BOUNDARY_TOKENS + 1 > rules.max_tokens:
        what = f"the context takes {tokens:,} tokens, which leaves no room for a query in {rules.max_tokens:,}"
        yield place.problem("context_too_long", what, "Give fewer or shorter context sequences.")


def longest_context(contexts: Sequence[Context]) -> int:
    """Return the tokens of the longest context, 0 if there is none."""
    return max((tokens_of(*context) for context in contexts), default=0)


def context_digest(sequences: Sequence[str]) -> str:
    """Return the hexadecimal SHA-256 of the exact sequences in their order."""
    # The comma is not a residue letter, so different contexts have different texts.
    return hashlib.sha256(",".join(sequences).encode()).hexdigest()


def described(contexts: Sequence[Context]) -> list[Mapping[str, Any]]:
    """Return the contexts as the parameters of a stored job have them: digests and sizes, not the letters."""
    return [
        {"digest": context_digest(context), "sequences": len(context), "residues": sum(map(len, context))}
        for context in contexts
    ]


def count_of(params: Mapping[str, Any]) -> int:
    """Return how many contexts the parameters of a job describe."""
    return len(params.get("contexts") or ())
