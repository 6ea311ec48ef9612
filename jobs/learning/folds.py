"""Folds of cross-validation. Folds by position are the headline: a random fold tests sites that it has trained on.

The kinds, by the test variants of one split:

- `position`: all variants of some positions. None of these is mutated in a training variant.
- `random`: a random share.
- `modulo`: single mutants at positions with the same remainder by COUNT, as ProteinNPT has them. The parent is in
  every training set.
- `contiguous`: single mutants in one stretch of the sequence, as ProteinNPT has them. Likewise.
- `depth`: variants with more mutations than any of the training set.
- `round`: one round. The earlier ones are the training set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jobs.learning.samples import Whole, positions_of
from jobs.science.variants.codes import Variant

COUNT = 5
KINDS = ("position", "random", "modulo", "contiguous", "depth", "round")
LEAST_TRAINING, LEAST_TEST = 10, 5
NEVER_TESTED = -1


@dataclass(frozen=True, slots=True)
class Split:
    """Row numbers of a training set and of its test set, which share no variant."""

    training: Whole
    test: Whole


@dataclass(frozen=True, slots=True)
class Folds:
    """The splits of one kind, or none with the `reason`."""

    kind: str
    splits: tuple[Split, ...]
    reason: str = ""


def folds_of(kind: str, variants: Sequence[Variant], rounds: Sequence[int], *, seed: int) -> Folds:
    """Return the folds of a kind. Each variant must be named once. Raises ValueError for an unknown kind."""
    if len(set(variants)) != len(variants):
        raise ValueError("a variant is there twice, and could be in a training set and in its test set")
    if kind == "position":
        return _by_position(variants, seed)
    if kind == "random":
        order = np.random.default_rng(seed).permutation(len(variants))
        fold = np.empty(len(variants), dtype=np.int64)
        fold[order] = np.arange(len(variants)) % COUNT
        return _cut("random", fold)
    if kind in ("modulo", "contiguous"):
        return _along_sequence(kind, variants)
    if kind == "depth":
        return _by_depth(variants)
    if kind == "round":
        return _by_round(rounds)
    raise ValueError(f"there are no folds by {kind}")


def position_groups(variants: Sequence[Variant]) -> Whole:
    """Return a group [n] for each variant. Variants that share a mutated position have the same group.

    So do those that a chain of shared positions connects. The parent has a group of its own.
    """
    leader: dict[int, int] = {}

    def find(position: int) -> int:
        while leader.setdefault(position, position) != position:
            leader[position] = leader[leader[position]]
            position = leader[position]
        return position

    for variant in variants:
        first, *others = positions_of(variant) or (0,)
        for other in others:
            leader[find(other)] = find(first)
    roots = [find((positions_of(variant) or (0,))[0]) for variant in variants]
    return np.unique(roots, return_inverse=True)[1].astype(np.int64)


def independent_units(variants: Sequence[Variant]) -> Whole:
    """Return the unit [n] of each variant in intervals: its group of positions, if there are folds by position.

    If there are none, each variant is its own unit. Then a result holds for variants of the same sites, such as others
    of a combinatorial library. Its one group of positions would have an interval without width.
    """
    groups = position_groups(variants)
    return np.arange(len(variants), dtype=np.int64) if _connected(groups) else groups


def _connected(groups: Whole) -> str:
    """Return why these groups make no folds by position, "" if they do."""
    sizes = np.bincount(groups) if len(groups) else np.zeros(0, dtype=np.int64)
    if len(sizes) < COUNT:
        return f"the variants fall into {len(sizes)} groups that share no position, and {COUNT} are needed"
    if sizes.max() > 0.5 * len(groups):
        return f"{sizes.max():,} of {len(groups):,} variants are connected by shared positions"
    return ""


def _by_position(variants: Sequence[Variant], seed: int) -> Folds:
    groups = position_groups(variants)
    if why := _connected(groups):
        return Folds("position", (), why)
    sizes = np.bincount(groups)
    order = np.random.default_rng(seed).permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    fold_of_group, filled = np.empty(len(sizes), dtype=np.int64), np.zeros(COUNT, dtype=np.int64)
    for group in order:
        fold_of_group[group] = filled.argmin()
        filled[filled.argmin()] += sizes[group]
    return _cut("position", fold_of_group[groups])


def _along_sequence(kind: str, variants: Sequence[Variant]) -> Folds:
    if any(len(variant.mutations) > 1 for variant in variants):
        return Folds(kind, (), "they are defined for single mutants, and there are other variants")
    position = np.array([(positions_of(variant) or (0,))[0] for variant in variants], dtype=np.int64)
    if len(distinct := np.unique(position[position > 0])) < COUNT:
        return Folds(kind, (), f"there are {len(distinct)} mutated positions, and {COUNT} are needed")
    fold = position % COUNT if kind == "modulo" else np.searchsorted(distinct, position) * COUNT // len(distinct)
    # The parent has no position. It is in every training set.
    return _cut(kind, np.where(position > 0, fold, NEVER_TESTED))


def _by_depth(variants: Sequence[Variant]) -> Folds:
    depth = np.array([len(variant.mutations) for variant in variants])
    for most in np.unique(depth):
        training, test = np.flatnonzero(depth <= most), np.flatnonzero(depth > most)
        if len(training) >= LEAST_TRAINING and len(test) >= LEAST_TEST:
            return Folds("depth", (Split(training, test),))
    what = f"it takes {LEAST_TRAINING} variants with fewer mutations than {LEAST_TEST} others"
    return Folds("depth", (), what)


def _by_round(rounds: Sequence[int]) -> Folds:
    numbers = np.asarray(rounds)
    splits = [Split(np.flatnonzero(numbers < one), np.flatnonzero(numbers == one)) for one in np.unique(numbers)]
    good = [one for one in splits if len(one.training) >= LEAST_TRAINING and len(one.test) >= LEAST_TEST]
    if not good:
        return Folds("round", (), f"it takes a round after {LEAST_TRAINING} variants, with {LEAST_TEST} new ones")
    return Folds("round", tuple(good))


def _cut(kind: str, fold: Whole) -> Folds:
    splits = [Split(np.flatnonzero(fold != one), np.flatnonzero(fold == one)) for one in range(COUNT)]
    good = tuple(one for one in splits if len(one.training) >= LEAST_TRAINING and len(one.test))
    if len(good) < 2:
        return Folds(kind, (), f"{len(fold)} variants are too few: each training set needs {LEAST_TRAINING}")
    return Folds(kind, good)
