"""R sends `"MKT"` as `["MKT"]` by default: the refusal says how to change that."""

from __future__ import annotations

import pytest

from e1protocol import MODELS
from jobs.actions import ACTIONS
from jobs.errors import InvalidInput
from jobs.parsing.items import ItemReader

MODEL = MODELS["e1-demo"]
PARENT = "MKTAYIAKQR"


def problems_of(action: str, **params: object) -> list[tuple[str, str | None]]:
    with pytest.raises(InvalidInput) as refused:
        ACTIONS[action].check_params(params, MODEL)
    assert all("auto_unbox" in problem.remedy for problem in refused.value.problems)
    return [(problem.code, problem.path) for problem in refused.value.problems]


def test_a_parameter_in_a_list_of_its_own_is_named_with_what_to_do_in_r():
    assert problems_of("score", parent=[PARENT]) == [("wrong_type", "params.parent")]
    assert problems_of("score", parent=PARENT, method=["masked_marginal"], offset=[2]) == [
        ("wrong_type", "params.method"),
        ("wrong_type", "params.offset"),
    ]
    assert problems_of("scan", numbering={"start": [3]}) == [("wrong_type", "params.numbering.start")]
    assert problems_of("encode", dtype=["float16"]) == [("wrong_type", "params.dtype")]


def test_parameters_that_are_lists_keep_lists_of_one():
    assert ACTIONS["encode"].check_params({"include": ["mean"], "repr_layers": [-1]}, MODEL)["include"] == ["mean"]
    assert ACTIONS["scan"].check_params({"positions": [3]}, MODEL)["positions"] == [3]


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ({"sequence": ["MKT"]}, "sequence"),
        ({"sequence": "MKT", "name": ["mine"]}, "name"),
        ({"sequence": "MKT", "context_sequences": [["MKT"]]}, "context_sequences.0"),
    ],
)
def test_an_item_with_a_value_in_a_list_of_its_own_is_named_too(item, field):
    rules = ACTIONS["encode"].rules(MODEL)
    (bad,) = ItemReader([item], rules, strict=True)
    (problem,) = bad.problems
    assert (problem.code, problem.path) == ("wrong_type", f"items.0.{field}")
    assert "auto_unbox" in problem.remedy


def test_a_longer_list_is_not_said_to_come_from_r():
    rules = ACTIONS["encode"].rules(MODEL)
    (bad,) = ItemReader([{"sequence": ["MKT", "MRT"]}], rules, strict=True)
    assert "auto_unbox" not in bad.problems[0].remedy
