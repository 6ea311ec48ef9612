"""Scores of variants from logits: masked marginals, wild-type marginals and pseudo-log-likelihoods, in float64.

With logits z over the 20 canonical residues and p = softmax(z):

- Masked marginal: sum over a variant's positions i of log p(mutant) - log p(wild type). Each position i is masked
  alone, with the parent elsewhere.
- Wild-type marginal: the same sum, from one pass of the unmasked parent.
- Pseudo-log-likelihood of a sequence: sum over all its positions of log p(residue), each masked alone.

Under several contexts, log-probabilities are averaged over contexts first, then summed over positions. The spread is
the population standard deviation over contexts of the summed scores.

In a difference of log-probabilities at one position the normalisation cancels, so a softmax over the whole vocabulary
has the same marginals. Pseudo-log-likelihoods do depend on it: here they are over the 20 canonical residues, as
`log_prob` is.

A plan lists the queries to run, in the order in which it expects their logits. Queries ask only for the rows needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from e1protocol import CANONICAL, MASK, Query
from jobs.errors import InvalidInput
from jobs.science.logits import log_softmax
from jobs.science.variants.codes import Mutation, Variant

Context = tuple[str, ...]
Floats = NDArray[np.float64]
Logits = NDArray[np.floating[Any]]
Method = Literal["masked_marginal", "wildtype_marginal"]

NO_CONTEXT: tuple[Context, ...] = ((),)
"""The list of contexts of a query without context."""

_COLUMN = {letter: column for column, letter in enumerate(CANONICAL)}
_LOGITS = frozenset({"logits"})


def masked(sequence: str, position: int) -> str:
    """Return `sequence` with its residue at `position` (0-based) masked."""
    return sequence[:position] + MASK + sequence[position + 1 :]


def masked_query(sequence: str, position: int, context: Context = ()) -> Query:
    """Return the query that masks `position` (0-based) and asks for the logits of that row [1, 20]."""
    return Query(masked(sequence, position), context, (), _LOGITS, (position,))


@dataclass(frozen=True, slots=True)
class MarginalPlan:
    """The queries for marginals of one parent.

    `positions` (0-based, ascending) are those that any variant mutates. Queries are ordered by context, so that the
    engine encodes each context once, then by position. A masked marginal needs one query for each position under each
    context, a wild-type marginal one for each context.
    """

    method: Method
    parent: str
    contexts: tuple[Context, ...]
    positions: tuple[int, ...]

    @classmethod
    def of(
        cls,
        method: Method,
        parent: str,
        variants: Iterable[Variant],
        contexts: Sequence[Context] = NO_CONTEXT,
    ) -> MarginalPlan:
        """Plan for these variants. Raises ValueError for an empty list of contexts; without context it is `((),)`."""
        if not contexts:
            raise ValueError("an empty list of contexts; without context it is ((),)")
        mutated = {mutation.position - 1 for variant in variants for mutation in variant.mutations}
        return cls(method, parent, tuple(contexts), tuple(sorted(mutated)))

    def __len__(self) -> int:
        if not self.positions:
            return 0
        return len(self.contexts) * (len(self.positions) if self.method == "masked_marginal" else 1)

    def query(self, number: int) -> Query:
        """Return query `number`, counted from 0, without making the others."""
        if not 0 <= number < len(self):
            raise IndexError(f"query {number} of {len(self)}")
        if self.method == "wildtype_marginal":
            return Query(self.parent, self.contexts[number], (), _LOGITS, self.positions)
        context, position = divmod(number, len(self.positions))
        return masked_query(self.parent, self.positions[position], self.contexts[context])

    def queries(self) -> Iterator[Query]:
        return map(self.query, range(len(self)))

    def table(self, logits: Iterable[Logits]) -> MarginalTable:
        """Return the log-probabilities from the logits of all queries in order, each [1, 20] or [positions, 20].

        Raises ValueError if rows are missing or left over.
        """
        rows = list(logits)
        shape = (len(self.contexts), len(self.positions), len(CANONICAL))
        joined = np.concatenate(rows) if rows else np.zeros((0, len(CANONICAL)))
        if joined.shape != (shape[0] * shape[1], shape[2]):
            raise ValueError(f"logits of shape {joined.shape} for {shape[0]} contexts and {shape[1]} positions")
        return MarginalTable(self.parent, self.positions, log_softmax(joined).reshape(shape))


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of variants: `mean` and `spread` [V], `by_context` [contexts, V], all float64."""

    mean: Floats
    spread: Floats
    by_context: Floats


