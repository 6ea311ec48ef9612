"""Rows of score sets that cannot be scored: each has a kind, and every other row none."""

from collections import Counter

import pytest

from jobs.parsing.left_out import LEFT_OUT, phrase_of
from jobs.science.variants.notations import Kind
from jobs.science.variants.numbering import SEQUENTIAL, Numbering
from jobs.science.variants.overlays import check_names, overlay
from jobs.science.variants.score_sets import left_out
from tests.score_sets import PARENT, score_set


def names_in(text):
    return [line.split(",")[3] for line in text.splitlines()[1:]]


def test_every_row_of_a_score_set_is_scored_or_of_a_kind():
    made = score_set()
    kinds = [left_out(name, SEQUENTIAL) for name in names_in(made.text)]
    assert made.rows == len(kinds) > 1_200
    assert Counter(filter(None, kinds)) == made.left_out
    assert set(made.left_out) == set(LEFT_OUT), "the score set has a row of each kind"
    assert [name for name, kind in zip(names_in(made.text), kinds, strict=True) if not kind] == made.written


def test_pseudo_log_likelihoods_have_scores_of_other_lengths():
    made = score_set()
    kinds = Counter(left_out(name, SEQUENTIAL, lengths=True) for name in names_in(made.text))
    scored = {"deletion", "insertion", "duplication", "deletion_insertion"}
    assert {kind: count for kind, count in kinds.items() if kind} == {
        kind: count for kind, count in made.left_out.items() if kind not in scored
    }


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("p.Ala4_Tyr5delinsThrPhe", ""),
        ("p.Ala4_Tyr5delinsThrPheGly", "deletion_insertion"),
        ("p.[Ala4Thr;Tyr5=]", ""),
        ("p.[Ala4=;Tyr5=]", "synonymous"),
        ("p.[Ala4Ter;Tyr5fs]", "frame_shift"),
        ("K2_T3insG*", "stop"),
        ("del4", "deletion"),
        ("A4X", "other_residue"),
        ("p.Ala4X", "stop"),
        ("", "no_variant"),
        (" nan ", "no_variant"),
        ("p.Ala4Tht", ""),
        ("p.Ala4Ter;foo9", ""),
        ("WT", ""),
        ("MKTAYIAKQR", ""),
        ("p.Gly4Thr", ""),
    ],
)
def test_kinds(name, kind):
    assert left_out(name, SEQUENTIAL) == kind


def test_a_range_is_as_long_as_the_numbering_says():
    skipping = Numbering.skipping(1, [5])
    assert left_out("p.Ala4_Tyr6delinsThrPhe", skipping) == ""
    assert left_out("p.Ala4_Tyr6delinsThrPheGly", skipping) == "deletion_insertion"


def test_each_kind_of_change_without_a_score_has_words():
    without = {kind.value for kind in Kind} - {"substitution", "unreadable"}
    assert without <= set(LEFT_OUT)
    assert phrase_of({"stop": 1}) == "1 stop"
    assert (
        phrase_of({"deletion": 2, "stop": 1_000, "synonymous": 1}) == "1 synonymous change, 1,000 stops and 2 deletions"
    )


def test_an_overlay_counts_every_row_of_a_score_set():
    made = score_set()
    names = names_in(made.text)
    check_names(names, PARENT, SEQUENTIAL)
    found = overlay(names, [float(n) for n in range(len(names))], PARENT, SEQUENTIAL, lambda _: 1.0)
    assert found.left_out == made.left_out
    assert (found.unreadable, found.without_score, found.without_measurement) == (0, 0, 0)
    assert found.matched == 60 * 19 + 2, "all singles, the parent and the double"
    assert found.matched + found.duplicates + sum(found.left_out.values()) == found.rows == len(names)
