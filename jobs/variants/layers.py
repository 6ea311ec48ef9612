"""What the heat map of a scan can show: its scores, percentiles, baselines, and measured values."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from django.contrib.auth.models import User
from numpy.typing import NDArray

from e1protocol import CANONICAL
from jobs.models import Assay, Item
from jobs.parsing.numbers import whole
from jobs.science.variants.codes import Variant
from jobs.science.variants.overlays import key_of
from jobs.science.variants.scans import RESIDUES, ScanTable
from jobs.variants.assays import assay_overlay, assays_of, numbering_of_assay
from jobs.variants.baselines import Baselines, baselines_of
from jobs.variants.beside import BLOSUM62, COLUMNS, PERCENTILE, PROFILE, BesideRow

Floats = NDArray[np.float64]

SCORE, MEASURED = "score", "measured"
TITLES = {SCORE: "Score", PERCENTILE: "Percentile", PROFILE: "Profile", BLOSUM62: "BLOSUM62", MEASURED: "Measured"}
"""Names of the layers, in the order of the choice on the page."""


@dataclass(frozen=True, slots=True)
class Layers:
    """Numbers [P, 20] of every substitution of a scan, by name; NaN for one that is missing.

    `choice` is the name of the layer that is asked for, and `assay` the source of measured values.
    """

    choice: str
    matrices: Mapping[str, Floats]
    baselines: Baselines
    assay: Assay | None

    @property
    def shown(self) -> Floats:
        return self.matrices[self.choice]

    @property
    def title(self) -> str:
        return TITLES[self.choice]

    @property
    def titles(self) -> dict[str, str]:
        """The layers that there are, by name."""
        return {name: title for name, title in TITLES.items() if name in self.matrices}

    def at(self, cells: Sequence[int]) -> Iterator[BesideRow]:
        """Yield the numbers beside the scores of these cells (row x 20 + column)."""
        for cell in cells:
            place = divmod(int(cell), RESIDUES)
            numbers = [float(self.matrices[name][place]) if name in self.matrices else math.nan for name in COLUMNS]
            yield BesideRow(*(None if math.isnan(number) else number for number in numbers))


def layers_of(user: User, item: Item, table: ScanTable, query: Mapping[str, str], *, strict: bool = False) -> Layers:
    """Return the layers of the scan of an item. `query` may have `alignment`, `assay` and `show`.

    Raises InvalidInput `unknown_alignment` if `strict`.
    """
    baselines = baselines_of(user, item.sequence, query.get("alignment", ""), strict=strict)
    matrices = {SCORE: table.scores, PERCENTILE: table.percentiles, BLOSUM62: baselines.blosum62.at(table.positions)}
    if baselines.profile is not None:
        matrices[PROFILE] = baselines.profile.at(table.positions)
    assay = _assay(item, query.get("assay", ""))
    if assay is not None:
        matrices[MEASURED] = measured_matrix(assay, table.positions, item.sequence)
    choice = query.get("show", SCORE)
    return Layers(choice if choice in matrices else SCORE, matrices, baselines, assay)


def _assay(item: Item, asked: str) -> Assay | None:
    """Return the measurements of an item that are asked for, by default the newest; None if there are none."""
    found = [one for one in assays_of(item.job) if one.item_index == item.index]
    wanted = whole(asked)
    return next((one for one in found if one.pk == wanted), next(iter(found), None))


def measured_matrix(assay: Assay, positions: Sequence[int], parent: str) -> Floats:
    """Return the measured values [P, 20] of the single substitutions at these positions, NaN for others."""
    numbering, row_of = numbering_of_assay(assay), {position: row for row, position in enumerate(positions)}
    found = np.full((len(positions), RESIDUES), np.nan)
    for point in assay_overlay(assay).points:
        variant = key_of(point.variant, parent, numbering)
        if not isinstance(variant, Variant) or len(variant.mutations) != 1:
            continue
        (one,) = variant.mutations
        if (row := row_of.get(one.position)) is not None:
            found[row, CANONICAL.index(one.mutant)] = point.measured
    return found
