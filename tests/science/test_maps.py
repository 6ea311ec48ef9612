"""Neighbours, clusters and maps compared with plain numpy and planted groups, and the child process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from jobs.science.maps import layouts, neighbours
from jobs.science.maps.cosine import TopK, scan_block, unit_rows
from jobs.science.maps.groups import Grouping, find_groups
from jobs.science.maps.layouts import principal
from jobs.science.maps.neighbours import nearest


def planted(groups: int, each: int, width: int = 24, spread: float = 0.15, seed: int = 3):
    """Return shuffled vectors scattered around some directions, and the direction of each row."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(groups, width))
    truth = rng.permutation(np.repeat(np.arange(groups), each))
    rows = centres[truth] + spread * rng.normal(size=(len(truth), width))
    return (rows * rng.uniform(0.5, 20, size=(len(rows), 1))).astype(np.float32), truth


def brute_force(vectors, library):
    """Return the cosine of each pair in float64."""
    a, b = vectors.astype(np.float64), library.astype(np.float64)
    return (a @ b.T) / np.linalg.norm(a, axis=1)[:, None] / np.linalg.norm(b, axis=1)[None]


@pytest.mark.parametrize("own", [True, False])
def test_neighbours_are_those_of_brute_force(monkeypatch, own):
    monkeypatch.setattr(neighbours, "QUERY_BLOCK", 7)
    monkeypatch.setattr(neighbours, "LIBRARY_BLOCK", 50)
    vectors, _ = planted(5, 41)
    library = vectors if own else planted(4, 60, seed=9)[0]
    told = []
    rows, similarity = nearest(
        vectors, library, k=6, own_rows=np.arange(len(vectors)) if own else None, tell=told.append
    )
    expected = brute_force(vectors, library)
    if own:
        np.fill_diagonal(expected, -np.inf)
    best = np.sort(expected, axis=1)[:, ::-1][:, :6]
    assert np.abs(similarity - best).max() < 1e-6
    assert np.abs(np.take_along_axis(expected, rows, axis=1) - best).max() < 1e-6
    assert told == sorted(told)
    assert told[-1] == 1


def test_one_query_gives_the_same_as_all_at_once():
    vectors, _ = planted(3, 40)
    rows, similarity = nearest(vectors, vectors, k=5, own_rows=np.arange(len(vectors)))
    for query in (0, 77):
        best = TopK(1, 5)
        for start in range(0, len(vectors), 16):
            block = vectors[start : start + 16]
            scan_block(best, vectors[query], block, np.arange(start, start + len(block)), leave_out=query)
        assert best.row[0].tolist() == rows[query].tolist()
        assert np.abs(best.similarity - similarity[query]).max() < 1e-6


def test_of_equal_ones_the_earlier_stands_first_and_too_few_are_filled_up():
    vectors = np.tile(np.array([[1.0, 2.0]], np.float32), (4, 1))
    best = TopK(1, 6)
    scan_block(best, vectors[0], vectors[2:], np.arange(2, 4), leave_out=3)
    scan_block(best, vectors[0], vectors[:2], np.arange(2), leave_out=3)
    assert best.row[0].tolist() == [0, 1, 2, -1, -1, -1]
    assert np.isneginf(best.similarity[0, 3:]).all()
    rows, similarity = nearest(vectors, vectors, k=6, own_rows=np.arange(4))
    assert sorted(rows[1][:3].tolist()) == [0, 2, 3]
    assert rows[1][3:].tolist() == [-1, -1, -1]
    assert similarity[1][:3] == pytest.approx([1, 1, 1])


def test_a_vector_of_zeros_resembles_nothing():
    vectors = np.array([[0, 0], [1, 0], [2, 0.1]], np.float32)
    rows, similarity = nearest(vectors, vectors, k=2, own_rows=np.arange(3))
    assert similarity[0].tolist() == [0, 0]
    assert rows[1][0] == 2
    assert unit_rows(vectors)[0].tolist() == [0, 0]


@pytest.mark.parametrize("whole", [True, False])
def test_principal_components_are_those_of_a_singular_value_decomposition(monkeypatch, whole):
    rng = np.random.default_rng(4)
    vectors = (rng.normal(size=(300, 12)) * np.array([9, 5, 2, *[0.1] * 9]) + 100).astype(np.float32)
    if not whole:
        monkeypatch.setattr(layouts, "WHOLE", 0)
        monkeypatch.setattr(layouts, "BLOCK", 60)
    placed, explained = principal(vectors, 3)
    centred = vectors.astype(np.float64) - vectors.astype(np.float64).mean(axis=0)
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    expected = left[:, :3] * singular[:3]
    signs = np.sign((expected * placed).sum(axis=0))
    tolerance = 1e-4 if whole else 0.05  # in blocks it is an approximation
    assert np.abs(placed * signs - expected).max() < tolerance * np.abs(expected).max()
    assert explained == pytest.approx((singular**2 / (singular**2).sum())[:3], rel=0.01)


