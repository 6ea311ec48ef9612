"""How often threads change places, with a clock of the test."""

from __future__ import annotations

from e1site.webserver.switching import LONG_SECONDS, QUICK_SECONDS, SwitchInterval


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_only_a_long_request_makes_threads_change_quickly():
    clock, said = Clock(), []
    switching = SwitchInterval(clock, said.append)
    switching.begin(1)
    clock.now += LONG_SECONDS / 2
    switching.end(1)
    switching.begin(2)
    clock.now += 2 * LONG_SECONDS
    switching.begin(3)
    assert said == [QUICK_SECONDS]
    switching.begin(4)
    switching.end(3)
    assert said == [QUICK_SECONDS]
    switching.end(2)
    switching.end(4)
    assert len(said) == 2
    assert said[1] > QUICK_SECONDS


def test_a_request_that_was_never_begun_ends_without_harm():
    said = []
    SwitchInterval(Clock(), said.append).end(1)
    assert said == []
