"""Scores of variants from logits: masked marginals, wild-type marginals and pseudo-log-likelihoods, in float64.

With logits z over the 20 canonical residues and p = softmax(z):

- masked marginal: sum over a variant's positions i of log p(mutant) - log p(wild type), with position i of the parent
  masked, each masked alone, the parent elsewhere;
- wild-type marginal: the same from one pass of the unmasked parent;
- pseudo-log-likelihood of a sequence: sum over all its positions of log p(residue), each masked alone.

Under several contexts the log-probabilities are averaged over contexts, then positions are summed. The spread is the
population standard deviation over contexts of the summed scores. In a difference of log-probabilities at one position
the normalisation cancels: a softmax over the whole vocabulary gives the same marginals. Pseudo-log-likelihoods do
depend on it; here they are over the 20 canonical residues, as `log_prob` is.

A plan says which queries are needed, and in which order their logits come back; only the rows that are read are
computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from e1protocol import CANONICAL, MASK, Query
from jobs.errors import InvalidInput, Problem
from jobs.science.logits import log_softmax
from jobs.science.variants.codes import Mutation, Variant

Context = tuple[str, ...]
Floats = NDArray[np.float64]
Logits = NDArray[np.floating[Any]]
Method = Literal["masked_marginal", "wildtype_marginal"]

NO_CONTEXT: tuple[Context, ...] = ((),)
"""The list of contexts of a query that stands alone."""

_COLUMN = {letter: column for column, letter in enumerate(CANONICAL)}
_LOGITS = frozenset({"logits"})


def masked(sequence: str, position: int) -> str:
    """`sequence` with its residue at `position` (0-based) masked."""
    return sequence[:position] + MASK + sequence[position + 1 :]


def masked_query(sequence: str, position: int, context: Context = ()) -> Query:
    """The pass that masks `position` (0-based); its logits are that one row [1, 20]."""
    return Query(masked(sequence, position), context, (), _LOGITS, (position,))


@dataclass(frozen=True, slots=True)
class MarginalPlan:
    """What must be run for marginals of one parent.

    `positions` (0-based, ascending) are those that any variant mutates. Queries come context by context, so that the
    engine encodes each context once; within a context by position. A masked marginal needs a query for each position
    under each context, a wild-type marginal one for each context.
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
        """The plan for these variants. Raises ValueError for an empty list of contexts (no context is `((),)`)."""
        if not contexts:
            raise ValueError("an empty list of contexts; without context it is ((),)")
        mutated = {mutation.position - 1 for variant in variants for mutation in variant.mutations}
        return cls(method, parent, tuple(contexts), tuple(sorted(mutated)))

    @classmethod
    def of_scan(cls, method: Method, parent: str, contexts: Sequence[Context] = NO_CONTEXT) -> MarginalPlan:
        """The plan for all substitutions at all canonical positions of the parent."""
        positions = tuple(n for n, letter in enumerate(parent) if letter in _COLUMN)
        return cls(method, parent, tuple(contexts), positions)

    def __len__(self) -> int:
        """Number of queries."""
        if not self.positions:
            return 0
        return len(self.contexts) * (len(self.positions) if self.method == "masked_marginal" else 1)

    def query(self, number: int) -> Query:
        """Query `number`, counted from 0: work units need not hold the others."""
        if not 0 <= number < len(self):
            raise IndexError(f"query {number} of {len(self)}")
        if self.method == "wildtype_marginal":
            return Query(self.parent, self.contexts[number], (), _LOGITS, self.positions)
        context, position = divmod(number, len(self.positions))
        return masked_query(self.parent, self.positions[position], self.contexts[context])

    def queries(self) -> Iterator[Query]:
        """All queries in order."""
        return map(self.query, range(len(self)))

    def table(self, logits: Iterable[Logits]) -> MarginalTable:
        """The log-probabilities, from the logits of all queries in their order (each [1, 20] or [positions, 20]).

        Raises ValueError where rows are missing or left over.
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
        """Scores of variants; the parent itself scores 0.

        Raises KeyError for a position that the plan did not have.
        """
        place = {position: row for row, position in enumerate(self.positions)}
        average = self.log_probs.mean(axis=0)
        means = np.array([_summed(average[None], variant.mutations, place)[0] for variant in variants])
        single = [_summed(self.log_probs, variant.mutations, place) for variant in variants]
        by_context = np.array(single).reshape(len(variants), len(self.log_probs)).T
        return Scores(means, by_context.std(axis=0), by_context)

    def scan(self) -> Floats:
        """Mean score of every substitution [positions, 20], columns in the order of `CANONICAL`; the parent's is 0."""
        average = self.log_probs.mean(axis=0)
        wild = [_COLUMN[self.parent[position]] for position in self.positions]
        return np.asarray(average - average[np.arange(len(wild)), wild][:, None])

    def scan_spread(self) -> Floats:
        """Spread over contexts of every substitution's score [positions, 20]."""
        return np.asarray(self.scan_each().std(axis=0))

    def scan_each(self) -> Floats:
        """Every substitution's score under each context [contexts, positions, 20]."""
        wild = [_COLUMN[self.parent[position]] for position in self.positions]
        return np.asarray(self.log_probs - self.log_probs[:, np.arange(len(wild)), wild][:, :, None])


