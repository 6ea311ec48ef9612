"""Plates of measurements: normalisation to the wild type, quality, outliers, and one value for each variant.

A plate's factor is the mean of its wild-type wells. A plate without them takes it from bridging variants, which plates
with a factor have as well. Nothing is dropped: failed wells have no value, and outliers are marked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

VARIANT, WILD_TYPE, DEAD, BLANK = "variant", "wild_type", "dead", "blank"
ROLES = (VARIANT, WILD_TYPE, DEAD, BLANK)
METHODS = ("none", "wild_type_ratio", "wild_type_difference")
OUTLIER = 3.5
"""Modified z-score of an outlier (Iglewicz and Hoaglin 1993)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One well. `key` is the same for all wells of a variant. `value` is None for a failed well.

    `censored` is -1 for a true value below `value`, 1 for one above, else 0.
    """

    plate: str
    well: str
    key: str
    role: str = VARIANT
    value: float | None = None
    censored: int = 0


@dataclass(frozen=True, slots=True)
class Quality:
    """How good a plate is; a figure is None if its wells are missing.

    `variation` is the coefficient of variation of the wild type. `z_factor` is Z' of wild type and dead control
    (Zhang et al. 1999): 1 - 3 (sum of standard deviations) / (distance of means). Above 0.5 is an excellent assay.
    """

    plate: str
    wells: int
    failed: int
    wild_types: int
    variation: float | None
    z_factor: float | None


@dataclass(frozen=True, slots=True)
class Pooled:
    """The mean of a variant's wells that did not fail, in the normalised unit."""

    key: str
    value: float
    wells: int
    censored: int


def normalised(readings: Sequence[Reading], method: str) -> list[float | None]:
    """Return each reading's normalised value, in order; None if it failed or its plate has no factor.

    Raises ValueError for an unknown method.
    """
    if method not in METHODS:
        raise ValueError(f"there is no normalisation {method!r}")
    if method == "none":
        return [reading.value for reading in readings]
    factors = plate_factors(readings, method)
    return [_apply(one.value, factors.get(one.plate), method) for one in readings]


def plate_factors(readings: Sequence[Reading], method: str) -> dict[str, float]:
    """Return the factor of each plate that has one: to divide by, or to subtract.

    Plates without wild type are settled by bridging variants, those with most of them first.
    """
    controls: dict[str, list[float]] = defaultdict(list)
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for one in readings:
        if one.value is not None and one.role == WILD_TYPE:
            controls[one.plate].append(one.value)
        if one.value is not None and one.role == VARIANT:
            values[one.plate][one.key].append(one.value)
    means = {plate: float(np.mean(found)) for plate, found in controls.items()}
    factors = {plate: mean for plate, mean in means.items() if _usable(mean, method)}
    while found := _best_bridge(values, factors, method):
        plate, factor = found
        factors[plate] = factor
    return factors


def _usable(factor: float, method: str) -> bool:
    return method != "wild_type_ratio" or factor != 0


def _best_bridge(
    values: Mapping[str, Mapping[str, Sequence[float]]], factors: Mapping[str, float], method: str
) -> tuple[str, float] | None:
    known: dict[str, list[float]] = defaultdict(list)
    for plate in factors:
        for key, found in values.get(plate, {}).items():
            known[key] += [value for one in found if (value := _apply(one, factors[plate], method)) is not None]
    bridges = {
        plate: [(np.mean(found), np.mean(known[key])) for key, found in keys.items() if known.get(key)]
        for plate, keys in values.items()
        if plate not in factors
    }
    plate = max(sorted(bridges), key=lambda one: len(bridges[one]), default="")
    if not bridges.get(plate):
        return None
    own, reference = np.array(bridges[plate]).T
    if method == "wild_type_difference":
        return plate, float((own - reference).mean())
    slope = float(own @ reference / (reference @ reference)) if reference @ reference else 0.0
    return (plate, slope) if slope else None


def _apply(value: float | None, factor: float | None, method: str) -> float | None:
    if value is None or factor is None:
        return None
    return value / factor if method == "wild_type_ratio" else value - factor


def qualities(readings: Sequence[Reading]) -> list[Quality]:
    """Return the quality of each plate from its raw values, in order of the plates' names."""
    plates: dict[str, list[Reading]] = defaultdict(list)
    for one in readings:
        plates[one.plate].append(one)
    return [_quality(plate, plates[plate]) for plate in sorted(plates)]


def _quality(plate: str, readings: Sequence[Reading]) -> Quality:
    values = {
        role: np.array([one.value for one in readings if one.role == role and one.value is not None])
        for role in (WILD_TYPE, DEAD)
    }
    wild, dead = values[WILD_TYPE], values[DEAD]
    variation = float(wild.std(ddof=1) / abs(wild.mean())) if len(wild) > 1 and wild.mean() else None
    z_factor = None
    if len(wild) > 1 and len(dead) > 1 and wild.mean() != dead.mean():
        z_factor = float(1 - 3 * (wild.std(ddof=1) + dead.std(ddof=1)) / abs(wild.mean() - dead.mean()))
    failed = sum(one.value is None for one in readings)
    return Quality(plate, len(readings), failed, len(wild), variation, z_factor)


def outliers(readings: Sequence[Reading], values: Sequence[float | None]) -> list[bool]:
    """Return whether each reading is far from the median of its variant's wells, of at least three.

    The scale is the median deviation over all variants with replicates, because three wells alone have none. Blanks,
    dead controls and censored wells are no part of it: they are all alike, and would make the others outliers.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for at, (one, value) in enumerate(zip(readings, values, strict=True)):
        if value is not None:
            groups[one.key].append(at)
    apart = np.zeros(len(readings))
    for members in (found for found in groups.values() if len(found) >= 3):
        own = np.array([values[at] for at in members], dtype=float)
        apart[members] = own - np.median(own)
    several = [
        at
        for found in groups.values()
        if len(found) >= 3
        for at in found
        if readings[at].role in (VARIANT, WILD_TYPE) and not readings[at].censored
    ]
    scale = float(np.median(np.abs(apart[several]))) if several else 0.0
    return [bool(scale) and bool(abs(0.6745 * one / scale) > OUTLIER) for one in apart]


def replicate_correlation(readings: Sequence[Reading], values: Sequence[float | None]) -> float | None:
    """Return the mean Pearson correlation of the variants of two plates, over pairs of plates that share at least 3."""
    plates: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for one, value in zip(readings, values, strict=True):
        if value is not None and one.role == VARIANT:
            plates[one.plate][one.key].append(value)
    found = []
    names = sorted(plates)
    for at, first in enumerate(names):
        for second in names[at + 1 :]:
            shared = sorted(plates[first].keys() & plates[second].keys())
            pair = np.array([[np.mean(plates[one][key]) for key in shared] for one in (first, second)])
            if len(shared) >= 3 and pair.std(axis=1).all():
                found.append(float(np.corrcoef(pair)[0, 1]))
    return float(np.mean(found)) if found else None


def pooled(readings: Sequence[Reading], values: Sequence[float | None]) -> list[Pooled]:
    """Return one value for each variant, wild type and dead control that has any; blanks are left out."""
    groups: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for one, value in zip(readings, values, strict=True):
        if value is not None and one.role != BLANK:
            groups[one.key].append((value, one.censored))
    return [
        Pooled(key, float(np.mean([value for value, _ in found])), len(found), sum(bool(side) for _, side in found))
        for key, found in groups.items()
    ]
