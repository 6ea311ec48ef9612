"""Turns: who runs, who waits, and in which order."""

from __future__ import annotations

import threading
from collections.abc import Hashable

import pytest

from e1site.stack.processes import wait_gone
from jobs.web.turns import Turns

LONG = 20
"""Seconds after which a test gives up waiting."""


class Worker:
    """A thread that holds a turn until `end`."""

    def __init__(self, turns: Turns, key: Hashable) -> None:
        self.runs = threading.Event()
        self._may_end = threading.Event()
        self._thread = threading.Thread(target=self._work, args=(turns, key), daemon=True)
        self._thread.start()

    def _work(self, turns: Turns, key: Hashable) -> None:
        with turns.turn(key):
            self.runs.set()
            self._may_end.wait(LONG)

    def end(self) -> None:
        self._may_end.set()
        self._thread.join(LONG)
        assert not self._thread.is_alive()


def wait_until_queued(turns: Turns, count: int) -> None:
    assert wait_gone(lambda: len(turns._waiting) < count, LONG)


def test_so_many_run_at_a_time_and_the_others_follow_in_order():
    turns = Turns(2)
    first, second = Worker(turns, "a"), Worker(turns, "b")
    assert first.runs.wait(LONG)
    assert second.runs.wait(LONG)
    third = Worker(turns, "c")
    wait_until_queued(turns, 1)
    fourth = Worker(turns, "d")
    wait_until_queued(turns, 2)
    first.end()
    assert third.runs.wait(LONG)
    assert not fourth.runs.is_set()
    for worker in (second, third):
        worker.end()
    assert fourth.runs.wait(LONG)
    fourth.end()


def test_one_user_has_one_turn_and_another_passes_those_who_wait():
    turns = Turns(2)
    mine = [Worker(turns, "a")]
    assert mine[0].runs.wait(LONG)
    mine += [Worker(turns, "a"), Worker(turns, "a")]
    wait_until_queued(turns, 2)
    other = Worker(turns, "b")
    assert other.runs.wait(LONG)
    assert not any(worker.runs.is_set() for worker in mine[1:])
    other.end()
    # Not even a free turn is for a second one of the same user.
    assert not any(worker.runs.is_set() for worker in mine[1:])
    mine[0].end()
    running = next(worker for worker in mine[1:] if worker.runs.wait(LONG / 4))
    running.end()
    for worker in mine[1:]:
        worker.end()


def test_a_paused_turn_lets_the_next_one_run():
    turns = Turns(1)
    with turns.turn("a") as mine:
        other = Worker(turns, "b")
        wait_until_queued(turns, 1)
        with mine.paused():
            assert other.runs.wait(LONG)
            other.end()
        third = Worker(turns, "c")
        wait_until_queued(turns, 1)
    assert third.runs.wait(LONG)
    third.end()


def test_a_thread_takes_no_second_turn():
    turns = Turns(1)
    with turns.turn("a"):
        with turns.turn("a"), turns.turn("b") as third, third.paused():
            assert turns._running == {"a"}
        assert turns._running == {"a"}
    assert not turns._running


def test_an_error_ends_the_turn():
    turns = Turns(1)
    with pytest.raises(KeyError), turns.turn("a") as mine, mine.paused():
        raise KeyError
    with pytest.raises(KeyError), turns.turn("a"):
        raise KeyError
    with turns.turn("a"):
        pass
    assert not turns._running
    assert not turns._waiting
