"""What actions declare that they store: names, widths and bytes of every choice, and what the browser receives."""

from __future__ import annotations

import pytest

from e1protocol import MODELS
from jobs.actions import ACTIONS, get_action
from jobs.actions.columns import result_bytes
from jobs.pages.new_job.stored_arrays import stored_arrays

DEMO = MODELS["e1-demo"]
TWO = {"contexts": [{"digest": "a"}, {"digest": "b"}]}
SEQUENCE = "MK?AY"


def columns(action, params):
    return {column.name: column for column in get_action(action).columns(params, DEMO)}


@pytest.mark.parametrize(
    ("action", "params", "names"),
    [
        ("encode", {"include": ["mean", "logits"], "repr_layers": [6, 2]}, ["mean_layer_6", "mean_layer_2", "logits"]),
        ("log_prob", TWO, ["log_prob", "log_prob_spread", "log_prob_single"]),
        ("predict", {"rows": "all"}, ["logits"]),
        ("score", {"parent": "MKTAY", **TWO}, ["score", "spread", "scores"]),
        ("scan", {"positions": None}, ["scores", "spread", "positions"]),
        ("scan", {"positions": [2], **TWO}, ["scores", "spread", "positions", "single"]),
        ("contacts", TWO, ["contacts", "contacts_spread", "contacts_single"]),
    ],
)
def test_names_in_the_order_of_files(action, params, names):
    assert list(columns(action, params)) == names


def test_an_ensemble_has_the_values_under_each_context_side_by_side():
    found = columns("log_prob", TWO)
    assert [column.width for column in found.values()] == [1, 1, 2]
    assert [column.scalar for column in found.values()] == [True, True, False]
    assert found["log_prob_single"].cells == ["log_prob_single_0", "log_prob_single_1"]
    assert result_bytes(list(found.values()), SEQUENCE) == 8 * (1 + 1 + 2)


@pytest.mark.parametrize(
    ("action", "params", "rows"),
    [
        ("predict", {"rows": "all"}, 5),
        ("predict", {"rows": "masked"}, 1),
        ("scan", {"positions": [1, 4]}, 2),
        ("contacts", {}, 25),
    ],
)
def test_rows_that_an_item_has_at_most(action, params, rows):
    first = next(iter(columns(action, params).values()))
    assert first.ragged
    assert first.nbytes(SEQUENCE) == rows * first.width * first.numpy_dtype.itemsize


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize(
    ("action", "chosen", "layers"),
    [
        ("encode", {"include": ["mean", "per_token", "logits"]}, 2),
        ("encode", {"include": ["mean"]}, 2),
        ("predict", {"rows": "masked"}, 1),
        ("predict", {"rows": "all"}, 1),
        ("log_prob", {}, 1),
    ],
)
def test_the_browser_counts_the_same_bytes(action, chosen, layers, half):
    params = dict(chosen) | ({"repr_layers": [-1, 2]} if action == "encode" else {})
    params |= {"dtype": "float16"} if half and "dtype" in get_action(action).param_names else {}
    stored = get_action(action).columns(get_action(action).check_params(params, DEMO), DEMO)
    counts = {"item": 1, "residue": len(SEQUENCE), "mask": SEQUENCE.count("?")}
    told = [
        counts[one["per"]] * one["bytes"] * (layers if one["layered"] else 1) // (2 if half and one["halves"] else 1)
        for one in stored_arrays(get_action(action), DEMO) or ()
        if not one["field"] or one["value"] in chosen[one["field"]]
    ]
    assert sum(told) == result_bytes(stored, SEQUENCE)


def test_what_has_work_units_is_counted_by_the_service():
    assert [name for name, action in ACTIONS.items() if stored_arrays(action, DEMO) is None] == [
        "score",
        "scan",
        "contacts",
    ]
