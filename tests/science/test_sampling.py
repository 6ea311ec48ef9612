"""Context sampling compared with the published draws, and with the plain definition."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import InvalidInput
from jobs.science.alignments.reading import GAP, Alignment, read_alignment
from jobs.science.alignments.sampling import (
    Sampler,
    Sampling,
    neighbour_counts,
    published_ensemble,
    similarities,
)

ROOT = Path(__file__).parents[2]
GOLDEN = json.loads((ROOT / "tests" / "data" / "context_sampling.json").read_text())
A3M = ROOT.parent / "shared" / "data" / "BLAT_ECOLX.a3m"
needs_alignment = pytest.mark.skipif(not A3M.exists(), reason="the TEM-1 alignment does not come with the sources")


@pytest.fixture(scope="module")
def blat() -> Sampler:
    return Sampler(read_alignment(A3M.read_bytes()))


def sampling_of(draw) -> Sampling:
    return Sampling(
        max_residues=draw["max_residues"],
        max_similarity=draw["max_query_similarity"],
        min_similarity=draw["min_query_similarity"],
        max_sequences=draw["max_num_samples"],
        neighbour_threshold=draw["neighbour_threshold"],
        seed=draw["seed"],
    )


@needs_alignment
def test_published_neighbours_and_similarities(blat):
    assert blat.neighbours(0.8)[:10].tolist() == GOLDEN["neighbours_0_9"]
    assert blat.similarity[:10].tolist() == GOLDEN["similarity_0_9"]


@needs_alignment
@pytest.mark.parametrize("draw", GOLDEN["draws"], ids=lambda draw: f"seed-{draw['seed']}")
def test_published_draws(blat, draw):
    drawn = blat.draw(sampling_of(draw))
    assert list(drawn.rows) == draw["rows"]
    assert drawn.residues == draw["residues"]
    assert drawn.sequences == tuple(blat.alignment.sequences[row] for row in draw["rows"])
    assert drawn.tokens == draw["residues"] + 4 * len(draw["rows"])


@needs_alignment
def test_contexts_of_the_published_ensemble(blat):
    assert blat.alignment.columns.shape == (4501, 286)
    for sampling in published_ensemble():
        drawn = blat.draw(sampling)
        assert drawn.residues <= sampling.max_residues
        assert blat.similarity[list(drawn.rows)].max() <= sampling.max_similarity
        assert len(drawn.rows) <= len(blat.inside(sampling)) <= 4501
        assert len(set(drawn.rows)) == len(drawn.rows)


def test_the_ensemble_counts_seeds_by_budget_then_similarity():
    ensemble = published_ensemble(7)
    assert len(ensemble) == 15
    assert [s.seed for s in ensemble] == list(range(7, 22))
    assert [s.max_residues for s in ensemble] == [6144] * 5 + [12288] * 5 + [24576] * 5
    assert [s.max_similarity for s in ensemble] == [1.0, 0.95, 0.9, 0.7, 0.5] * 3
    assert {(s.max_sequences, s.neighbour_threshold, s.min_similarity) for s in ensemble} == {(511, 0.8, 0.0)}


def plain_counts(columns: np.ndarray, threshold: float) -> list[int]:
    counts = []
    for row in columns:
        agreeing = ((columns == row) & (row != GAP)).sum(axis=1)
        residues = (columns != GAP).sum(axis=1)
        near = [a / r >= threshold if r else False for a, r in zip(agreeing, residues, strict=True)]
        counts.append(max(1, sum(near)))
    return counts


@given(
    st.integers(1, 200).flatmap(
        lambda width: st.lists(
            st.tuples(st.integers(0, 2**32), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=150
        ).map(lambda rows: (width, rows))
    ),
    st.sampled_from([0.3, 0.62, 0.8, 1.0]),
)
def test_neighbours_by_bit_planes_are_those_of_the_definition(shape, threshold):
    width, rows = shape
    base = np.random.default_rng(0).choice(list(b"ACDWY"), width).astype(np.uint8)
    columns = np.empty((len(rows), width), dtype=np.uint8)
    for n, (seed, changed, gaps) in enumerate(rows):
        random = np.random.default_rng(seed)
        columns[n] = np.where(random.random(width) < changed * 0.5, random.choice(list(b"ACDWY"), width), base)
        columns[n, random.random(width) < gaps * 0.7] = GAP
    alignment = Alignment(("r",) * len(rows), columns, ("A",) * len(rows))
    assert neighbour_counts(alignment, threshold).tolist() == plain_counts(columns, threshold)


def small(*rows: str) -> Alignment:
    return read_alignment("".join(f">r{n}\n{row}\n" for n, row in enumerate(rows)).encode())


def test_neighbours_across_block_borders():
    random = np.random.default_rng(3)
    columns = random.choice(list(b"AC-"), (5000, 6)).astype(np.uint8)
    columns[:, 0] = ord("M")
    alignment = Alignment(("r",) * 5000, columns, ("M",) * 5000)
    counts = neighbour_counts(alignment, 0.8)
    some = [0, 63, 64, 4095, 4096, 4159, 4999]
    residues = (columns != GAP).sum(axis=1)
    for row in some:
        agreeing = ((columns == columns[row]) & (columns[row] != GAP)).sum(axis=1)
        assert counts[row] == (agreeing / residues >= 0.8).sum()


def test_similarity_counts_gaps_as_differing():
    assert similarities(small("MKTA", "MK-A", "MKTAyy", "WWWW")).tolist() == [1.0, 0.75, 1.0, 0.0]


def test_rows_outside_the_window_are_never_drawn_and_numbers_are_those_of_the_alignment():
    sampler = Sampler(small("MKTA", "MKTA", "MKTW", "WWWW", "MWWW"))
    drawn = sampler.draw(Sampling(max_similarity=0.5))
    assert sorted(drawn.rows) == [3, 4]
    assert drawn.sequences == tuple(sampler.alignment.sequences[row] for row in drawn.rows)
    assert sorted(sampler.draw(Sampling()).rows) == [0, 1, 2, 3, 4]
    assert sorted(sampler.draw(Sampling(min_similarity=0.75, max_similarity=0.75)).rows) == [2]


def test_budget_stops_at_the_first_row_that_would_exceed_it():
    sampler = Sampler(small("MKTA", "MKTW", "MKWW", "MWWW"))
    order = sampler.draw(Sampling(seed=5)).rows
    for budget in range(4, 17):
        assert sampler.draw(Sampling(max_residues=budget, seed=5)).rows == order[: budget // 4]
    assert len(sampler.draw(Sampling(max_sequences=2)).rows) == 2
    with pytest.raises(InvalidInput) as caught:
        sampler.draw(Sampling(max_residues=3))
    assert caught.value.code == "no_context"


def test_insertions_count_towards_the_budget():
    sampler = Sampler(small("MKTA", "MKTAkkkk"))
    drawn = sampler.draw(Sampling(max_residues=12))
    assert sorted(drawn.sequences) == ["MKTA", "MKTAKKKK"]
    assert drawn.residues == 12
    assert drawn.tokens == 20


def test_the_same_seed_draws_the_same():
    sampler = Sampler(small(*("MKTA" if n % 2 else "MKW" + "ACDEFGHIKL"[n % 10] for n in range(40))))
    assert sampler.draw(Sampling(seed=1)) == sampler.draw(Sampling(seed=1))
    assert sampler.draw(Sampling(seed=1)).rows != sampler.draw(Sampling(seed=2)).rows


def test_an_empty_window_says_where_the_homologs_lie():
    with pytest.raises(InvalidInput, match=r"between 0\.500 and 0\.750"):
        Sampler(small("MKTA", "MKTW", "MKWW")).draw(Sampling(min_similarity=0.1, max_similarity=0.2))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_residues", 0),
        ("max_similarity", 1.2),
        ("min_similarity", -0.1),
        ("max_sequences", 512),
        ("neighbour_threshold", 0.0),
        ("seed", -1),
    ],
)
def test_impossible_settings_name_their_field(field, value):
    with pytest.raises(InvalidInput) as caught:
        Sampler(small("MKTA")).draw(Sampling(**{field: value}))
    assert caught.value.problems[0].path == f"params.sampling.{field}"
