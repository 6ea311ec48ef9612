"""What a training set with many mutations costs, and how much is too much. Times are in docs/learning.md."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from jobs.learning.gaussian import MOST_EXACT
from jobs.learning.priors import ONE_HOT, SITE

MOST_WORK = 2_000_000_000
"""Mutations of all variants times different descriptions. The kernel of a Gaussian process takes time of both."""
MOST_COLUMNS = 6_000
"""Side of the matrix that a ridge of more than MOST_EXACT variants factorises dozens of times."""
MOST_AXES = 3_000
"""Different mutations with one-hot descriptions, which have as many numbers each."""
DESCRIPTIONS = 20 * 19
"""Of `site`: those of all pairs of residues, which are the same at every position."""


@dataclass(frozen=True, slots=True)
class Load:
    """How much there is to learn from. `total` counts the mutations of all variants, `distinct` the different ones."""

    variants: int
    total: int
    distinct: int

    @classmethod
    def of(cls, codes: Iterable[str]) -> Load:
        """Count the mutations in codes such as `A24T:G56D`. A parent, `WT`, has none."""
        variants, total, distinct = 0, 0, set()
        for code in codes:
            variants += 1
            if code != "WT":
                parts = code.split(":")
                total += len(parts)
                distinct.update(parts)
        return cls(variants, total, len(distinct))

    @property
    def several(self) -> bool:
        """Whether there are multiple mutants. Without them neither kernel nor ridge takes long."""
        return self.total > self.variants


def remedy_for(load: Load, features: str) -> str:
    """Return what to do if learning from so much would take hours or gigabytes, "" if it would not."""
    if features == ONE_HOT and load.distinct > MOST_AXES:
        return "Choose the features site, or auto."
    if not load.several:
        return ""
    if load.variants > MOST_EXACT:
        side = min(load.variants, load.distinct)
        remedy = f"Make a campaign of at most {MOST_EXACT:,} of these variants, and choose the features site."
        return remedy if side > MOST_COLUMNS else ""
    descriptions = min(load.distinct, DESCRIPTIONS) if features == SITE else load.distinct
    return "Choose the features site." if load.total * descriptions > MOST_WORK else ""
