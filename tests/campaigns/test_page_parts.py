"""Parts of the pages of campaigns that need no database: pictures, words about a gain, and fields of forms."""

from __future__ import annotations

import re

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from jobs.campaigns.cards import axis_of, comparison_of
from jobs.campaigns.drawing import Axis, Panel, Rounds, level
from jobs.campaigns.forms import campaign_body, listed, proposal_body, ranges
from jobs.campaigns.gains import gain_of
from jobs.campaigns.pages_models import _left_out
from jobs.errors import InvalidInput
from jobs.models import Property

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)


@given(st.lists(NUMBERS, min_size=1, max_size=30))
def test_points_and_numbers_of_an_axis_are_inside_it(values):
    axis = Axis.of(values, 50, 300)
    assert all(50 <= axis.at(value) <= 300 for value in values)
    ticks = axis.ticks(5)
    assert 1 <= len(ticks) <= 12
    assert all(49.9 <= tick.at <= 300.1 for tick in ticks)


def test_the_numbers_of_an_axis_are_round():
    assert [tick.text for tick in Axis.of([0.02, 0.98], 0, 100).ticks(6)] == ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
    assert [tick.text for tick in Axis.of([-20, 20], 0, 100).ticks(5)] == ["\u221220", "\u221210", "0", "10", "20"]


def test_higher_values_are_higher_and_points_without_a_number_are_left_out():
    panel = Panel.of(("x", "y"), "words", [1, 2, 3, float("nan")], [10, 20, 5, 7])
    places = [(float(x), float(y)) for x, y in re.findall(r"M([\d.]+) ([\d.]+)h0", panel.path)]
    assert len(places) == 3
    assert places[0][0] < places[1][0] < places[2][0]
    assert places[1][1] < places[0][1] < places[2][1], "upwards is a smaller coordinate"
    assert Panel.of(("x", "y"), "words", [float("inf")], [1]) is None


def test_rounds_have_a_line_through_what_was_measured():
    picture = Rounds.of("words", "up", ["1", "2", "3"], [1.0, None, 2.0], [None, 1.5, 1.0])
    assert [mark.x for mark in picture.measured] == [picture.along[0].at, picture.along[2].at]
    assert picture.line.count("L") == 1
    assert picture.measured[1].y < picture.predicted[0].y < picture.measured[0].y
    assert Rounds.of("words", "up", ["1"], [None], [None]) is None


def test_an_axis_has_the_unit_of_normalised_values():
    told = [("none", "U/mg"), ("wild_type_ratio", "U/mg"), ("wild_type_difference", "°C"), ("none", "")]
    assert [axis_of(Property(name="p", normalisation=how, unit=unit)) for how, unit in told] == [
        "p (U/mg)", "p (ratio to wild type)", "p (change from wild type, °C)", "p"
    ]  # fmt: skip


def test_one_well_that_failed_is_one_well():
    assert _left_out({"failed_wells": 1, "too_large": 2}) == [
        (1, "well that failed"),
        (2, "variants with numbers too large for any model"),
    ]


@pytest.mark.parametrize(
    ("distance", "scale", "found"),
    [(0.0, 1.0, ""), (2.0, 1.0, "up4"), (-float("inf"), 1.0, "down4"), (0.26, 1.0, "up1"), (-0.5, 1.0, "down2"),
     (1.0, 0.0, ""), (float("nan"), 1.0, "")],
)  # fmt: skip
def test_colours_are_steps_from_the_reference(distance, scale, found):
    assert level(distance, scale) == found


def card(value, low, high, *, order=0.05, n=87, by="prior", **more):
    gain = {"metric": "squared_error", "folds": "position", "n": n, "value": value, "low": low, "high": high}
    gain |= {"level": 0.95, "detectable": 0.118, "spearman": {"value": order, "low": -0.01, "high": 0.11}}
    found = {"gain": gain, "method": "gaussian_process", "prior": {"used": "profile"}, "ranks_by": by}
    return {**found, "cross_validation": {}, "reasons": {}, **more}