def _summed(log_probs: Floats, mutations: Sequence[Mutation], place: dict[int, int]) -> Floats:
    """Of log-probabilities [C, P, 20]: the sum over mutations of log p(mutant) - log p(wild type), [C]."""
    total = np.zeros(len(log_probs))
    for mutation in mutations:
        row = log_probs[:, place[mutation.position - 1]]
        total += row[:, _COLUMN[mutation.mutant]] - row[:, _COLUMN[mutation.wild]]
    return total


@dataclass(frozen=True, slots=True)
class PseudoLikelihoodPlan:
    """What must be run for the pseudo-log-likelihood of one sequence of any length: each position masked under each
    context, contexts one after the other.
    """

    sequence: str
    contexts: tuple[Context, ...] = NO_CONTEXT

    def __post_init__(self) -> None:
        """Raises InvalidInput `bad_letter` for a residue that has no probability, ValueError for no contexts."""
        if not self.contexts:
            raise ValueError("an empty list of contexts; without context it is ((),)")
        for position, letter in enumerate(self.sequence, start=1):
            if letter not in _COLUMN:
                what = f"The residue {letter} at position {position:,} is none of the 20 canonical ones"
                remedy = "Only canonical residues have a probability: replace it, or leave the sequence out."
                raise InvalidInput.of(Problem("bad_letter", what, remedy, character=letter))

    def __len__(self) -> int:
        """Number of queries."""
        return len(self.contexts) * len(self.sequence)

    def query(self, number: int) -> Query:
        """Query `number`, counted from 0."""
        if not 0 <= number < len(self):
            raise IndexError(f"query {number} of {len(self)}")
        context, position = divmod(number, len(self.sequence))
        return masked_query(self.sequence, position, self.contexts[context])

    def queries(self) -> Iterator[Query]:
        """All queries in order."""
        return map(self.query, range(len(self)))

    def score(self, logits: Iterable[Logits]) -> Scores:
        """The pseudo-log-likelihood as the only variant, from the logits [1, 20] of all queries in their order.

        Raises ValueError where rows are missing or left over.
        """
        joined = log_softmax(np.concatenate(list(logits)))
        if joined.shape != (len(self), len(CANONICAL)):
            raise ValueError(f"logits of shape {joined.shape} for {len(self)} masked positions")
        rows = np.arange(len(self))
        picked = joined[rows, [_COLUMN[letter] for letter in self.sequence] * len(self.contexts)]
        by_position = picked.reshape(len(self.contexts), len(self.sequence))
        by_context = by_position.sum(axis=1, keepdims=True)
        return Scores(by_position.mean(axis=0).sum(keepdims=True), by_context.std(axis=0), by_context)


Run = Callable[[Sequence[Query]], Iterable[Logits]]
"""Logits of queries in their order: an engine, or stored outputs."""


def run_in_blocks(queries: Iterable[Query], run: Run, size: int = 256) -> Iterator[Logits]:
    """Logits of any number of queries, of which only `size` are held at a time."""
    block: list[Query] = []
    for query in queries:
        block.append(query)
        if len(block) == size:
            yield from run(block)
            block = []
    if block:
        yield from run(block)
