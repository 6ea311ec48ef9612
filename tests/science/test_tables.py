"""Scans and contact maps as tables."""

from __future__ import annotations

import numpy as np
import pytest

from e1protocol import CANONICAL
from jobs.science.contacts.tables import ContactTable, true_pairs
from jobs.science.variants.scans import ScanTable


def scan(sequence: str = "MKT", positions: tuple[int, ...] = (1, 2, 3), seed: int = 5) -> tuple[ScanTable, np.ndarray]:
    """Return a table of random log-probabilities, and the log-probabilities."""
    logits = np.random.default_rng(seed).normal(size=(len(positions), 20)) * 2
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    wild = [CANONICAL.index(sequence[position - 1]) for position in positions]
    scores = log_p - log_p[np.arange(len(positions)), wild][:, None]
    numbers = [str(position) for position in positions]
    result = {"scores": scores, "spread": np.abs(scores), "positions": list(positions), "numbers": numbers}
    return ScanTable.of(result, sequence), log_p


def test_the_softmax_of_a_row_of_scores_is_the_predicted_probability():
    table, log_p = scan()
    assert np.allclose(table.probabilities, np.exp(log_p))
    assert np.allclose(table.probabilities.sum(axis=1), 1)


def test_substitutions_are_ranked_without_the_wild_type():
    table, _ = scan()
    ranked = table.substitutions(table.ranked())
    assert len(ranked) == 57
    assert [one.score for one in ranked] == sorted((one.score for one in ranked), reverse=True)
    assert all(one.wild != one.mutant and one.code == f"{one.wild}{one.position}{one.mutant}" for one in ranked)
    worst = table.substitutions(table.ranked(worst_first=True))
    assert worst[0].score == ranked[-1].score
    at_two = table.substitutions(table.ranked(position=2))
    assert {one.position for one in at_two} == {2}
    assert len(at_two) == 19
    assert len(table.ranked(position=9)) == 0


def test_equal_scores_keep_the_order_of_positions():
    flat = {"scores": np.zeros((2, 20)), "spread": np.zeros((2, 20)), "positions": [1, 2], "numbers": ["1", "2"]}
    codes = [one.code for one in ScanTable.of(flat, "AC").substitutions(ScanTable.of(flat, "AC").ranked())]
    assert codes[:2] == ["A1C", "A1D"]
    assert codes[19] == "C2A"


def test_codes_have_the_numbers_of_the_residues():
    flat = {"scores": np.zeros((2, 20)), "spread": np.zeros((2, 20)), "positions": [5, 6], "numbers": ["52", "52A"]}
    table = ScanTable.of(flat, "MKTAYI")
    (first, *_, last) = table.substitutions(table.ranked())
    assert (first.code, first.position, first.number) == ("Y52A", 5, "52")
    assert (last.code, last.position, last.number) == ("I52AY", 6, "52A")
    assert [(row.number, row.best.code) for row in table.rows()] == [("52", "Y52A"), ("52A", "I52AA")]
    assert table.is_numbered
    assert not scan()[0].is_numbered


def test_a_line_for_each_position_sums_it_up():
    table, log_p = scan(positions=(2,))
    (row,) = table.rows()
    others = np.delete(table.scores[0], CANONICAL.index("K"))
    assert (row.position, row.wild) == (2, "K")
    assert row.mean == pytest.approx(others.mean())
    assert row.best.score == pytest.approx(others.max())
    p = np.exp(log_p[0])
    assert row.information == pytest.approx(np.log2(20) + (p * np.log2(p)).sum())
    assert row.wild_probability == pytest.approx(p[CANONICAL.index("K")])
    assert list(table.rows(start=1)) == []


def test_the_score_of_a_multiple_variant_is_the_sum_over_its_positions():
    table, _ = scan()
    expected = table.scores[0, CANONICAL.index("A")] + table.scores[2, CANONICAL.index("G")]
    assert table.score_of([(1, "A"), (3, "G")]) == pytest.approx(expected)
    assert table.score_of([]) == 0
    assert scan(positions=(1, 2))[0].score_of([(1, "A"), (3, "G")]) is None, "position 3 was not scanned"


def contact_table(length: int = 30) -> ContactTable:
    rng = np.random.default_rng(1)
    half = rng.random((length, length))
    scores = half + half.T
    distances = np.abs(np.subtract.outer(np.arange(length), np.arange(length))) * 1.0
    distances[3] = distances[:, 3] = np.nan
    return ContactTable("".join(CANONICAL[n % 20] for n in range(length)), scores, distances)


def test_pairs_are_ranked_within_their_separation():
    table = contact_table()
    pairs = list(table.pairs(table.ranked(separation=12)))
    assert len(pairs) == sum(30 - gap for gap in range(12, 30))
    assert all(pair.separation >= 12 for pair in pairs)
    assert [pair.score for pair in pairs] == sorted((pair.score for pair in pairs), reverse=True)
    first = pairs[0]
    assert first.residues == table.sequence[first.first - 1] + table.sequence[first.second - 1]
    assert len(table.ranked(separation=99)) == 0


def test_distances_of_unresolved_residues_are_not_known():
    table = contact_table()
    by_place = {(pair.first, pair.second): pair for pair in table.pairs(table.ranked(separation=1))}
    assert by_place[1, 4].distance is None
    assert by_place[1, 4].contact is None
    assert by_place[5, 12].contact is True
    assert by_place[5, 13].contact is False, "8 Angstrom is no contact: it is less than 8"
    assert [5, 12] in true_pairs(table.distances)
    assert not any(4 in pair for pair in true_pairs(table.distances))


def test_marked_are_the_best_l_of_the_pairs_that_pass_the_filter():
    length = 30
    scores = np.outer(np.arange(length), np.arange(length)).astype(float)
    table = ContactTable("A" * length, scores)
    ranked = table.ranked(separation=6)
    assert table.marked(ranked).tolist() == ranked[:30].tolist()
    distances = np.full((length, length), 5.0)
    distances[29] = distances[:, 29] = np.nan
    over = ContactTable("A" * length, scores, distances)
    marked = over.marked(ranked)
    assert len(marked) == 29
    assert 29 not in marked, "pairs with a residue that is not resolved are not marked"
    assert over.marked(over.ranked(separation=24)).tolist() == [
        [first, second] for first, second in over.ranked(separation=24).tolist() if second != 29
    ]
    shown = list(over.pairs(ranked, marked))
    assert [(one.first - 1, one.second - 1) for one in shown if one.marked] == [tuple(pair) for pair in marked.tolist()]
