"""Sentences of problems on pages."""

from __future__ import annotations

import pytest

from jobs.errors import InvalidInput, Problem
from jobs.parsing.records import Place
from jobs.templatetags.campaigns import as_given, three
from jobs.templatetags.moments import figures
from jobs.templatetags.problems import refusal_sentence, without_path, without_place


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


def test_names_of_the_rest_interface_are_left_out_beside_a_field():
    parent = Place(path="params.parent").problem("bad_letter", "it is odd", "")
    assert (without_path(parent), without_place(parent)) == ("It is odd", "It is odd")
    variant = Place(path="variants.0", record="I45A").problem("wrong_wild_type", "I45A says I", "")
    assert without_path(variant) == "Record I45A: I45A says I"
    assert without_place(variant) == "I45A says I"
    assert without_path(Problem("x", "repr_layers is odd", path="params.repr_layers")) == "repr_layers is odd"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("context_sequences.1", "Context sequence 2: it is odd"),
        ("params.contexts.0.2", "Context 1, sequence 3: it is odd"),
        ("params.contexts.0", "Context 1: it is odd"),
    ],
)
def test_which_context_is_meant_is_kept_in_words(path, words):
    assert without_path(Place(path=path).problem("bad_letter", "it is odd", "")) == words


def test_the_sentence_above_a_form_has_no_names_of_the_rest_interface():
    problems = [Place(path="params.parent").problem("bad_letter", what, "") for what in ("it is odd", "it is long")]
    assert refusal_sentence(InvalidInput.of(*problems)) == "It is odd (and 1 more)"
    assert refusal_sentence(InvalidInput("nothing was queued", problems=problems)) == "Nothing was queued"
    place = Place(line=2, record="foo", path="sequence").problem("bad_variant", "FOO is odd", "")
    told = InvalidInput(f"1 record is not valid. First: {place.message}", problems=[place])
    assert refusal_sentence(told) == "1 record is not valid. First: Line 2, record foo: FOO is odd"


@pytest.mark.parametrize(("number", "text"), [(0.05, "0.0500"), (1.2, "1.20"), (123.0, "123"), (-2.5, "-2.50")])
def test_figures_of_a_column_have_three_digits(number, text):
    assert figures(number) == text
    assert three(number) == text.replace("-", "\N{MINUS SIGN}")
    assert three(7) == "7"


def test_numbers_that_a_person_gave_have_no_zeros_at_the_end():
    assert [as_given(one) for one in (1.2, 50.0, -0.05, None)] == ["1.2", "50", "\N{MINUS SIGN}0.05", ""]
