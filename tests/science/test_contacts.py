"""Contact maps compared with the plain computation from the whole Jacobian, and their precision."""

from pathlib import Path

import numpy as np
import pytest

from e1protocol import CANONICAL, Query
from jobs.science.contacts.jacobian import (
    ContactMap,
    average_product_corrected,
    centred_row,
    jacobian_row,
    row_queries,
    wildtype_query,
)
from jobs.science.contacts.precision import long_range_precision
from worker.engine import Engine

TINY = Path(__file__).parents[1] / "data" / "e1-random-tiny"
PARENT = "MKTAYXAKQR"
CONTEXT = ("MKTAYLAKQ", "MRTAY")


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load(TINY)


def plain_map(jacobian: np.ndarray) -> np.ndarray:
    """Compute the map as it is defined, with everything in memory."""
    both = jacobian + jacobian.transpose(2, 3, 0, 1)
    for axis in range(4):
        both = both - both.mean(axis=axis, keepdims=True)
    norms = np.sqrt((both**2).sum(axis=(1, 3)))
    np.fill_diagonal(norms, 0)
    return norms - norms.sum(axis=1, keepdims=True) * norms.sum(axis=0, keepdims=True) / norms.sum()


def plain_jacobian(engine, parent, context) -> np.ndarray:
    logits = frozenset({"logits"})
    mutants = [parent[:i] + letter + parent[i + 1 :] for i in range(len(parent)) for letter in CANONICAL]
    wild, *changed = engine.encode([Query(sequence, context, (), logits) for sequence in (parent, *mutants)])
    jacobian = np.array([mutant.logits.astype(np.float64) - wild.logits for mutant in changed])
    return jacobian.reshape(len(parent), 20, len(parent), 20)


@pytest.mark.parametrize("context", [(), CONTEXT], ids=["alone", "context"])
def test_the_map_is_that_of_the_whole_jacobian(engine, context):
    expected = plain_map(plain_jacobian(engine, PARENT, context))
    (wild,) = engine.encode([wildtype_query(PARENT, context)])
    gathered = ContactMap(len(PARENT))
    for position in range(len(PARENT)):
        mutants = [mutant.logits for mutant in engine.encode(row_queries(PARENT, position, context))]
        gathered.add(position, centred_row(jacobian_row(PARENT, position, wild.logits, mutants)))
    found = gathered.finish()
    assert found.shape == (len(PARENT), len(PARENT))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * abs(expected).max())


def test_rows_in_any_order():
    random = np.random.default_rng(1)
    jacobian = random.normal(size=(13, 20, 13, 20)) + random.normal(size=(13, 1, 1, 20)) * 5
    gathered = ContactMap(13)
    for position in random.permutation(13):
        gathered.add(int(position), centred_row(jacobian[position]))
    found = gathered.finish()
    np.testing.assert_allclose(found, plain_map(jacobian), rtol=0, atol=1e-4)
    np.testing.assert_allclose(found, found.T, atol=1e-12)


def test_missing_double_and_misshapen_rows_are_noticed():
    row = np.zeros((20, 3, 20), dtype=np.float32)
    gathered = ContactMap(3)
    gathered.add(1, row)
    with pytest.raises(ValueError, match="2 rows are missing"):
        gathered.finish()
    with pytest.raises(ValueError, match="in already"):
        gathered.add(1, row)
    with pytest.raises(ValueError, match="shape"):
        gathered.add(0, row[:, :2])
    with pytest.raises(ValueError, match="shorter"):
        jacobian_row("MKT", 0, row[0], [row[0]] * 3)


def test_a_network_that_answers_to_nothing_gives_a_map_of_zeros():
    gathered = ContactMap(3)
    for position in range(3):
        gathered.add(position, np.zeros((20, 3, 20), dtype=np.float32))
    assert not gathered.finish().any()


def test_queries_leave_out_the_wild_type():
    queries = row_queries("MKT", 1, CONTEXT)
    assert [query.sequence[1] for query in queries] == [letter for letter in CANONICAL if letter != "K"]
    assert all(query.context == CONTEXT and query.include == {"logits"} for query in queries)
    assert len(row_queries("MXT", 1)) == 20
    assert wildtype_query("MKT").sequence == "MKT"


def test_average_product_correction_takes_off_what_rows_and_columns_share():
    shared = np.outer([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    np.testing.assert_allclose(average_product_corrected(shared), 0, atol=1e-12)


def test_precision_counts_the_best_long_range_pairs_of_resolved_residues():
    length = 60
    distances = np.full((length, length), 20.0)
    np.fill_diagonal(distances, 0)
    scores = np.zeros((length, length))
    true = [(0, 24), (1, 30), (2, 59), (3, 40)]
    for i, j in true:
        distances[i, j] = distances[j, i] = 7.99
        scores[i, j] = scores[j, i] = 5
    distances[10, 12] = distances[12, 10] = 4.0  # too near along the chain
    scores[10, 12] = scores[12, 10] = 9
    distances[5, 50] = distances[50, 5] = 8.0  # not below 8
    scores[5, 50] = scores[50, 5] = 9
    found = long_range_precision(scores, distances)
    assert (found.hits, found.pairs, found.contacts) == (4, 60, 4)
    assert found.value == pytest.approx(4 / 60)
    distances[0] = distances[:, 0] = np.nan
    found = long_range_precision(scores, distances)
    assert (found.hits, found.pairs, found.contacts) == (3, 59, 3)
    assert np.isnan(long_range_precision(np.zeros((5, 5)), np.zeros((5, 5))).value)
    with pytest.raises(ValueError, match="shape"):
        long_range_precision(np.zeros((5, 5)), np.zeros((4, 4)))
