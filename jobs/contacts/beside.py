"""A structure beside a result: which one, and its residues as a table with the numbers that colour it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from django.http import HttpRequest
from numpy.typing import NDArray

from jobs.actions.contacts import Contacts
from jobs.contacts.serializers import StructureBody
from jobs.contacts.services import WITH_STRUCTURES, distances_of, judged, structure_drawn, structures_of
from jobs.errors import ServiceError
from jobs.models import Item, Job
from jobs.parsing.numbers import whole
from jobs.science.contacts.drawing import Drawn
from jobs.science.contacts.precision import CONTACT_DISTANCE
from jobs.science.variants.numbering_forms import numbering_of
from jobs.science.variants.scans import ScanTable
from jobs.variants.layers import MEASURED, SCORE, layers_of
from jobs.web.access import user_of
from jobs.web.links import paged

Floats = NDArray[np.float64]

SEPARATION = 6
"""Least separation along the chain of residues whose contacts are counted: closer ones always touch."""
WORDS = {"H": "helix", "E": "strand", "-": "coil"}
"""The letters of `jobs.science.contacts.secondary` in words."""
TITLES = {
    "mean": "Mean score",
    "measured": "Mean measured",
    "contact": "Best predicted contact",
    "touching": "Contacts",
}


class Residue(NamedTuple):
    """One position of the sequence. `number` is its label in the job, and `author` its number in the structure."""

    position: int
    number: str
    letter: str
    author: str
    secondary: str
    values: list[float | None]


@dataclass(frozen=True, slots=True)
class Beside:
    """A drawn structure, and numbers [L] by name for each position of the sequence, NaN for none."""

    sequence: str
    numbers: list[str]
    drawn: Drawn
    values: Mapping[str, Floats]

    def residues(self, positions: Iterable[int]) -> Iterator[Residue]:
        """Yield these positions, which count from 1."""
        place = {at: n for n, at in enumerate(self.drawn.positions) if at is not None}
        for position in positions:
            n = place.get(position)
            found = [float(one[position - 1]) for one in self.values.values()]
            known = n is not None and self.drawn.secondary != ""
            yield Residue(
                position=position,
                number=self.numbers[position - 1],
                letter=self.sequence[position - 1],
                author="" if n is None else self.drawn.numbers[n],
                secondary=WORDS[self.drawn.secondary[n]] if known and n is not None else "",
                values=[None if math.isnan(one) else one for one in found],
            )


def structure_context(request: HttpRequest, job: Job, item: Item, result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the context of the panel with the structure of an item; empty for actions without structures."""
    if job.action not in WITH_STRUCTURES:
        return {}
    stored = structures_of(job, item.index)
    wanted = whole(request.GET.get("structure"))
    chosen = next((one for one in stored if one.pk == wanted), next(iter(stored), None))
    panel: dict[str, Any] = {"structures": [(one.pk, f"{one.name}, chain {one.chain}") for one in stored]}
    if chosen is None:
        return {"panel": panel}
    panel["structure"] = StructureBody(judged(chosen)).data
    try:
        drawn = structure_drawn(chosen, user_of(request))
    except ServiceError as refused:
        return {"panel": panel | {"refused": refused.sentence}}
    values = _values(request, job, item, result) | {"touching": touching(distances_of(chosen))}
    numbering = numbering_of(job.params)
    numbers = [str(numbering.label(position)) for position in range(1, len(item.sequence) + 1)]
    beside = Beside(item.sequence, numbers, drawn, values)
    page, links = paged(request.GET, range(1, len(item.sequence) + 1), name="residues", anchor="#structure-table")
    return {
        "panel": panel
        | {
            "drawn": drawn,
            "titles": [TITLES[name] for name in values],
            "names": [(name, TITLES[name]) for name in values],
            "rows": list(beside.residues(page.object_list)),
            "page": page,
            "links": links,
            "open": "residues" in request.GET,
            "separation": SEPARATION,
            "distance": CONTACT_DISTANCE,
            "numbered": numbers[0] != "1" or numbers[-1] != str(len(numbers)),
        }
    }


def _values(request: HttpRequest, job: Job, item: Item, result: Mapping[str, Any]) -> dict[str, Floats]:
    """Return the numbers [L] of the result by which the structure is coloured."""
    length = len(item.sequence)
    if job.action == Contacts.name:
        return {"contact": best_contacts(np.asarray(result["contacts"], dtype=np.float64))}
    table = ScanTable.of(result, item.sequence)
    layers = layers_of(user_of(request), item, table, request.GET)
    wild = np.isnan(layers.matrices["percentile"])
    found = {"mean": _spread_out(np.where(wild, np.nan, layers.matrices[SCORE]), table.positions, length)}
    if MEASURED in layers.matrices:
        found["measured"] = _spread_out(layers.matrices[MEASURED], table.positions, length)
    return found


def _spread_out(matrix: Floats, positions: tuple[int, ...], length: int) -> Floats:
    """Return the mean of each row [P, 20] at its position of `length`, NaN for other positions."""
    found = np.full(length, np.nan)
    counts = np.isfinite(matrix).sum(axis=1)
    sums = np.nansum(matrix, axis=1)
    places = np.asarray(positions, dtype=np.intp) - 1
    found[places] = np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0)
    return found


def best_contacts(scores: Floats) -> Floats:
    """Return the highest score [L] of a pair of each residue with one at least SEPARATION away, NaN for none."""
    length = len(scores)
    apart = np.abs(np.arange(length)[:, None] - np.arange(length)[None, :]) >= SEPARATION
    best = np.where(apart, scores, -np.inf).max(axis=1, initial=-np.inf)
    return np.where(np.isfinite(best), best, np.nan)


def touching(distances: Floats) -> Floats:
    """Return the number [L] of residues at least SEPARATION away that touch each one, NaN if it is not resolved."""
    length = len(distances)
    apart = np.abs(np.arange(length)[:, None] - np.arange(length)[None, :]) >= SEPARATION
    counts = (apart & (np.nan_to_num(distances, nan=np.inf) < CONTACT_DISTANCE)).sum(axis=1)
    return np.where(np.isnan(np.diagonal(distances)), np.nan, counts)
