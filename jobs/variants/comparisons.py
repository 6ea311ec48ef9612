"""Two runs that scored variants of the same parent, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

import numpy as np
from django.contrib.auth.models import User
from numpy.typing import NDArray

from e1protocol import CANONICAL
from jobs.actions import SCORERS, get_action
from jobs.errors import Conflict, InvalidInput
from jobs.library.selectors import jobs_open_to, parent_of
from jobs.models import Item, Job
from jobs.models.states import JobState
from jobs.queue.progress import results_fingerprint
from jobs.results.items import result_of
from jobs.science.variants.agreement import Agreement, agreement
from jobs.science.variants.codes import Mutation, Variant
from jobs.science.variants.numbering_forms import numbering_of
from jobs.science.variants.scans import ScanTable
from jobs.variants.table import variant_table

Floats = NDArray[np.float64]

MOST_LISTED = 100
"""Jobs that are looked through for others of the same parent, the newest first."""


@dataclass(frozen=True, slots=True)
class Side:
    """One run: a job, and of a scan the item."""

    job: Job
    item: int = 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """The variants that both runs scored, in the order of the first, with both scores [n]."""

    parent: str
    variants: tuple[Variant, ...]
    first: Floats
    second: Floats
    only_first: int
    only_second: int
    agreement: Agreement

    @property
    def difference(self) -> Floats:
        """The second score minus the first [n]."""
        return self.second - self.first

    def by_position(self) -> tuple[list[int], Floats]:
        """Return the positions of single substitutions, and differences [P, 20], NaN for others."""
        cells = [
            (variant.mutations[0].position, CANONICAL.index(variant.mutations[0].mutant), at)
            for at, variant in enumerate(self.variants)
            if len(variant.mutations) == 1
        ]
        positions = sorted({position for position, _, _ in cells})
        row_of = {position: row for row, position in enumerate(positions)}
        found = np.full((len(positions), len(CANONICAL)), np.nan)
        difference = self.difference
        for position, column, at in cells:
            found[row_of[position], column] = difference[at]
        return positions, found


def compare(first: Side, second: Side) -> Comparison:
    """Compare two runs. Raises Conflict `wrong_action`, and InvalidInput `other_parent` and `nothing_to_compare`."""
    marks = [results_fingerprint(side.job) for side in (first, second)]
    return _compare(first, second, *marks)


@lru_cache(maxsize=4)
def _compare(first: Side, second: Side, first_mark: str, second_mark: str) -> Comparison:
    parents = [_parent(side) for side in (first, second)]
    if parents[0] != parents[1]:
        what = f"the parents differ: {len(parents[0]):,} and {len(parents[1]):,} residues"
        raise InvalidInput.one("other_parent", what, "Choose runs of the same sequence.", path="with")
    one, two = _scores(first), _scores(second)
    both = [variant for variant in one if variant in two]
    if not both:
        what = "the two runs have no scored variant in common"
        raise InvalidInput.one("nothing_to_compare", what, "Wait for both, or choose another run.", path="with")
    a, b = np.array([one[key] for key in both]), np.array([two[key] for key in both])
    # Substitutions of one position share its prediction, so positions are drawn as wholes.
    groups = np.array([key.mutations[0].position if key.mutations else 0 for key in both], dtype=np.intp)
    found = agreement(a, b, groups)
    return Comparison(parents[0], tuple(both), a, b, len(one) - len(both), len(two) - len(both), found)


def _parent(side: Side) -> str:
    if side.job.action not in SCORERS:
        what = f"runs of {' and '.join(SCORERS)} are compared, and this job's action is {side.job.action}"
        raise Conflict(what, code="wrong_action")
    return parent_of(side.job, side.item)


def _scores(side: Side) -> dict[Variant, float]:
    """Return the scores of a run by variant: of several records the first; sequences of other lengths are left out."""
    if get_action(side.job.action).takes_variants:
        table = variant_table(side.job)
        found: dict[Variant, float] = {}
        for at, score in enumerate(table.score.tolist()):
            if (variant := table.variant(at)) is not None:
                found.setdefault(variant, score)
        return found
    item = Item.objects.filter(job=side.job, index=side.item).first()
    result = result_of(side.job, item) if item is not None else None
    if item is None or result is None:
        return {}
    table_of_scan = ScanTable.of(result, item.sequence)
    return {
        Variant((Mutation(position, wild, mutant),)): float(table_of_scan.scores[row, column])
        for row, (position, wild) in enumerate(zip(table_of_scan.positions, table_of_scan.wild, strict=True))
        for column, mutant in enumerate(CANONICAL)
        if mutant != wild
    }


def others_of(user: User, side: Side) -> Iterator[tuple[Job, int, str]]:
    """Yield other runs of the same parent that the user may see, the newest first: job, item, and what it is."""
    parent = _parent(side)
    jobs = jobs_open_to(user).filter(action__in=SCORERS).exclude(state=JobState.EXPIRED).order_by("-created_at")
    for job in jobs[:MOST_LISTED]:
        if get_action(job.action).takes_variants:
            found = [0] if job.params.get("parent") == parent else []
        else:
            rows = Item.objects.filter(job=job, sequence=parent, error_code__isnull=True, chunk__isnull=False)
            found = list(rows.order_by("index").values_list("index", flat=True)[:5])
        for index in found:
            if (job.pk, index) != (side.job.pk, side.item):
                yield job, index, described(Side(job, index))


def described(side: Side) -> str:
    """Return a run in words, such as `TEM-1 scan: scan by e1-600m under 15 contexts`."""
    contexts = len(side.job.params.get("contexts") or ())
    under = f" under {contexts} context{'s' if contexts > 1 else ''}" if contexts else " without contexts"
    record = f", record {side.item + 1}" if side.item else ""
    return f"{side.job.name or side.job.pk.hex[:8]}{record}: {side.job.action} by {side.job.model}{under}"


def rows_of(found: Comparison, numbering: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield each variant with both scores and their difference. Codes have the numbering of the first run."""
    numbers = numbering_of(numbering)
    columns = zip(found.variants, found.first.tolist(), found.second.tolist(), found.difference.tolist(), strict=True)
    for variant, first, second, difference in columns:
        yield {"variant": variant.code(numbers), "first": first, "second": second, "difference": difference}


def facts_of(found: Comparison) -> dict[str, Any]:
    """Return the figures of a comparison; null if a figure is not defined."""
    one = found.agreement

    def known(value: float) -> float | None:
        return float(value) if np.isfinite(value) else None

    interval = {"low": known(one.low), "high": known(one.high), "draws": one.draws}
    return {
        "pairs": one.pairs,
        "only_first": found.only_first,
        "only_second": found.only_second,
        "spearman": known(one.spearman),
        "interval": interval if interval["low"] is not None else None,
        "mean_difference": float(found.difference.mean()),
    }


def second_side(user: User, text: str, item: int) -> Side | None:
    """Return the run with this id, or None if there is none that the user may see."""
    try:
        wanted = UUID(text)
    except ValueError:
        return None
    job = jobs_open_to(user).filter(pk=wanted).first()
    return Side(job, item) if job is not None else None
