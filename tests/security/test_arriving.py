"""Requests cut anywhere: the state at the end does not depend on the pieces."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e1site.webserver.arriving import LONGEST_HEAD, SMALL_BODY, Arrival, State

CHUNKED = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
WHOLE = [
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
    b"POST / HTTP/1.1\r\ncontent-length:  0\r\n\r\n",
    CHUNKED + b"3\r\nabc\r\n0\r\n\r\n",
    CHUNKED + b"3;name=value\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n",
]


def fed(data: bytes, cuts: list[int]) -> list[State]:
    arrival = Arrival()
    places = sorted({0, len(data), *(cut % len(data) for cut in cuts)})
    return [arrival.feed(data[start:stop]) for start, stop in pairwise(places)]


@given(st.sampled_from(WHOLE), st.lists(st.integers(min_value=0), max_size=12))
def test_a_request_is_complete_with_its_last_byte_and_not_before(data, cuts):
    states = fed(data, cuts)
    assert states[-1] is State.COMPLETE
    assert set(states[:-1]) <= {State.WAITING}


@given(st.binary(max_size=400), st.lists(st.integers(min_value=0), max_size=12))
def test_any_bytes_have_a_state(data, cuts):
    for state in fed(data + b"\r\n\r\n", cuts):
        assert isinstance(state, State)


def test_a_large_body_streams_as_soon_as_its_head_is_in():
    assert Arrival().feed(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (SMALL_BODY + 1)) is State.STREAMING


def test_a_large_chunked_body_streams_once_it_is_large():
    arrival = Arrival()
    assert arrival.feed(CHUNKED + b"fffff\r\n") is State.WAITING
    assert arrival.feed(b"a" * (SMALL_BODY + 1)) is State.STREAMING


@pytest.mark.parametrize("body", [b"xyz\r\n", b"-1\r\n", b"\r\n", b"1" * 17 + b"\r\n", b"1" * 1100])
def test_a_chunk_that_makes_no_sense_goes_to_the_parser(body):
    assert Arrival().feed(CHUNKED + body) is State.COMPLETE


@pytest.mark.parametrize("value", [b"-5", b"5, 5", b"\xb2", b"1e3", b""])
def test_a_length_that_makes_no_sense_goes_to_the_parser(value):
    assert Arrival().feed(b"POST / HTTP/1.1\r\nContent-Length: " + value + b"\r\n\r\n") is State.COMPLETE


def test_a_head_has_a_longest_length():
    assert Arrival().feed(b"a" * (LONGEST_HEAD + 1)) is State.HEAD_TOO_LONG


def test_expect_is_answered_by_the_loop_for_small_bodies_only():
    head = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
    small, large = Arrival(), Arrival()
    assert small.feed(head % 5) is State.WAITING
    assert small.wants_continue
    assert b"Expect" not in small.data
    assert small.feed(b"hello") is State.COMPLETE
    assert large.feed(head % (SMALL_BODY + 1)) is State.STREAMING
    assert b"Expect" in large.data
