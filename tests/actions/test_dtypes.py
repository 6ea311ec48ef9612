"""Conversion of float32 arrays to the type of a job: rounded once, to the nearest, and never silently to infinity."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from e1protocol import MODELS, Encoding
from jobs.actions import ACTIONS, ItemView, Stored
from jobs.actions.dtypes import Overflow, as_asked, check_dtype
from jobs.errors import InvalidInput
from jobs.library.outputs import checksum, pack_outputs, unpack
from worker.items import ItemWork, compute

DEMO = MODELS["e1-demo"]
HALF = {"dtype": "float16"}


def half_by_struct(value: float) -> bytes:
    """Return the nearest float16, rounded by Python's own `struct`. Raises OverflowError beyond the largest."""
    return struct.pack("<e", value)


def stored(values, dtype=np.float32) -> Stored:
    return Stored("mean", 6, np.array([values], dtype=dtype))


@given(st.lists(st.floats(width=32), min_size=1, max_size=20))
@example([1 + 2**-11, 1 + 3 * 2**-11, 2049.0, 2051.0])  # ties go to the even neighbour
@example([65504.0, math.nextafter(65520.0, 0), -65519.9])
@example([5e-8, 2**-25, 3 * 2**-25, -0.0, 1e-45])  # the smallest float16 is 2**-24
@example([math.inf, -math.inf, math.nan])
def test_every_number_is_the_nearest_float16(values):
    exact = np.array(values, dtype=np.float32)
    try:
        expected = b"".join(half_by_struct(float(value)) for value in exact)
    except OverflowError:
        with pytest.raises(Overflow):
            as_asked([stored(values)], HALF)
        return
    (one,) = as_asked([stored(values)], HALF)
    want = np.frombuffer(expected, dtype="<f2")
    assert one.array.dtype == np.float16
    np.testing.assert_array_equal(one.array[0], want)
    assert np.signbit(one.array[0]).tolist() == np.signbit(exact).tolist()


@pytest.mark.parametrize("value", [65520.0, -65520.0, 1e6, 3e38])
def test_a_number_beyond_float16_is_named_with_its_place(value):
    with pytest.raises(Overflow) as caught:
        as_asked([stored([1.0, 2.0]), Stored("per_token", 3, np.array([[0.5, value]], np.float32))], HALF)
    problem = caught.value.problem
    assert problem.code == "float16_overflow"
    assert problem.message == f"per_token of layer 3 reaches {abs(value):,.6g} here, and float16 ends at 65,504"
    assert "dtype float32" in problem.remedy


@pytest.mark.parametrize("params", [{}, {"dtype": "float32"}])
def test_without_it_arrays_stay_as_they_are(params):
    before = stored([0.1, 1e6])
    (after,) = as_asked([before], params)
    assert after.array is before.array


def test_what_is_no_float32_keeps_its_type():
    before = stored([0.1, 1e6], np.float64)
    assert as_asked([before], HALF)[0].array is before.array


def test_stored_bytes_are_half_and_the_checksum_is_over_them():
    arrays = [np.random.default_rng(n).normal(size=(1, 128)).astype(np.float32) for n in range(8)]
    items = [(n, as_asked([Stored("mean", 6, array)], HALF)) for n, array in enumerate(arrays)]
    (packed,) = pack_outputs(ACTIONS["encode"], items)
    assert (packed.dtype, packed.width, packed.rows) == ("<f2", 128, (1,) * 8)
    assert packed.data == np.concatenate(arrays).astype("<f2").tobytes()
    assert len(packed.data) == 8 * 128 * 2
    assert packed.checksum == checksum(packed.data)
    for array, again in zip(arrays, unpack(packed.data, packed.dtype, packed.width, packed.rows), strict=True):
        np.testing.assert_array_equal(again, array.astype(np.float16))


@pytest.mark.parametrize("action", ["encode", "predict"])
def test_the_parameter_is_filled_in_and_checked(action):
    assert ACTIONS[action].check_params({}, DEMO)["dtype"] == "float32"
    assert ACTIONS[action].check_params({"dtype": None}, DEMO)["dtype"] == "float32"
    assert ACTIONS[action].check_params(HALF, DEMO)["dtype"] == "float16"
    for wrong in ("half", "Float16", "", 16, ["float16"], {}, True):
        with pytest.raises(InvalidInput) as caught:
            check_dtype(wrong)
        assert (caught.value.code, caught.value.problems[0].path) == ("bad_dtype", "params.dtype")


@pytest.mark.parametrize("action", ["log_prob", "score", "scan", "contacts"])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_actions_of_single_numbers_and_of_contacts_refuse_it(action, dtype):
    with pytest.raises(InvalidInput) as caught:
        ACTIONS[action].check_params({"dtype": dtype, "parent": "MKT"} if action == "score" else {"dtype": dtype}, DEMO)
    assert (caught.value.code, caught.value.problems[0].path) == ("dtype_not_offered", "params.dtype")
    assert caught.value.problems[0].remedy == "Leave dtype out."


def test_an_item_that_does_not_fit_fails_alone():
    action = ACTIONS["encode"]
    params = action.check_params({"include": ["mean", "logits"], **HALF}, DEMO)

    def encode(queries):
        for query in queries:
            large = 7e4 if query.sequence == "MKW" else 1 / 3
            logits = np.full((3, 20), 0.1, np.float32)
            yield Encoding(logits=logits, mean={6: np.full(128, large, np.float32)})

    work = [ItemWork(action, params, ItemView(sequence)) for sequence in ("MKT", "MKW", "MKA")]
    first, wrong, last = compute(work, lambda queries: list(encode(queries)))
    assert (wrong.stored, wrong.error.code) == ((), "float16_overflow")
    for one in (first, last):
        assert one.error is None
        assert {array.array.dtype for array in one.stored} == {np.dtype(np.float16)}
        assert one.stored[0].array[0, 0] == np.float16(1 / 3)


def test_several_contexts_are_averaged_before_their_float32_is_rounded():
    action = ACTIONS["encode"]
    params = action.check_params(HALF, DEMO)
    means = [np.random.default_rng(n).normal(size=128).astype(np.float32) for n in range(3)]
    view = ItemView("MKT", contexts=(("MKA",), ("MKC",), ("MKD",)))
    (one,) = compute([ItemWork(action, params, view)], lambda _: [Encoding(mean={6: mean}) for mean in means])
    mean, spread, single = (stored.array for stored in one.stored)
    exact = np.stack(means).astype(np.float64)
    np.testing.assert_array_equal(mean[0], exact.mean(axis=0).astype(np.float32).astype(np.float16))
    np.testing.assert_array_equal(spread[0], exact.std(axis=0).astype(np.float32).astype(np.float16))
    np.testing.assert_array_equal(single[0], np.concatenate(means).astype(np.float16))
