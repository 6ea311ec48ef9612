"""Matching the names of an assay to the variants of a job, and the metrics."""

from __future__ import annotations

import math

import numpy as np
import pytest

from jobs.errors import InvalidInput
from jobs.science.variants.codes import Variant, read_variant, single_variants
from jobs.science.variants.metrics import ndcg, spearman, top_recall
from jobs.science.variants.numbering import SEQUENTIAL, Numbering
from jobs.science.variants.overlays import check_names, key_of, overlay

PARENT = "MKTAYIAKQR"


def test_every_row_is_counted_once():
    scores = {read_variant(code, PARENT): float(n) for n, code in enumerate(["M1A", "K2R", "M1A:K2R"])}
    names = ["M1A", "m1a", "AKTAYIAKQR", "K2R", "T3S", "T3S", "A24T", "T3*", "M1A/K2R", "Q9N"]
    values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, math.nan]
    found = overlay(names, values, PARENT, SEQUENTIAL, scores.get)
    assert (found.rows, found.matched, found.duplicates) == (10, 3, 2)
    assert (found.without_score, found.without_measurement, found.unreadable) == (2, 1, 1)
    assert found.left_out == {"stop": 1}
    sums = found.matched + found.duplicates + found.without_score + found.without_measurement + found.unreadable + 1
    assert sums == found.rows
    assert {point.variant: point.measured for point in found.points} == {"M1A": 2.0, "K2R": 4.0, "M1A:K2R": 9.0}
    assert found.unscored == ("T3S",)
    assert [(one.record, one.code) for one in found.examples] == [
        ("A24T", "position_outside"),
    ]


def test_the_metrics_are_those_of_the_matched_variants():
    variants = single_variants(PARENT)
    rng = np.random.default_rng(3)
    scores, measured = rng.normal(size=len(variants)), rng.normal(size=len(variants))
    by_variant = dict(zip(variants, scores.tolist(), strict=True))
    found = overlay([one.code() for one in variants], measured.tolist(), PARENT, SEQUENTIAL, by_variant.get)
    assert found.spearman == pytest.approx(spearman(scores, measured))
    assert found.ndcg == pytest.approx(ndcg(scores, measured))
    assert found.top_recall == pytest.approx(top_recall(scores, measured))
    few = overlay(["M1A"], [1.0], PARENT, SEQUENTIAL, by_variant.get)
    assert (few.spearman, few.ndcg) == (None, None)


def test_numbers_of_another_numbering_are_understood():
    assert key_of("M24A", PARENT, Numbering.shifted(23)) == read_variant("M1A", PARENT)
    found = overlay(["M24A"], [1.0], PARENT, Numbering.shifted(23), lambda _: 0.5)
    assert found.points[0].variant == "M24A", "points are named as the assay names them"


def test_a_sequence_of_another_length_stands_for_itself():
    assert key_of("MKTAY", PARENT, SEQUENTIAL) == "MKTAY"
    assert key_of("WT", PARENT, SEQUENTIAL) == Variant()


def test_an_offset_that_is_wrong_is_said_with_the_right_one():
    names = [f"{letter}{n}A" for n, letter in enumerate(PARENT, start=2)]
    with pytest.raises(InvalidInput) as caught:
        check_names(names, PARENT, SEQUENTIAL)
    first, *examples = caught.value.problems
    assert (first.code, first.path) == ("wrong_offset", "offset")
    assert first.remedy == "Set the numbering offset to 1 instead of 0."
    assert examples[0].record == "M2A"
    check_names(names, PARENT, Numbering.shifted(1))


def test_names_of_another_protein_are_refused_and_a_few_strange_ones_are_not():
    with pytest.raises(InvalidInput) as caught:
        check_names(["W1A", "W2A", "W3A", "M1A"], PARENT, SEQUENTIAL)
    assert caught.value.code == "assay_mismatch"
    assert "3 of 4 names" in caught.value.detail
    check_names(["M1A", "K2R", "T3*"], PARENT, SEQUENTIAL)


def test_words_that_are_no_sequences_of_this_protein_are_names_that_do_not_match():
    with pytest.raises(InvalidInput) as caught:
        check_names(["foo", "bar", "A1T"], PARENT, SEQUENTIAL)
    assert caught.value.code == "assay_mismatch"
    assert [one.record for one in caught.value.problems[1:]] == ["foo", "bar", "A1T"]
    assert caught.value.problems[3].message == "A1T names A, but the parent has M there", "no place but the name's own"
    check_names(["MKTAYIAKQ", "MKTAY"], PARENT, SEQUENTIAL)
