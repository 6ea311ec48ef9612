"""Choosing substitutions of a scan: the best under limits, and combinations of those that are chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice

from e1protocol import CANONICAL
from jobs.science.variants.codes import Mutation, Variant
from jobs.science.variants.scans import RESIDUES, ScanTable

Pick = tuple[int, str]
"""A substitution as its position (1-based) and mutant."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a choice. Positions are 1-based.

    `only` are the positions to take from, all if None. `without` are residues that no variant may gain. `per_site` is
    the most variants of one position.
    """

    count: int = 20
    per_site: int | None = None
    only: Collection[int] | None = None
    leave_out: Collection[int] = ()
    without: Collection[str] = ()
    least_score: float | None = None


def choose(table: ScanTable, limits: Limits, taken: Collection[Pick] = ()) -> list[Pick]:
    """Return up to `count` further substitutions, the best first. Those already `taken` count towards `per_site`."""
    only = None if limits.only is None else frozenset(limits.only)
    left_out, without = frozenset(limits.leave_out), frozenset(limits.without)
    at_site = Counter(position for position, _ in taken)
    known = set(taken)
    chosen: list[Pick] = []
    for cell in table.ranked().tolist():
        if len(chosen) == limits.count:
            break
        row, column = divmod(cell, RESIDUES)
        if limits.least_score is not None and table.scores[row, column] < limits.least_score:
            break  # The others score lower still.
        position, mutant = table.positions[row], CANONICAL[column]
        wanted = only is None or position in only
        full = limits.per_site is not None and at_site[position] >= limits.per_site
        if not wanted or full or position in left_out or mutant in without or (position, mutant) in known:
            continue
        at_site[position] += 1
        chosen.append((position, mutant))
    return chosen


def possible(table: ScanTable, sequence: str, picks: Iterable[Pick]) -> list[Pick]:
    """Return the picks that are substitutions of the scan, each once, in their order."""
    scanned = frozenset(table.positions)
    return list(
        dict.fromkeys(
            (position, mutant)
            for position, mutant in picks
            if position in scanned and mutant in CANONICAL and sequence[position - 1] != mutant
        )
    )


def combined(sequence: str, picks: Sequence[Pick], most: int) -> Iterator[Variant]:
    """Yield every variant of one to `most` of these substitutions at different positions, the smallest first."""
    ordered = sorted(picks)
    for size in range(1, most + 1):
        for group in combinations(ordered, size):
            if len({position for position, _ in group}) == size:
                yield Variant(tuple(Mutation(position, sequence[position - 1], mutant) for position, mutant in group))


def combined_up_to(sequence: str, picks: Sequence[Pick], most: int, limit: int) -> list[Variant] | None:
    """Return these combinations, or None if there are more than `limit`."""
    found = list(islice(combined(sequence, picks, most), limit + 1))
    return None if len(found) > limit else found
