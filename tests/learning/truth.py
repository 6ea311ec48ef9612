"""Data with a known truth: a family with a profile, variants, and labels that follow or ignore the prior."""

from __future__ import annotations

import numpy as np

from e1protocol import CANONICAL
from jobs.learning.samples import Floats, Rows, mutations_of
from jobs.learning.sites import by_profile
from jobs.science.alignments.profile import Profile
from jobs.science.variants.codes import Mutation, Variant, single_variants

LENGTH = 60


def family(seed: int = 0) -> Profile:
    """Return a profile of a random parent, whose columns differ in how conserved they are."""
    generator = np.random.default_rng(seed)
    parent = "".join(generator.choice(list(CANONICAL), LENGTH))
    wild = np.array([CANONICAL.index(residue) for residue in parent])
    chances = generator.dirichlet(np.full(20, 0.5), LENGTH) * 0.7 + 0.01
    chances[np.arange(LENGTH), wild] += generator.uniform(0.2, 4, LENGTH)
    return Profile(parent, np.log(chances / chances.sum(axis=1, keepdims=True)), 100.0)


def rows_of(profile: Profile, variants: list[Variant]) -> Rows:
    prior = np.array([profile.score(one) for one in variants])
    return Rows(tuple(variants), prior, by_profile(mutations_of(variants), profile))


def singles(profile: Profile, count: int, seed: int) -> Rows:
    """Return rows of random single mutants."""
    every = single_variants(profile.parent)
    chosen = np.random.default_rng(seed).permutation(len(every))[:count]
    return rows_of(profile, [every[at] for at in chosen])


def multiples(profile: Profile, positions: list[int], count: int, seed: int) -> Rows:
    """Return rows of random combinations at these positions, each once."""
    generator = np.random.default_rng(seed)
    found: dict[Variant, None] = {}
    while len(found) < count:
        drawn = [Mutation(at, profile.parent[at - 1], str(generator.choice(list(CANONICAL)))) for at in positions]
        variant = Variant(tuple(one for one in drawn if one.wild != one.mutant))
        if variant.mutations:
            found[variant] = None
    return rows_of(profile, list(found))


def additive_truth(rows: Rows, seed: int, *, scale: float = 1.0) -> Floats:
    """Return the prior plus an effect of each mutation that depends on what the mutation looks like."""
    generator = np.random.default_rng(seed)
    width = len(next(iter(rows.sites.values())))
    direction = generator.normal(size=width)
    direction /= np.linalg.norm(direction)
    effect = {one: 2 * float(np.sin(2 * vector @ direction)) for one, vector in rows.sites.items()}
    return rows.prior + scale * np.array([sum(effect[one] for one in v.mutations) for v in rows.variants])
