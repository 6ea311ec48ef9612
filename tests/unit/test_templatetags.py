"""Sentences of problems beside columns for their places."""

from __future__ import annotations

import pytest

from jobs.parsing.records import Place
from jobs.templatetags.problems import without_place


@pytest.mark.parametrize(
    "place",
    [
        Place(line=1234, record="a"),
        Place(line=3, record="x: y, [1]"),
        Place(line=3, record="n" * 100),
        Place(line=3),
        Place(line=3, record="a", path="sequence"),
    ],
)
@pytest.mark.parametrize("column", [None, 7])
def test_the_place_is_cut_off_and_the_sentence_begins_with_a_capital(place, column):
    problem = place.problem("bad_letter", "the character ':' is not accepted", "", column=column)
    assert without_place(problem) == "The character ':' is not accepted"
    assert without_place(problem.as_dict()) == "The character ':' is not accepted"


def test_a_problem_without_a_line_stays_as_it_is():
    problem = Place(path="items.3.sequence").problem("bad_letter", "it is odd", "")
    assert without_place(problem) == "items.3.sequence: it is odd"