def test_the_words_of_a_gain():
    shown = gain_of(card(0.124, 0.01, 0.238, by="model"))
    assert shown.shown
    assert shown.headline == "Gain over the prior: squared error \u221212 %"
    assert "so the model ranks" in shown.text
    assert "\u221212 %, 95 % interval \u22121 % to \u221224 %" in shown.text
    assert "Spearman +0.05 (95 % interval \u22120.01 to +0.11). 87 variants, folds by position" in shown.text
    none = gain_of(card(0.05, -0.04, 0.11))
    assert (none.headline, none.shown) == ("No gain over the prior yet", False)
    assert "95 % interval +4 % to \u221211 %" in none.text
    assert "smallest gain that can be shown is 12 %" in none.text
    same = gain_of(card(0.0, 0.0, 0.0))
    assert not same.shown
    assert "learnt nothing else" in same.text
    assert "smallest gain" not in same.text
    worse = gain_of(card(-0.2, -0.3, -0.1))
    assert "worse" in worse.headline
    assert not worse.shown
    order = gain_of(card(0.12, 0.01, 0.24, order=-0.01))
    assert not order.shown
    assert "does not rank held-out variants better" in order.text
    few = gain_of(card(0.12, 0.01, 0.24, n=24))
    assert not few.shown
    assert "fewer than 48 measured variants" in few.text
    alone = gain_of(card(None, None, None, prior={"used": "none"}))
    assert "The model ranks" in alone.text
    empty = gain_of(card(None, None, None, method=None, reasons={"position": "there are 3"}))
    assert "Nothing was learnt: there are 3" in empty.text


@pytest.mark.parametrize(("low", "by"), [(0.01, "model"), (-0.01, "prior")])
def test_the_words_of_an_older_gain(low, by):
    """Models of an older service have a difference of Spearman at 99 %, and keep who ranks."""
    gain = {"metric": "spearman", "folds": "position", "n": 87, "value": 0.05, "low": low, "high": 0.09}
    found = gain_of(card(0, 0, 0, by=by, gain={**gain, "detectable": 0.118}))
    assert found.shown == (by == "model")
    assert "Spearman +0.05, 99 % interval" in found.text
    assert f"The {by} ranks" in found.text


def test_a_kind_without_folds_has_its_reason():
    figure = {"spearman": {"value": 0.5, "low": 0.25, "high": 0.75}}
    found = {"position": {"model": figure, "prior": figure}, "depth": None}
    heads, rows = comparison_of(card(0, 0, 0, cross_validation=found, reasons={"depth": "only singles"}))
    assert heads == ["Model", "Prior"]
    by_kind = {row.kind: row for row in rows}
    assert by_kind["position"].figures == [("0.50", "0.25 to 0.75")] * 2
    assert (by_kind["depth"].figures, by_kind["depth"].reason) == ([], "only singles")


def test_fields_become_the_body_of_rest():
    assert ranges(" 1 - 25, 70;-3-5\n8") == ["1-25", "70", "-3-5", "8"]
    assert listed("A24T A25C,\np.[A24T;G56D]") == ["A24T", "A25C", "p.[A24T;G56D]"]
    form = {"name": " x ", "parent": ">a b\nMK\nT", "model": "e1-demo", "cds": "", "exclude": "", "skip": "239"}
    body = campaign_body(form)
    assert body == {"name": "x", "parent": "MK\nT", "model": "e1-demo", "numbering": {"start": 1, "skip": [239]}}
    sent = "model1=2&threshold1=1.5&model3=1&pool=combinations&variants=A1C&most=2&plate=true&wells=96&dead=&count="
    assert proposal_body(QueryDict(sent)) == {
        "objectives": [{"model": 2, "threshold": 1.5}, {"model": 1}],
        "pool": {"combinations": ["A1C"]},
        "mutations": [1, 2],
        "plate": {"wells": 96},
    }
    with pytest.raises(InvalidInput, match="no model is chosen"):
        proposal_body(QueryDict("count=3"))
