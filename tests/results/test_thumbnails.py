"""Small pictures of arrays of any size and any numbers."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from jobs.results.thumbnails import (
    HEIGHT,
    LEVELS,
    WIDTH,
    Picture,
    bars,
    contact_map,
    heat_map,
    histogram,
    levels_of,
    scatter,
    shrunk,
)

NUMBERS = st.floats(width=32)
MATRICES = arrays.arrays(np.float64, arrays.array_shapes(min_dims=2, max_dims=2, max_side=90), elements=NUMBERS)
PATH = re.compile(r"(M\d+ \d+(h\d+|v-?[\d.]+|h-\d+|z)+)*")


def is_sound(picture: Picture) -> None:
    assert Picture.restored(json.loads(json.dumps(picture.stored()))) == picture
    assert picture.width > 0 < picture.height
    for level, path in picture.shapes:
        assert 1 <= level <= LEVELS
        assert PATH.fullmatch(path), path[:80]
    assert len(repr(picture)) < 40_000


@given(MATRICES)
def test_any_matrix_is_a_sound_picture(values):
    for picture in (heat_map(values, "w"), contact_map(values, "w")):
        is_sound(picture)
    assert heat_map(values, "w").width == min(WIDTH, values.shape[1])
    assert heat_map(values, "w").height == min(HEIGHT, values.shape[0])


@given(st.lists(NUMBERS, max_size=300))
def test_any_list_is_a_sound_picture(values):
    for picture in (bars(values, "w"), histogram(values, "w"), scatter(values, values[::-1], "w")):
        is_sound(picture)


def test_blocks_are_means_or_their_strongest_value():
    values = np.arange(16.0).reshape(4, 4)
    values[0, 0] = np.nan
    assert shrunk(values, 2, 2).tolist() == [[pytest.approx(10 / 3), 4.5], [10.5, 12.5]]
    assert shrunk(values, 2, 2, strongest=True).tolist() == [[5, 7], [13, 15]]


def test_levels_go_from_the_lowest_to_the_highest():
    levels = levels_of(np.linspace(0, 1, 101).reshape(1, -1))[0]
    assert (levels[0], levels[-1]) == (0, LEVELS)
    assert (np.diff(levels) >= 0).all()
    assert not levels_of(np.ones((3, 3))).any()


def test_equal_neighbours_are_one_rectangle():
    assert heat_map([[0, 0, 1, 1]], "w").shapes == ((LEVELS, "M2 0h2v1h-2z"),)


def test_the_highest_bar_fills_the_picture_and_a_map_keeps_its_directions():
    assert bars([1, 2], "w").shapes == ((LEVELS, "M0 20v-10h1v10zM1 20v-20h1v20z"),)
    assert scatter([0, 1], [0, 1], "w").shapes == ((LEVELS, "M0 38h2v2h-2zM38 0h2v2h-2z"),)
