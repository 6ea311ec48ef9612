"""Results as arrays and as a table, from a file like those of docs/results.md."""

import builtins

import numpy as np
import pytest

from e1client import UsageError
from e1client.results import Results

WIDTH = 4


@pytest.fixture
def encoded():
    """Return results of two items, of lengths 3 and 2. The first item of the input has failed."""
    per_token = np.arange(5 * WIDTH, dtype=np.float32).reshape(5, WIDTH)
    return {
        "index": np.array([1, 2]),
        "name": np.array(["a", "b"]),
        "mean_layer_0": np.zeros((2, WIDTH), np.float32),
        "mean_layer_6": np.array([per_token[:3].mean(0), per_token[3:].mean(0)]),
        "per_token_layer_6": per_token,
        "logits": np.arange(100, dtype=np.float32).reshape(5, 20),
        "offsets": np.array([0, 3, 5]),
        "vocab_tokens": np.array(list("ACDEFGHIKLMNPQRSTVWY")),
    }


@pytest.fixture
def masked(encoded):
    return {
        "index": np.array([0, 4]),
        "name": np.array(["a", "b"]),
        "logits": encoded["logits"],
        "offsets": encoded["offsets"],
        "vocab_tokens": encoded["vocab_tokens"],
        "mask_positions": np.array([0, 2, 1]),
        "mask_offsets": np.array([0, 2, 3]),
    }


def test_arrays_by_layer_and_by_item(encoded):
    results = Results(encoded)
    assert (len(results), results.names, results.index.tolist()) == (2, ["a", "b"], [1, 2])
    assert results.mean(6).shape == (2, WIDTH)
    assert [array.shape for array in results.per_token()] == [(3, WIDTH), (2, WIDTH)]
    assert [array.shape for array in results.logits()] == [(3, 20), (2, 20)]
    assert results.vocab_tokens[:3] == ["A", "C", "D"]
    for k, item in enumerate(results):
        assert (item.index, item.name, item.log_prob, item.mask_positions) == (k + 1, "ab"[k], None, None)
        assert sorted(item.mean) == [0, 6]
        assert np.allclose(item.mean[6], item.per_token[6].mean(0))
        assert np.array_equal(item.mean[6], results.mean(6)[k])
        assert np.array_equal(item.logits, results.logits()[k])


def test_items_by_place(encoded):
    results = Results(encoded)
    assert (results[0].name, results[-1].name, results.by_index(2).name) == ("a", "b", "b")
    for index in (0, 3):
        with pytest.raises(KeyError, match=f"item {index} has no result"):
            results.by_index(index)
    with pytest.raises(IndexError):
        results[2]


def test_masked_positions_are_cut_by_their_own_offsets(masked):
    results = Results(masked)
    assert [item.mask_positions.tolist() for item in results] == [[0, 2], [1]]
    assert [len(item.logits) for item in results] == [3, 2]
    assert results[0].mean == results[0].per_token == {}


def test_arrays_that_are_not_there_are_named(encoded, masked):
    results = Results(encoded)
    with pytest.raises(UsageError, match=r"which layer\? These results have \[0, 6\]"):
        results.mean()
    with pytest.raises(UsageError, match="no 'mean_layer_3'; they have index"):
        results.mean(3)
    with pytest.raises(UsageError, match="no 'log_prob'") as caught:
        results.log_prob  # noqa: B018 - it raises
    assert caught.value.code == "no_such_array"
    with pytest.raises(UsageError, match="no 'per_token_layer_N'"):
        Results(masked).per_token()


def test_a_file_and_what_is_none(tmp_path, encoded):
    np.savez(tmp_path / "whole.npz", **encoded)
    results = Results.read(tmp_path / "whole.npz")
    assert all(np.array_equal(results.arrays[name], array) for name, array in encoded.items())
    whole = (tmp_path / "whole.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    np.save(tmp_path / "one.npy", encoded["index"])
    for name in ("absent.npz", "cut.npz", "one.npy"):
        with pytest.raises(UsageError, match="no NPZ file of results") as caught:
            Results.read(tmp_path / name)
        assert caught.value.code == "bad_results"


def test_a_table_of_embeddings(encoded):
    names = ("index", "name", "mean_layer_0", "mean_layer_6")
    frame = Results({name: encoded[name] for name in names}).frame()
    assert frame.index.tolist() == [1, 2]
    assert frame.columns.tolist() == ["name"] + [f"mean_layer_{layer}_{n}" for layer in (0, 6) for n in range(WIDTH)]
    assert np.array_equal(frame.filter(like="mean_layer_6_").to_numpy(), encoded["mean_layer_6"])
    assert frame["mean_layer_6_0"].dtype == np.float32


def test_a_table_of_scores():
    scores = {"index": np.array([3]), "name": np.array(["a"]), "log_prob": np.array([-1.5])}
    frame = Results(scores).frame()
    assert frame.to_dict("index") == {3: {"name": "a", "log_prob": -1.5}}


def test_a_table_cannot_hold_ragged_arrays(encoded):
    with pytest.raises(UsageError, match="per_token_layer_6, logits: as many rows") as caught:
        Results(encoded).frame()
    assert caught.value.code == "ragged_results"


def test_without_pandas_it_is_said_what_to_install(encoded, monkeypatch):
    plain = builtins.__import__

    def without(name, *arguments, **options):
        if name == "pandas":
            raise ModuleNotFoundError(f"No module named {name!r}")
        return plain(name, *arguments, **options)

    monkeypatch.setattr("e1client.errors.import_module", without)
    with pytest.raises(UsageError, match="pip install pandas"):
        Results(encoded).frame()


def test_scores_scans_and_maps_are_found_by_their_names():
    score = Results(
        {
            "index": np.arange(2), "name": np.array(["M1A", "K2R"]), "score": np.array([-1.0, 0.5]),
            "spread": np.array([0.1, 0.2]), "scores": np.array([[-1.1, -0.9], [0.3, 0.7]]),
        }
    )  # fmt: skip
    assert score.score.tolist() == [-1.0, 0.5]
    assert score.score_by_context.shape == (2, 2)
    assert list(score.frame().columns) == ["name", "score", "spread", "scores_0", "scores_1"]
    with pytest.raises(UsageError):
        score.scans()
    two = {"index": np.arange(2), "name": np.array(["a", "b"]), "offsets": np.array([0, 3, 5])}
    scan = Results(
        two | {"scores": np.zeros((5, 20)), "spread": np.zeros((5, 20)), "positions": np.arange(5.0)[:, None]}
    )
    assert [one.shape for one in scan.scans()] == [(3, 20), (2, 20)]
    assert [one.tolist() for one in scan.scan_positions()] == [[0, 1, 2], [3, 4]]
    with pytest.raises(UsageError) as caught:
        scan.frame()
    assert caught.value.code == "ragged_results"
    with pytest.raises(UsageError):
        scan.score_by_context  # noqa: B018 - the property itself is refused
    maps = Results(two | {"offsets": np.array([0, 9, 13]), "contacts": np.arange(13.0)[:, None]})
    assert [one.shape for one in maps.contacts()] == [(3, 3), (2, 2)]


def test_several_contexts_leave_the_mean_embedding_under_its_name():
    results = Results(
        {
            "index": np.arange(1), "name": np.array(["a"]), "mean_layer_6": np.ones((1, 4)),
            "mean_layer_6_spread": np.zeros((1, 4)), "mean_layer_6_single": np.ones((1, 8)),
        }
    )  # fmt: skip
    assert results.mean().shape == (1, 4)
    assert list(results[0].mean) == [6]
