"""Numberings: labels of residues and back, their storage, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import InvalidInput
from jobs.science.variants.numbering import SEQUENTIAL, Label, Numbering
from jobs.science.variants.numbering_forms import json_of, labels_of_text, read_numbering, text_of_labels

AMBLER = Numbering.skipping(3, [239, 253])
HEAVY = read_numbering({"labels": "1-52, 52A, 53-82, 82A-82C, 83-100, 100A-100B, 101-113"})

labels = st.builds(Label, st.integers(-50, 300), st.sampled_from(["", "", "", "A", "B", "Z"]))
numberings = st.one_of(
    st.integers(-1000, 1000).map(Numbering.shifted),
    st.tuples(st.integers(-20, 20), st.lists(st.integers(1, 400), max_size=20)).map(
        lambda pair: Numbering.skipping(pair[0], [pair[0] + step for step in pair[1]])
    ),
    st.lists(labels, min_size=1, max_size=60, unique=True).map(Numbering.listed),
)


def length_of(numbering):
    return len(numbering.labels) or 120


@given(numberings)
def test_labels_lead_back_to_their_positions(numbering):
    found = [numbering.label(position) for position in range(1, length_of(numbering) + 1)]
    assert [numbering.position(*label) for label in found] == list(range(1, length_of(numbering) + 1))
    assert [numbering.position_of(str(label)) for label in found] == list(range(1, length_of(numbering) + 1))
    assert len(set(map(str, found))) == len(found)


@given(numberings, st.integers(-1100, 1500), st.sampled_from(["", "A", "Q"]))
def test_only_labels_of_residues_have_a_position(numbering, number, letter):
    position = numbering.position(number, letter)
    if position is not None and position <= length_of(numbering):
        assert numbering.label(position) == Label(number, letter)
    elif position is None:
        taken = {numbering.label(at) for at in range(1, length_of(numbering) + 1)}
        assert Label(number, letter) not in taken


@given(numberings)
def test_what_is_stored_is_read_again(numbering):
    assert read_numbering(json_of(numbering)) == numbering


@given(st.lists(labels, max_size=80))
def test_ranges_are_read_as_they_were_written(given_labels):
    assert list(labels_of_text(text_of_labels(given_labels))) == given_labels


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_with_a_remedy(text):
    try:
        numbering = read_numbering({"labels": text})
    except InvalidInput as error:
        refusal = error
    else:
        assert read_numbering(json_of(numbering)) == numbering
        return
    assert [(problem.code, bool(problem.remedy)) for problem in refusal.problems] == [("bad_numbering", True)]


def test_ambler_numbering_skips_two_numbers():
    assert [str(AMBLER.label(position)) for position in (1, 236, 237, 249, 250, 286)] == [
        *("3", "238", "240", "252", "254", "290")
    ]
    assert [AMBLER.position(number) for number in (2, 3, 238, 239, 240, 253, 254)] == [
        None,
        1,
        236,
        None,
        237,
        None,
        250,
    ]
    assert AMBLER.offset is None
    assert json_of(AMBLER) == {"start": 3, "skip": [239, 253]}


def test_an_offset_is_a_numbering():
    assert json_of(SEQUENTIAL) == {"offset": 0}
    assert read_numbering({"offset": 23}) == read_numbering({"start": 24}) == Numbering.shifted(23)
    assert read_numbering({"start": 24, "skip": []}).offset == 23
    assert Numbering.shifted(23).position(24, "A") is None


def test_antibodies_have_insertion_letters():
    assert len(HEAVY.labels) == 119
    assert [HEAVY.position_of(text) for text in ("52", "52A", "52a", "53", "82C", "82D", "100B", "113")] == [
        *(52, 53, 53, 54, 86, None, 106, 119)
    ]
    assert json_of(HEAVY) == {"labels": "1-52, 52A, 53-82, 82A-82C, 83-100, 100A-100B, 101-113"}
    assert HEAVY.has_letters


def test_labels_are_a_list_or_a_text():
    assert read_numbering({"labels": [1, "2", "2a", 3]}) == read_numbering({"labels": " 1\N{EN DASH}2; 2A 3, "})
    imgt = read_numbering({"labels": "110, 111, 111A, 112B, 112A, 112"})
    assert [str(label) for label in imgt.labels] == ["110", "111", "111A", "112B", "112A", "112"]
    assert read_numbering({"labels": "-3--1, 1-2"}).position(-3) == 1


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (None, "numbering is 'None'"),
        ([], "numbering is '[]'"),
        ({}, "numbering has no fields"),
        ({"offset": 2, "skip": []}, "numbering has the fields offset, skip"),
        ({"offset": "2"}, "offset has '2'"),
        ({"offset": True}, "offset has 'True'"),
        ({"start": 3, "skip": [239, 2.5]}, "skip has '2.5'"),
        ({"start": 3, "skip": 239}, "skip is not a list"),
        ({"start": 3, "skip": [3]}, "the number 3 is skipped, and the first residue has the number 3"),
        ({"start": 10**7}, "start has '10000000'"),
        ({"labels": []}, "the numbering has no numbers"),
        ({"labels": " , "}, "the numbering has no numbers"),
        ({"labels": 5}, "labels is not a list"),
        ({"labels": ["52AB"]}, "'52AB' is not the number of a residue"),
        ({"labels": ["52", "53", "52"]}, "52 is the number of residue 1 and of residue 3"),
        ({"labels": "1-5, 9x9, 12"}, "'9x9' is not the number of a residue"),
        ({"labels": "5-1"}, "5-1 is not a range of residues"),
        ({"labels": "52A-54"}, "52A-54 is not a range of residues"),
        ({"labels": "1-999999999"}, "'999999999' is not the number of a residue"),
        ({"labels": "1-900000"}, "more than 10,000 numbers"),
    ],
)
def test_what_is_no_numbering_is_refused(raw, message):
    with pytest.raises(InvalidInput) as caught:
        read_numbering(raw)
    (problem,) = caught.value.problems
    assert problem.code == "bad_numbering"
    assert problem.path == "params.numbering"
    assert message in problem.message
    assert problem.remedy


def test_a_list_must_be_as_long_as_the_sequence():
    HEAVY.check_length(119)
    AMBLER.check_length(5)
    with pytest.raises(InvalidInput, match="119 numbers, and the sequence 118 residues"):
        HEAVY.check_length(118)