@dataclass(frozen=True, slots=True)
class MarginalTable:
    """Log-probabilities [contexts, positions, 20] of a parent at `positions` (0-based)."""

    parent: str
    positions: tuple[int, ...]
    log_probs: Floats

    def score(self, variants: Sequence[Variant]) -> Scores:
        """Score variants. The parent scores 0.

        Raises KeyError for a position that is not in the plan.
        """
        place = {position: row for row, position in enumerate(self.positions)}
        average = self.log_probs.mean(axis=0)
        means = np.array([_summed(average[None], variant.mutations, place)[0] for variant in variants])
        single = [_summed(self.log_probs, variant.mutations, place) for variant in variants]
        by_context = np.array(single).reshape(len(variants), len(self.log_probs)).T
        return Scores(means, by_context.std(axis=0), by_context)

    def scan(self) -> Floats:
        """Return the mean score of every substitution [positions, 20], columns as in `CANONICAL`; the parent's is 0."""
        return self._against_wild_type(self.log_probs.mean(axis=0))

    def scan_spread(self) -> Floats:
        """Return the spread over contexts of every substitution's score [positions, 20]."""
        return np.asarray(self.scan_each().std(axis=0))

    def scan_each(self) -> Floats:
        """Return every substitution's score under each context [contexts, positions, 20]."""
        return self._against_wild_type(self.log_probs)

    def _against_wild_type(self, log_probs: Floats) -> Floats:
        """Subtract from log-probabilities [..., positions, 20] those of the parent's residues."""
        wild = [_COLUMN[self.parent[position]] for position in self.positions]
        return np.asarray(log_probs - log_probs[..., np.arange(len(wild)), wild][..., None])


def _summed(log_probs: Floats, mutations: Sequence[Mutation], place: dict[int, int]) -> Floats:
    """Return the sum over mutations of log p(mutant) - log p(wild type) [C], from log-probabilities [C, P, 20]."""
    total = np.zeros(len(log_probs))
    for mutation in mutations:
        row = log_probs[:, place[mutation.position - 1]]
        total += row[:, _COLUMN[mutation.mutant]] - row[:, _COLUMN[mutation.wild]]
    return total


@dataclass(frozen=True, slots=True)
class PseudoLikelihoodPlan:
    """The queries for the pseudo-log-likelihood of one sequence of any length.

    Each position is masked under each context; queries are ordered by context, then by position.
    """

    sequence: str
    contexts: tuple[Context, ...] = NO_CONTEXT

    def __post_init__(self) -> None:
        """Raise InvalidInput `bad_letter` for a residue without a probability, ValueError for no contexts."""
        if not self.contexts:
            raise ValueError("an empty list of contexts; without context it is ((),)")
        for position, letter in enumerate(self.sequence, start=1):
            if letter not in _COLUMN:
                what = f"The residue {letter} at position {position:,} is not one of the 20 canonical ones"
                remedy = "Only canonical residues have a probability: replace it, or leave the sequence out."
                raise InvalidInput.one("bad_letter", what, remedy, character=letter)

    def __len__(self) -> int:
        return len(self.contexts) * len(self.sequence)

    def query(self, number: int) -> Query:
        """Return query `number`, counted from 0."""
        if not 0 <= number < len(self):
            raise IndexError(f"query {number} of {len(self)}")
        context, position = divmod(number, len(self.sequence))
        return masked_query(self.sequence, position, self.contexts[context])

    def queries(self) -> Iterator[Query]:
        return map(self.query, range(len(self)))

    def score(self, logits: Iterable[Logits]) -> Scores:
        """Return the pseudo-log-likelihood as that of one variant, from the logits [1, 20] of all queries in order.

        Raises ValueError if rows are missing or left over.
        """
        joined = log_softmax(np.concatenate(list(logits)))
        if joined.shape != (len(self), len(CANONICAL)):
            raise ValueError(f"logits of shape {joined.shape} for {len(self)} masked positions")
        rows = np.arange(len(self))
        picked = joined[rows, [_COLUMN[letter] for letter in self.sequence] * len(self.contexts)]
        by_position = picked.reshape(len(self.contexts), len(self.sequence))
        by_context = by_position.sum(axis=1, keepdims=True)
        return Scores(by_position.mean(axis=0).sum(keepdims=True), by_context.std(axis=0), by_context)
