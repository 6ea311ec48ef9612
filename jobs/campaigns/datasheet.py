"""Measurements of a property as the page of data shows them: by position and residue, by plate, and by variant.

Values are in the normalised unit. Every well is shown: failed ones, censored ones, and outliers, which are marked.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from jobs.campaigns.drawing import level
from jobs.campaigns.selectors import WT, Scale, current, numbering_of_campaign, readings_of
from jobs.learning.normalising import (
    BLANK,
    DEAD,
    VARIANT,
    WILD_TYPE,
    Quality,
    Reading,
    normalised,
    outliers,
    qualities,
    replicate_correlation,
)
from jobs.learning.wells import SIZES, well_named
from jobs.models import Measurement, Property
from jobs.science.variants.codes import Variant, read_variant
from jobs.science.variants.numbering import Numbering
from jobs.templatetags.campaigns import three

RESIDUES = "GAVLIMCFYWHKRDENQSTP"
"""Columns of the matrix: similar residues are neighbours, as in the heat map of a scan."""
WORDS = {VARIANT: "variant", WILD_TYPE: "wild type", DEAD: "dead control", BLANK: "blank"}
SIDES = {-1: "<", 1: ">"}


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a grid: its lines of text, its colour, and words for what the text marks."""

    lines: tuple[str, ...] = ()
    colour: str = ""
    notes: tuple[str, ...] = ()
    role: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a grid, with its head."""

    head: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class PlateName:
    """A plate: the `key` of its readings, and its name on the page."""

    key: str
    label: str


@dataclass(frozen=True, slots=True)
class Wells:
    """All wells of a variant or control."""

    label: str
    role: str
    count: int
    failed: int
    censored: int
    marked: int
    mean: float | None
    deviation: float | None
    low: float | None
    high: float | None


class Datasheet:
    """The rows of a property that count, with their normalised values and marks."""

    def __init__(self, found: Property) -> None:
        self.property = found
        self.numbering: Numbering = numbering_of_campaign(found.campaign)
        self.rows = current(list(Measurement.objects.filter(property=found).order_by("id")))
        self.readings: list[Reading] = readings_of(self.rows)
        with np.errstate(all="ignore"):  # absurd numbers are shown as they are
            self.values = normalised(self.readings, found.normalisation)
            self.marked = outliers(self.readings, self.values)
        self._scale = Scale.of(found)
        self._variants: dict[str, Variant] = {}

    @cached_property
    def corrected(self) -> int:
        """Rows that a later row of the same well replaces."""
        return Measurement.objects.filter(property=self.property).count() - len(self.rows)

    @cached_property
    def replicate_correlation(self) -> float | None:
        with np.errstate(all="ignore"):
            return replicate_correlation(self.readings, self.values)

    @cached_property
    def without_reference(self) -> int:
        """Wells with a value whose plate has neither wild type nor bridging variants."""
        pairs = zip(self.readings, self.values, strict=True)
        return sum(one.value is not None and value is None for one, value in pairs)

    def _variant(self, code: str) -> Variant:
        if code not in self._variants:
            self._variants[code] = read_variant(code, self.property.campaign.parent)
        return self._variants[code]

    def label(self, key: str) -> str:
        """Return the name of a variant or control in the campaign's numbering."""
        return key if key in (WT, DEAD, BLANK) else self._variant(key).code(self.numbering)

    @cached_property
    def _colours(self) -> tuple[float, float]:
        """Return reference and scale of colours, in the unit of a model: the wild type, else the median."""
        own = [self._forward(value) for one, value in self._with_value() if one.role == VARIANT]
        wild = [self._forward(value) for one, value in self._with_value() if one.role == WILD_TYPE]
        good, known = np.array(own)[np.isfinite(own)], np.array(wild)[np.isfinite(wild)]
        if not len(good):
            return 0.0, 0.0
        reference = float(known.mean()) if len(known) else float(np.median(good))
        return reference, float(np.percentile(np.abs(good - reference), 95))

    def _with_value(self) -> list[tuple[Reading, float]]:
        return [(one, value) for one, value in zip(self.readings, self.values, strict=True) if value is not None]

    def _forward(self, value: float) -> float:
        return float(self._scale.forward(value))

    def colour(self, value: float | None) -> str:
        """Return the class of a value's colour."""
        if value is None:
            return ""
        reference, scale = self._colours
        return level(self._forward(value) - reference, scale)

    # --- plates ---

    @cached_property
    def plates(self) -> list[PlateName]:
        """The plates with named wells, in order of their rounds."""
        found: dict[str, PlateName] = {}
        for row, one in zip(self.rows, self.readings, strict=True):
            if row.well and one.plate not in found:
                plate = f"plate {row.plate}" if row.plate else "a plate without a name"
                found[one.plate] = PlateName(one.plate, f"round {row.round}, {plate}" if row.round else plate)
        return sorted(found.values(), key=lambda one: (len(one.label), one.label))

    def plate(self, key: str) -> list[Line]:
        """Return the wells of a plate as they are on it."""
        found: dict[tuple[int, int], list[int]] = defaultdict(list)
        for at, row in enumerate(self.rows):
            if self.readings[at].plate == key and (well := well_named(row.well)):
                found[well.row, well.column].append(at)
        rows, columns = SIZES[384]
        if all(row < SIZES[96][0] and column < SIZES[96][1] for row, column in found):
            rows, columns = SIZES[96]
        return [
            Line(chr(ord("A") + row), tuple(self._well(found.get((row, column), [])) for column in range(columns)))
            for row in range(rows)
        ]

    def _well(self, places: list[int]) -> Cell:
        if not places:
            return Cell()
        first = self.readings[places[0]]
        lines = [self.label(first.key), *(self._text(at) for at in places)]
        notes = [WORDS[first.role]] if first.role != VARIANT else []
        notes += ["outlier"] if any(self.marked[at] for at in places) else []
        values = [value for at in places if (value := self.values[at]) is not None]
        colour = self.colour(float(np.mean(values))) if values and first.role == VARIANT else ""
        return Cell(tuple(lines), colour, tuple(notes), first.role)

    def _text(self, at: int) -> str:
        one, value = self.readings[at], self.values[at]
        if one.value is None:
            return "failed"
        if value is None:
            return "no reference"
        return f"{SIDES.get(one.censored, '')}{three(value)}{' !' if self.marked[at] else ''}"

    @cached_property
    def qualities(self) -> list[tuple[str, Quality]]:
        """Quality of each plate, with its name."""
        named = {one.key: one.label for one in self.plates}
        with np.errstate(all="ignore"):
            found = qualities(self.readings)
        return [(named.get(one.plate, "without wells"), one) for one in found]

    # --- variants ---

    @cached_property
    def variants(self) -> list[Wells]:
        """All variants and controls: controls first, then the best first."""
        groups: dict[tuple[str, str], list[int]] = defaultdict(list)
        for at, one in enumerate(self.readings):
            groups[one.role if one.role in (WILD_TYPE, BLANK) else VARIANT, one.key].append(at)
        found = [self._wells(places) for places in groups.values()]
        worst = -float("inf")
        return sorted(
            found,
            key=lambda one: (one.role == VARIANT, -(worst if one.mean is None else self._forward(one.mean)), one.label),
        )

    def _wells(self, places: list[int]) -> Wells:
        values = np.array([value for at in places if (value := self.values[at]) is not None], dtype=float)
        first = self.readings[places[0]]
        with np.errstate(all="ignore"):
            mean = float(values.mean()) if len(values) else None
            deviation = float(values.std(ddof=1)) if len(values) > 1 else None
        return Wells(
            label=self.label(first.key),
            role=first.role,
            count=len(places),
            failed=sum(self.readings[at].value is None for at in places),
            censored=sum(bool(self.readings[at].censored) for at in places),
            marked=sum(self.marked[at] for at in places),
            mean=mean,
            deviation=deviation,
            low=float(values.min()) if len(values) else None,
            high=float(values.max()) if len(values) else None,
        )

    # --- positions and residues ---

    @cached_property
    def _singles(self) -> dict[int, dict[str, list[int]]]:
        found: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for at, one in enumerate(self.readings):
            if one.key in (WT, DEAD, BLANK):
                continue
            mutations = self._variant(one.key).mutations
            if len(mutations) == 1:
                found[mutations[0].position][mutations[0].mutant].append(at)
        return found

    @cached_property
    def positions(self) -> list[int]:
        """Positions with a measured single substitution."""
        return sorted(self._singles)

    @cached_property
    def several(self) -> int:
        """Variants with several substitutions, which the matrix leaves out."""
        keys = {one.key for one in self.readings} - {WT, DEAD, BLANK}
        return sum(len(self._variant(key).mutations) > 1 for key in keys)

    def matrix(self, positions: list[int]) -> list[Line]:
        """Return the mean of each measured substitution at these positions."""
        parent = self.property.campaign.parent
        return [
            Line(
                f"{parent[position - 1]}{self.numbering.label(position)}",
                tuple(self._residue(position, letter, parent[position - 1]) for letter in RESIDUES),
            )
            for position in positions
        ]

    def _residue(self, position: int, letter: str, wild: str) -> Cell:
        if letter == wild:
            return Cell(("·",), "wild", notes=("wild type",))
        places = self._singles[position].get(letter, [])
        if not places:
            return Cell()
        values = [value for at in places if (value := self.values[at]) is not None]
        if not values:
            return Cell(("failed",))
        mean, marked = float(np.mean(values)), any(self.marked[at] for at in places)
        sides = {self.readings[at].censored for at in places if self.readings[at].censored}
        side = SIDES[sides.pop()] if len(sides) == 1 else "~" if sides else ""
        notes = [*(["outlier among its wells"] if marked else []), *(["censored wells"] if side else [])]
        return Cell((f"{side}{three(mean)}{' !' if marked else ''}",), self.colour(mean), tuple(notes))
