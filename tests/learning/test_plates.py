"""Plate maps, and measurements of plates: normalisation, quality, outliers and pooled values."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.learning.normalising import (
    DEAD,
    WILD_TYPE,
    Reading,
    normalised,
    outliers,
    plate_factors,
    pooled,
    qualities,
    replicate_correlation,
)
from jobs.learning.wells import SIZES, spread, well_named, wells_of

CONTROLS = ["WT"] * 4 + ["dead"] * 2 + ["blank"] * 2


def test_a_full_plate_has_every_content_once():
    others = [f"v{n}" for n in range(88)]
    made = spread(96, CONTROLS, others, seed=3)
    assert len(made) == 96
    assert sorted(made.values()) == sorted(CONTROLS + others)
    assert [name for name in made if made[name] == "v0"] == [min(set(made) - _of(made, CONTROLS), key=_order)]


def _of(made, kinds):
    return {name for name, content in made.items() if content in kinds}


def _order(name):
    return (well_named(name).row, well_named(name).column)


@given(st.integers(0, 200), st.sampled_from([96, 384]))
def test_controls_are_spread(seed, size):
    made = spread(size, CONTROLS, [], seed=seed)
    places = [well_named(name, size) for name in made]
    apart = [math.dist((a.row, a.column), (b.row, b.column)) for a in places for b in places if a != b]
    assert min(apart) >= 2
    rows, columns = SIZES[size]
    wild = [well_named(name, size) for name, content in made.items() if content == "WT"]
    assert len({(one.row >= rows // 2, one.column >= columns // 2) for one in wild}) >= 2


def test_a_seed_gives_the_same_map():
    assert list(spread(96, CONTROLS, ["v"], seed=1).items()) == list(spread(96, CONTROLS, ["v"], seed=1).items())
    assert spread(96, CONTROLS, [], seed=1) != spread(96, CONTROLS, [], seed=2)


def test_too_much_for_a_plate_is_refused():
    with pytest.raises(ValueError, match="97 contents do not fit into 96 wells"):
        spread(96, CONTROLS, ["v"] * 89, seed=0)
    with pytest.raises(ValueError, match="not 48"):
        wells_of(48)


@pytest.mark.parametrize(("text", "name"), [("a01", "A1"), (" P24 ", "P24"), ("H12", "H12")])
def test_names_of_wells(text, name):
    assert well_named(text).name == name


@pytest.mark.parametrize("text", ["", "A", "A0", "Q1", "A25", "1A", "AA1", "A-1", "A\N{SUPERSCRIPT TWO}"])
def test_other_names_are_none(text):
    assert well_named(text) is None


def plate(name, factor=1.0, *, wild=(2.0, 4.0), variants=(("a", 6.0), ("b", 3.0))):
    controls = [Reading(name, f"A{n}", "WT", WILD_TYPE, value * factor) for n, value in enumerate(wild, start=1)]
    return controls + [
        Reading(name, f"B{n}", key, value=value * factor) for n, (key, value) in enumerate(variants, start=1)
    ]


def test_the_wild_type_of_the_plate_is_the_unit():
    assert normalised(plate("p"), "wild_type_ratio") == pytest.approx([2 / 3, 4 / 3, 2, 1])
    assert normalised(plate("p"), "wild_type_difference") == pytest.approx([-1, 1, 3, 0])
    assert normalised(plate("p"), "none") == [2, 4, 6, 3]
    with pytest.raises(ValueError, match="no normalisation"):
        normalised(plate("p"), "median")


@given(st.floats(0.01, 100))
def test_a_plate_times_a_factor_changes_no_ratio(factor):
    both = normalised([*plate("one"), *plate("two", factor)], "wild_type_ratio")
    assert both[4:] == pytest.approx(both[:4], abs=1e-9)


@pytest.mark.parametrize("method", ["wild_type_ratio", "wild_type_difference"])
def test_bridging_variants_settle_a_plate_without_wild_type(method):
    shifted = [
        replace(one, value=one.value * 1.5 if method == "wild_type_ratio" else one.value + 1.5)
        for one in plate("two", wild=())
    ]
    far = [replace(one, plate="three", value=one.value) for one in plate("three", wild=(), variants=(("c", 1.0),))]
    found = normalised([*plate("one"), *shifted, *far], method)
    assert found[4:6] == pytest.approx(found[2:4])
    # The third plate shares nothing with a plate that has a factor.
    assert found[6] is None
    assert set(plate_factors([*plate("one"), *far], method)) == {"one"}


def test_failed_wells_have_no_value():
    readings = [*plate("p"), Reading("p", "C1", "a")]
    assert normalised(readings, "wild_type_ratio")[-1] is None
    assert {one.key: one.wells for one in pooled(readings, normalised(readings, "none"))} == {"WT": 2, "a": 1, "b": 1}


def test_quality_of_a_plate_by_hand():
    readings = [
        *(Reading("p", f"A{n}", "WT", WILD_TYPE, value) for n, value in enumerate((9.0, 11.0), start=1)),
        *(Reading("p", f"B{n}", "dead", DEAD, value) for n, value in enumerate((0.0, 2.0), start=1)),
        Reading("p", "C1", "a"),
    ]
    found = qualities(readings)[0]
    assert (found.wells, found.failed, found.wild_types) == (5, 1, 2)
    assert found.variation == pytest.approx(math.sqrt(2) / 10)
    assert found.z_factor == pytest.approx(1 - 3 * 2 * math.sqrt(2) / 9)
    alone = qualities([Reading("p", "A1", "a", value=1.0)])[0]
    assert (alone.variation, alone.z_factor) == (None, None)


def test_outliers_are_marked_and_stay():
    readings = [Reading("p", "", key, value=v) for key in "abcde" for v in (1.0, 1.1, 0.9)]
    readings[4] = replace(readings[4], value=9.0)
    values = normalised(readings, "none")
    assert [at for at, one in enumerate(outliers(readings, values)) if one] == [4]
    assert pooled(readings, values)[1].value == pytest.approx((1.0 + 9.0 + 0.9) / 3)
    assert not any(outliers(readings[:2], values[:2]))


def test_controls_that_are_all_alike_make_no_outliers():
    wild = [Reading("p", "", "WT", role="wild_type", value=v) for v in (1.0, 1.1, 0.9, 1.05)]
    blanks = [Reading("p", "", "blank", role="blank", value=0.004) for _ in range(6)]
    low = [Reading("p", "", "S70A", role="dead", value=0.004, censored=-1) for _ in range(6)]
    readings = [*wild, *blanks, *low]
    assert not any(outliers(readings, normalised(readings, "none")))


def test_replicates_correlate():
    one = [Reading("p", "", key, value=float(n)) for n, key in enumerate("abcd")]
    two = [replace(reading, plate="q", value=2 * reading.value + 1) for reading in one]
    both = [*one, *two]
    assert replicate_correlation(both, normalised(both, "none")) == pytest.approx(1)
    assert replicate_correlation(one, normalised(one, "none")) is None


def test_censored_values_are_counted_apart():
    readings = [Reading("p", "", "a", value=0.1, censored=-1), Reading("p", "", "a", value=0.3)]
    found = pooled(readings, normalised(readings, "none"))[0]
    assert (found.value, found.wells, found.censored) == (pytest.approx(0.2), 2, 1)
