"""Figures of results that pages show."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from e1protocol import CANONICAL
from jobs.results import summaries

FLOATS = st.floats(-50, 50, width=32)


@given(st.lists(st.lists(FLOATS, min_size=20, max_size=20), min_size=1, max_size=4))
def test_probabilities_add_up_and_keep_the_order(rows):
    logits = np.array(rows, dtype=np.float32)
    found = summaries.probabilities(logits)
    assert np.allclose(found.sum(axis=1), 1)
    for row, p in zip(logits, found, strict=True):
        assert p[row.argmax()] == p.max()


def test_very_large_logits_do_not_overflow():
    found = summaries.probabilities(np.array([[5000.0, *[0.0] * 19]], dtype=np.float32))
    assert found[0, 0] == 1


def test_a_vector_in_figures():
    found = summaries.vector_summary(3, np.array([3.0, -4.0], dtype=np.float32))
    assert (found["norm"], found["mean"], found["spread"], found["lowest"], found["highest"]) == (5, -0.5, 3.5, -4, 3)
    assert (found["layer"], found["width"], found["first"]) == (3, 2, [3.0, -4.0])


def test_a_matrix_in_figures():
    found = summaries.matrix_summary(6, np.array([[3, 4], [0, 1], [6, 8]], dtype=np.float32))
    assert (found["rows"], found["width"], found["shortest"], found["median"]) == (3, 2, 1, 5)
    assert (found["longest"], found["longest_at"]) == (10, 3)


@pytest.mark.parametrize("rows", ["all", "masked"])
def test_masked_residues_are_ranked_whichever_rows_are_stored(rows):
    sequence = "MKTAYIAK?RQISF?"
    logits = np.zeros((len(sequence), 20), dtype=np.float32)
    logits[8, CANONICAL.index("W")] = 10
    logits[14, CANONICAL.index("C")] = 10
    stored = logits if rows == "all" else logits[[8, 14]]
    first, last = summaries.masked_residues(sequence, stored, [8, 14])
    assert (first.position, first.left, first.right) == (9, "…TAYIAK", "RQISF?")
    assert (last.position, last.left, last.right) == (15, "…?RQISF", "")
    assert (first.ranked[0][0], last.ranked[0][0]) == ("W", "C")
    assert first.in_order[CANONICAL.index("W")] == first.ranked[0][1]
    assert first.entropy < 0.1


def test_a_guess_has_the_entropy_of_twenty_letters():
    (found,) = summaries.masked_residues("?", np.zeros((1, 20), dtype=np.float32), [0])
    assert found.entropy == pytest.approx(math.log2(20))
    assert (found.left, found.right) == ("", "")


def test_recovery_judges_canonical_residues_only():
    logits = np.zeros((4, 20), dtype=np.float32)
    logits[0, CANONICAL.index("A")] = 100
    logits[3, CANONICAL.index("C")] = 100
    found = summaries.recovery("AXUD", logits)
    assert (found["judged"], found["first"]) == (2, 1)
    assert found["mean_probability"] == pytest.approx(0.5)
    assert summaries.recovery("XX", np.zeros((2, 20), dtype=np.float32)) is None


def test_a_score_per_residue_and_as_perplexity():
    found = summaries.score(10 * math.log(1 / 20), 10)
    assert found["perplexity"] == pytest.approx(20)
    assert found["per_residue"] == pytest.approx(-math.log(20))


@given(st.text("ACDEFGHIKLMNPQRSTVWY?", max_size=170), st.sets(st.integers(0, 169)))
def test_ruled_lines_hold_the_sequence_and_mark_its_wrong_letters(sequence, wrong):
    lines = summaries.ruled(sequence, wrong)
    texts = ["".join(text for text, _ in parts) for _, parts in lines]
    assert "".join(texts).replace(" ", "") == sequence
    assert [start for start, _ in lines] == list(range(1, len(sequence) + 1, 50))
    assert all(len(block) == 10 for text in texts for block in text.split(" ")[:-1])
    marks = [is_wrong for _, parts in lines for text, is_wrong in parts for letter in text if letter != " "]
    assert [at for at, is_wrong in enumerate(marks) if is_wrong] == sorted(at for at in wrong if at < len(sequence))
