"""The CPU time of every reader grows linearly with a hostile file. These are the only tests that assert times."""

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
ROUNDS = 3


@pytest.fixture(autouse=True)
def _a_small_heap():
    """Keep the objects of the tests out of collections: their number grows with the file, and each would visit all."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize(("reader", "head", "unit"), CASES, ids=NAMES)
def test_four_times_the_file_takes_at_most_six_times_as_long(reader, head, unit):
    # gemmi allocates each value on its own: a file must be larger than the caches before its time grows evenly.
    size = MOST if reader == "structure" else LEAST
    most_bytes = MOST // TIMES if reader == "json" else MOST  # beyond it another check refuses the file, once
    while size < most_bytes and best_of_five(reader, filled(head, unit, size)) < MEASURABLE:
        size *= 2
    # Other programs disturb single rounds. A time that grows with the square takes 16 times as long in each of them.
    growths: list[float] = []
    most = GEMMI_GROWTH if reader == "structure" else GROWTH
    while len(growths) < ROUNDS and min(growths, default=most + 1) > most:
        small, large = (best_of_five(reader, filled(head, unit, bytes_)) for bytes_ in (size, TIMES * size))
        growths.append(large / max(small, MEASURABLE / 2))
    assert min(growths) <= most, growths


def best_of_five(reader, data):
    return min(seconds(reader, data) for _ in range(5))


def seconds(reader, data):
    start = time.process_time()
    read(reader, data)
    return time.process_time() - start
