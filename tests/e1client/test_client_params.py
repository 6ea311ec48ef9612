"""`--param` options."""

import pytest

from e1client.errors import UsageError
from e1client.params import parse_params, with_dtype


@pytest.mark.parametrize(
    ("options", "params"),
    [
        ([], {}),
        (["repr_layers=[-1]"], {"repr_layers": [-1]}),
        (["repr_layers=-1"], {"repr_layers": [-1]}),
        (["positions=48"], {"positions": [48]}),
        (["positions=48,77"], {"positions": [48, 77]}),
        (["repr_layers=-1,3"], {"repr_layers": [-1, 3]}),
        (["include=mean,per_token"], {"include": ["mean", "per_token"]}),
        (["include = mean"], {"include": ["mean"]}),
        (["rows=masked", "seed=3", "flag=true"], {"rows": "masked", "seed": 3, "flag": True}),
        (["note=a=b"], {"note": "a=b"}),
        (["x=NaN"], {"x": "NaN"}),
        (['x="1"'], {"x": "1"}),
        (['x={"a": [1, 2]}'], {"x": {"a": [1, 2]}}),
    ],
)
def test_values(options, params):
    assert parse_params(options) == params


@pytest.mark.parametrize("options", [["include"], ["=3"], ["a=1", "a=2"], ["repr_layers=[-1"], ['x={"a": }']])
def test_refused(options):
    with pytest.raises(UsageError):
        parse_params(options)


@pytest.mark.parametrize(
    ("params", "dtype", "asked"),
    [
        (None, None, {}),
        ({"rows": "all"}, None, {"rows": "all"}),
        ({"rows": "all"}, "float16", {"rows": "all", "dtype": "float16"}),
        ({"dtype": "float16"}, "float16", {"dtype": "float16"}),
        ({"dtype": "float16"}, None, {"dtype": "float16"}),
    ],
)
def test_dtype_is_a_parameter(params, dtype, asked):
    before = dict(params or {})
    assert with_dtype(params, dtype) == asked
    assert (params or {}) == before


def test_two_dtypes_are_refused():
    with pytest.raises(UsageError):
        with_dtype({"dtype": "float16"}, "float32")
