"""Held-out perplexity over masked residues: alone, with homologs, and of a baseline of residue frequencies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demo_training.data import Proteins
from e1protocol import CANONICAL, MASK, Query
from jobs.science.logits import log_softmax
from worker.engine import Engine

SEED = 7
MASKED_SHARE = 0.15
LONGEST = 1000
QUERIES_PER_FAMILY = 2
FEW, MANY, MOST = 3, 15, 50
CLOSE = 0.5

Floats = NDArray[np.float64]
LOGITS = frozenset({"logits"})


@dataclass(frozen=True, slots=True)
class Case:
    """A held-out protein with masked positions (0-based, canonical residues only).

    `homologs` are other members of its family in random order. `identity` is the highest identity of the query to its
    first three homologs, by local alignment.
    """

    sequence: str
    positions: tuple[int, ...]
    homologs: tuple[str, ...]
    identity: float

    @property
    def masked(self) -> str:
        residues = list(self.sequence)
        for position in self.positions:
            residues[position] = MASK
        return "".join(residues)

    @property
    def truth(self) -> NDArray[np.int64]:
        """Columns of the masked residues in the order of `CANONICAL`."""
        return np.array([CANONICAL.index(self.sequence[p]) for p in self.positions])


def held_out_cases(proteins: Proteins) -> list[Case]:
    """Return up to two proteins of every held-out family with at least four members of at most 1,000 residues."""
    random = np.random.default_rng(SEED)
    cases: list[Case] = []
    for family in held_out_families(proteins):
        for query in random.permutation(family)[:QUERIES_PER_FAMILY]:
            others = random.permutation([member for member in family if member != query])
            sequence = proteins.sequences[query]
            cases.append(
                Case(
                    sequence,
                    mask_positions(sequence, random),
                    tuple(proteins.sequences[other] for other in others),
                    _identity(proteins, int(query), others[:FEW].tolist()),
                )
            )
    return [case for case in cases if case.positions]


def held_out_families(proteins: Proteins) -> list[list[int]]:
    """Return the members of every held-out cluster that has enough, in order of cluster number."""
    families: dict[int, list[int]] = {}
    for member in np.flatnonzero(proteins.held_out):
        if len(proteins.sequences[member]) <= LONGEST:
            families.setdefault(int(proteins.cluster[member]), []).append(int(member))
    return [families[number] for number in sorted(families) if len(families[number]) > FEW]


def mask_positions(sequence: str, random: np.random.Generator) -> tuple[int, ...]:
    """Return a random 15 % of the canonical residues of a sequence, 0-based."""
    canonical = [p for p, residue in enumerate(sequence) if residue in CANONICAL]
    return tuple(sorted(random.permutation(canonical)[: round(MASKED_SHARE * len(canonical))].tolist()))


def _identity(proteins: Proteins, query: int, others: Sequence[int]) -> float:
    rows = proteins.hits_of(query)
    known = np.isin(proteins.hits[rows, 1], others)
    return float(proteins.identities[rows][known].max(initial=0.0))


def residue_frequencies(proteins: Proteins) -> Floats:
    """Return the share of each canonical residue in the training proteins, in the order of `CANONICAL`."""
    text = "".join(s for s, usable in zip(proteins.sequences, proteins.usable, strict=True) if usable)
    counts = np.array([text.count(residue) for residue in CANONICAL], dtype=np.float64)
    frequencies: Floats = counts / counts.sum()
    return frequencies


def losses_by_model(engine: Engine, cases: Sequence[Case], contexts: Sequence[tuple[str, ...]]) -> list[Floats]:
    """Return per case the negative log-probability of every masked residue among the 20, under the given contexts."""
    queries = [
        Query(case.masked, context, include=LOGITS, positions=case.positions)
        for case, context in zip(cases, contexts, strict=True)
    ]
    losses: list[Floats] = []
    for case, encoding in zip(cases, engine.encode(queries), strict=True):
        if encoding.logits is None:
            raise RuntimeError(f"a held-out protein of {len(case.sequence)} residues failed: {encoding.error}")
        losses.append(-log_softmax(encoding.logits)[np.arange(len(case.truth)), case.truth])
    return losses


def losses_by_frequency(frequencies: Floats, cases: Sequence[Case]) -> list[Floats]:
    """Return the same for a model that knows only residue frequencies."""
    return [-np.log(frequencies[case.truth]) for case in cases]


def perplexity(losses: Sequence[Floats]) -> float:
    """Return the exponential of the mean over all masked positions."""
    return float(np.exp(np.concatenate(losses).mean()))


def evaluate(engine: Engine, cases: Sequence[Case], frequencies: Floats) -> dict[str, float]:
    """Return the main figures by name: perplexities of the baseline, alone and with three homologs, and counts."""
    nothing: list[tuple[str, ...]] = [()] * len(cases)
    alone = losses_by_model(engine, cases, nothing)
    few = losses_by_model(engine, cases, [case.homologs[:FEW] for case in cases])
    far = [n for n, case in enumerate(cases) if case.identity < CLOSE]
    return {
        "proteins": len(cases),
        "positions": sum(len(case.positions) for case in cases),
        "baseline": perplexity(losses_by_frequency(frequencies, cases)),
        "alone": perplexity(alone),
        "three homologs": perplexity(few),
        "distant proteins": len(far),
        "distant, alone": perplexity([alone[n] for n in far]),
        "distant, three homologs": perplexity([few[n] for n in far]),
    }


def evaluate_large_families(engine: Engine, cases: Sequence[Case]) -> dict[str, float]:
    """Return perplexities with more contexts than in training, over the queries with enough homologs."""
    chosen = [case for case in cases if len(case.homologs) >= MANY]
    contexts: dict[str, list[tuple[str, ...]]] = {
        "large family, alone": [()] * len(chosen),
        "large family, three homologs": [case.homologs[:FEW] for case in chosen],
        "large family, 15 homologs": [case.homologs[:MANY] for case in chosen],
        "large family, 50 contexts": [_fill(case, cases) for case in chosen],
    }
    figures = {name: perplexity(losses_by_model(engine, chosen, given)) for name, given in contexts.items()}
    return {"large-family proteins": len(chosen), **figures}


def _fill(case: Case, cases: Sequence[Case]) -> tuple[str, ...]:
    """Return fifty contexts. If there are fewer homologs, proteins of other families come first."""
    own = case.homologs[:MOST]
    family = {case.sequence, *case.homologs}
    strangers = [other.sequence for other in cases if other.sequence not in family]
    return (*strangers[: MOST - len(own)], *own)
