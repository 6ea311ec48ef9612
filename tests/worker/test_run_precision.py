"""`e1 run`: its option and the parameter of the job agree, or it computes nothing."""

from __future__ import annotations

import pytest

from jobs.errors import InvalidInput
from worker.run_file import _precision


@pytest.mark.parametrize(
    ("option", "params", "asked"),
    [
        ("", {}, ""),
        ("", {"precision": "auto"}, ""),
        ("", {"precision": "bfloat16"}, "bfloat16"),
        ("float32", {}, "float32"),
        ("float32", {"precision": "float32"}, "float32"),
    ],
)
def test_the_option_or_the_parameter_chooses(option, params, asked):
    assert _precision(option, params) == asked


@pytest.mark.parametrize(
    ("option", "asked", "code"),
    [("float32", "bfloat16", "two_precisions"), ("bfloat16", "auto", "two_precisions"), ("", "half", "bad_precision")],
)
def test_two_that_differ_and_unknown_ones_are_refused(option, asked, code):
    with pytest.raises(InvalidInput) as refused:
        _precision(option, {"precision": asked})
    assert refused.value.problems[0].code == code