def test_principal_components_of_few_and_equal_items():
    placed, explained = principal(np.ones((3, 5), np.float32), 2)
    assert placed.shape == (3, 2)
    assert explained.tolist() == [0, 0]
    assert principal(np.eye(2, dtype=np.float32), 2)[0].shape == (2, 1)


def near(vectors, k=15):
    return nearest(vectors, vectors, k=k, own_rows=np.arange(len(vectors)))[0]


@pytest.mark.parametrize("method", ["louvain", "hdbscan", "kmeans"])
def test_clusters_are_the_planted_groups(method):
    vectors, truth = planted(6, 50)
    found = find_groups(vectors, Grouping(method, count=6, seed=1), near=near(vectors))
    assert len(np.unique(found[found >= 0])) == 6
    assert (found >= 0).mean() > 0.9
    for group in range(6):
        assert len(np.unique(truth[found == group])) == 1, "a cluster mixes planted groups"
    sizes = np.bincount(found[found >= 0])
    assert sizes.tolist() == sorted(sizes, reverse=True)


def test_items_between_groups_belong_to_none_and_small_libraries_have_no_groups():
    vectors, _ = planted(3, 40, spread=0.05)
    lone = np.random.default_rng(8).normal(size=(5, 24)).astype(np.float32)
    found = find_groups(np.concatenate([vectors, lone]), Grouping("hdbscan"))
    assert (found[-5:] == -1).sum() >= 4
    assert set(found[:-5]) == {0, 1, 2}
    assert find_groups(vectors[:4], Grouping("hdbscan")).tolist() == [-1] * 4


def test_auto_takes_kmeans_for_a_large_library_and_the_seed_decides():
    vectors, _ = planted(4, 60)
    asked = Grouping(seed=5, exact_items=100)
    assert (asked.chosen(240), asked.chosen(100)) == ("kmeans", "louvain")
    first = find_groups(vectors, asked)
    assert (first >= 0).all()
    assert first.tolist() == find_groups(vectors, asked).tolist()


def run_child(folder: Path, vectors: np.ndarray, kind: str, params: dict) -> tuple[dict, dict, str]:
    folder.mkdir()
    vectors.tofile(folder / "vectors.f4")
    request = {"kind": kind, "params": params, "arrays": {"vectors": vectors.shape}, "queries": None}
    (folder / "request.json").write_text(json.dumps(request))
    child = subprocess.Popen(
        [sys.executable, "-m", "jobs.science.maps.child", str(folder)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        output = child.stdout.read()
        assert child.wait(timeout=300) == 0
    finally:
        child.stdin.close()
        child.stdout.close()
        child.kill()
        child.wait()
    return dict(np.load(folder / "result.npz")), json.loads((folder / "facts.json").read_text()), output


@pytest.mark.full
@pytest.mark.slow
def test_the_same_seed_gives_the_same_umap_in_another_process_and_keeps_groups_together(tmp_path):
    vectors, truth = planted(4, 40)
    params = dict(method="umap", seed=7, neighbours=10, min_dist=0.1, clusters=True, exact_items=20_000)
    first, facts, output = run_child(tmp_path / "a", vectors, "map", params)
    second, _, _ = run_child(tmp_path / "b", vectors, "map", params)
    for name in ("x", "y", "cluster"):
        assert first[name].tobytes() == second[name].tobytes()
    other, _, _ = run_child(tmp_path / "c", vectors, "map", params | {"seed": 8})
    assert first["x"].tobytes() != other["x"].tobytes()
    assert facts["clusters"] == 4
    place = np.column_stack([first["x"], first["y"]])
    distance = np.linalg.norm(place[:, None] - place[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    assert (truth[distance.argmin(axis=1)] == truth).mean() > 0.95
    shares = [float(line.split()[0]) for line in output.splitlines()]
    assert shares == sorted(shares)
    assert "laying out" in output


def test_the_child_ends_with_whoever_started_it(tmp_path):
    vectors, _ = planted(2, 10)
    vectors.tofile(tmp_path / "vectors.f4")
    # No one writes to the pipe of the request: if the child did not watch its input, it would wait forever.
    import os

    os.mkfifo(tmp_path / "request.json")
    child = subprocess.Popen([sys.executable, "-m", "jobs.science.maps.child", str(tmp_path)], stdin=subprocess.PIPE)
    child.stdin.close()
    try:
        assert child.wait(timeout=120) == 1
    finally:
        child.kill()
        child.wait()
