"""The problems of an input take only as much memory as the ones that are listed."""

from __future__ import annotations

import pytest

from e1protocol import MODELS
from jobs.actions import get_action
from jobs.actions.base import known_only
from jobs.actions.contexts import read_contexts
from jobs.alignments.draws import samplings_of
from jobs.alignments.searches import search_settings
from jobs.contexts import params as stored_contexts
from jobs.errors import InvalidInput, Problem, Problems
from jobs.limits import LISTED_PROBLEMS, MAX_JOB_CONTEXTS, RECORD_PROBLEMS
from jobs.parsing import BadRecord, ItemReader, read_context
from jobs.parsing.bodies import only_fields
from jobs.parsing.records import Place
from jobs.science.alignments.formats import read_rows
from jobs.science.variants.numbering import SEQUENTIAL
from jobs.science.variants.rules import VariantRules

STRANGE = "!#$%&()<>/\\0123456789"
MODEL = MODELS["e1-demo"]
RULES = get_action("encode").rules(MODEL)


def test_the_first_problems_are_kept_and_all_are_counted():
    problems = Problems(3)
    assert not problems
    made = []

    def problem(number):
        made.append(number)
        return Problem("bad", f"number {number}")

    problems.extend(map(problem, range(2)))
    problems.each(range(2, 1_000_002), problem)
    assert (made, problems.count, problems.full) == ([0, 1, 2], 1_000_002, True)
    refusal = problems.refusal()
    assert refusal.detail == "number 0 (and 1,000,001 more)"
    assert (len(refusal.problems), refusal.as_dict()["errors_total"]) == (3, 1_000_002)


def test_an_alignment_of_wrong_letters():
    text = f">a\n{STRANGE}\n" * 100
    problems = read_rows(text.encode()).problems
    assert len(problems.listed) == LISTED_PROBLEMS < problems.count == 2000
    stockholm = "# STOCKHOLM 1.0\n" + f"a {STRANGE}\n" * 100 + "//\n"
    problems = read_rows(stockholm.encode()).problems
    assert len(problems.listed) == LISTED_PROBLEMS < problems.count == 2000


def test_a_context_of_a_job_that_is_too_long_is_not_looked_at():
    with pytest.raises(InvalidInput) as caught:
        read_contexts([[1] * 100_000], RULES, MODEL)
    assert [problem.code for problem in caught.value.problems] == ["too_many_contexts"]
    with pytest.raises(InvalidInput) as caught:
        read_contexts([[1] * 511] * 4, RULES, MODEL)
    assert (caught.value.code, len(caught.value.problems), caught.value.problem_count) == ("wrong_type", 1000, 2044)


def test_no_set_is_read_for_a_job_that_names_too_many(monkeypatch):
    monkeypatch.setattr(stored_contexts, "context_set_sequences", lambda *_, **__: pytest.fail("a set was read"))
    with pytest.raises(InvalidInput) as caught:
        stored_contexts.with_stored([{"set": "a"}] * (MAX_JOB_CONTEXTS + 1), None)
    assert caught.value.code == "too_many_contexts"


@pytest.mark.parametrize(
    "item",
    [
        {"sequence": "A", "context_sequences": [1] * 5000},
        {"sequence": "A", "context_sequences": [STRANGE] * 50},
        {"sequence": "A" + STRANGE, "context_sequences": [STRANGE] * 50},
        {"sequence": "A"} | {f"field {n}": 1 for n in range(5000)},
    ],
)
@pytest.mark.parametrize("strict", [True, False])
def test_a_record_keeps_its_first_problems(item, strict):
    (record,) = ItemReader([item], RULES, strict=strict)
    assert isinstance(record, BadRecord)
    assert len(record.problems) == RECORD_PROBLEMS


def test_a_variant_of_nothing_but_commas():
    assert len(VariantRules("MKT", SEQUENTIAL).problems("4," * 100_000, Place())) == RECORD_PROBLEMS
    assert len(VariantRules("MKT", SEQUENTIAL).problems("A1T," * 100_000, Place())) == RECORD_PROBLEMS
    (problem,) = VariantRules("MKT", SEQUENTIAL).problems("4" * 100_000, Place())
    assert len(problem.message) < 100


def test_a_context_file_of_wrong_records():
    with pytest.raises(InvalidInput) as caught:
        read_context(b">\n" * 5000, RULES)
    assert (len(caught.value.problems), caught.value.problem_count) == (LISTED_PROBLEMS, 5000)


UNKNOWN = {f"field {n}": 1 for n in range(5000)}


@pytest.mark.parametrize(
    "check",
    [
        lambda: only_fields(UNKNOWN, ("name",)),
        lambda: known_only(UNKNOWN, ("layers",)),
        lambda: search_settings(dict(UNKNOWN)),
        lambda: samplings_of(samplings=[UNKNOWN]),
    ],
)
def test_unknown_names(check):
    with pytest.raises(InvalidInput) as caught:
        check()
    assert "(and 4,999 more)" in caught.value.detail
    assert (len(caught.value.problems), caught.value.problem_count) == (LISTED_PROBLEMS, 5000)


def test_an_unknown_name_as_long_as_the_body_is_cut():
    with pytest.raises(InvalidInput) as caught:
        only_fields({"x" * 100_000: 1}, ("name",))
    assert len(caught.value.detail) < 200
