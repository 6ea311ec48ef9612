"""Characters that a record's problems name, found again in its sequence."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from e1protocol import MODELS
from jobs.actions import ACTIONS
from jobs.parsing import BadRecord, Reader
from jobs.parsing.letters import storable, strange_characters
from jobs.parsing.marking import near, wrong_places

RULES = ACTIONS["log_prob"].rules(MODELS["e1-demo"])


def bad_record(text: str, format: str = "fasta") -> BadRecord:
    (record,) = Reader([text.encode()], format, RULES)
    assert isinstance(record, BadRecord)
    return record


@pytest.mark.parametrize(
    ("text", "format", "places"),
    [
        (">a\nmkt\nA1C\nK1\n", "fasta", [4, 7]),
        (">a\nMK*T*\n", "fasta", [2]),
        (">a\nMK\x07T\n", "fasta", [2]),
        ('{"sequence": "MK-TJ"}\n', "jsonl", [2, 4]),
        ('{"sequence": "MKT", "context_sequences": ["M1T"]}\n', "jsonl", []),
        (">a\n\n", "fasta", []),
    ],
)
def test_wrong_letters_are_found_in_the_sequence_that_is_kept(text, format, places):
    record = bad_record(text, format)
    assert wrong_places(record.sequence, [problem.as_dict() for problem in record.problems]) == places


TEXTS = st.text("ACDXZ1*-é ", min_size=1, max_size=60)


@given(TEXTS.filter(lambda text: strange_characters(text, RULES.sequence + " *")))
def test_every_place_holds_a_letter_that_is_not_accepted(text):
    record = bad_record(f'{{"sequence": "{text}"}}\n', "jsonl")
    # A text such as 11AA is refused as a whole, as the name of an entry.
    assume(all(problem.code != "accession" for problem in record.problems))
    found = wrong_places(record.sequence, [problem.as_dict() for problem in record.problems])
    assert found == [at for at, letter in enumerate(record.sequence) if letter not in RULES.sequence]


def test_the_surroundings_of_a_letter_are_cut_from_the_sequence():
    record = bad_record(f">a\n{'A' * 30}\nC1D\n")
    assert near(record.sequence, record.problems[0].as_dict()) == ("AAAAAAAAAC", "1", "D")
    empty = bad_record(">a\n\n")
    assert near(empty.sequence, empty.problems[0].as_dict()) is None
    assert storable("\x07") == "\ufffd"
