"""The CPU time of every reader grows linearly with a hostile file. These are the only tests that assert times.

The best of two to fifteen rounds counts: as many as it takes until the growth is that of a linear reader.
"""

from __future__ import annotations

import gc
import time

import pytest

from jobs.limits import KIB, MIB
from tests.security.shapes import CASES, NAMES, filled, read

pytestmark = pytest.mark.slow

LEAST, MOST = 8 * KIB, MIB
MEASURABLE = 0.03  # seconds from which a file is large enough to compare it with one of four times its size
TIMES, GROWTH = 4, 6
GEMMI_GROWTH = 9  # gemmi allocates each value on its own, and its memory outgrows the caches; a square would be 16
LEAST_ROUNDS, MOST_ROUNDS = 2, 15


@pytest.fixture(autouse=True)
def _a_small_heap():
    """Begin without garbage: the number of collections grows with the file, and each would visit all objects."""
    gc.collect()


SOME = [
    pytest.param(*case, id=name, marks=() if at % 5 == 0 else pytest.mark.full)
    for at, (case, name) in enumerate(zip(CASES, NAMES, strict=True))
]
"""Every fifth shape of each reader in `make test-slow`, all of them in `make test-full`."""


@pytest.mark.parametrize(("reader", "head", "unit"), SOME)
def test_four_times_the_file_takes_at_most_six_times_as_long(reader, head, unit):
    # gemmi allocates each value on its own: a file must be larger than the caches before its time grows evenly.
    size = MOST if reader == "structure" else LEAST
    most_bytes = MOST // TIMES if reader == "json" else MOST  # beyond it another check refuses the file, once
    while size < most_bytes and best(reader, filled(head, unit, size), LEAST_ROUNDS) < MEASURABLE:
        size *= 2
    # Other programs disturb single rounds. A time that grows with the square takes 16 times as long in each of them.
    most = GEMMI_GROWTH if reader == "structure" else GROWTH
    small = large = growth = float("inf")
    for rounds in range(1, MOST_ROUNDS + 1):
        small = min(small, seconds(reader, filled(head, unit, size)))
        large = min(large, seconds(reader, filled(head, unit, TIMES * size)))
        growth = large / max(small, MEASURABLE / 2)
        if rounds >= LEAST_ROUNDS and growth <= most:
            break
    assert growth <= most, (size, small, large)


def best(reader, data, rounds):
    return min(seconds(reader, data) for _ in range(rounds))


def seconds(reader, data):
    start = time.process_time()
    read(reader, data)
    return time.process_time() - start
