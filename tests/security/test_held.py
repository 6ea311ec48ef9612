"""Which connection goes when there are too many: one of the network that holds most."""

from __future__ import annotations

import time
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from e1site.webserver.held import Waiting, heaviest, network_of
from e1site.webserver.leaving import SILENCE_SECONDS, SLOWEST_RATE
from e1site.webserver.lingering import LINGER_SECONDS, MOST_BYTES, goes_on, lingering, thrown_away


@dataclass
class Conn:
    client: object
    unread: int = 0

    @property
    def sock(self):
        return SimpleNamespace(waiting_bytes=self.unread)


def held(*clients, deadline=0.0, unread=0):
    return [Waiting(Conn((client, 1), unread), deadline + number) for number, client in enumerate(clients)]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.2", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("fe80::1%eth0", "fe80::2%eth0", True),
    ],
)
def test_addresses_that_one_client_holds_count_together(one, other, same):
    assert (network_of((one, 1)) == network_of((other, 2, 0, 0))) is same


def test_a_unix_socket_has_one_network():
    assert network_of("") == network_of(b"") == b""


def test_the_network_with_most_connections_loses_the_one_whose_deadline_is_next():
    others = held("10.0.0.1", "10.0.0.2", "10.0.0.3")
    flood = held("10.0.0.9", "10.0.0.9", deadline=50.0)
    assert heaviest([*others, *flood], lambda _: 1) is flood[0]


def test_connections_that_are_being_answered_count_too():
    mine, flood = held("10.0.0.1"), held("10.0.0.9", deadline=50.0)
    answered = [("10.0.0.9", 1)] * 5 + [("10.0.0.7", 1)] * 9
    assert heaviest([*mine, *flood], lambda _: 1, answered) is flood[0]
    assert heaviest(mine, lambda _: 1, answered) is mine[0]


def test_the_network_with_most_unread_bytes_loses_one():
    many = held(*["10.0.0.1"] * 5, unread=10)
    large = held("10.0.0.2", deadline=50.0, unread=1000)
    assert heaviest([*many, *large], lambda one: one.unread) is large[0]


def test_the_deadline_of_a_reader_moves_with_what_it_takes():
    conn = Conn(("10.0.0.1", 1), unread=1000 * SLOWEST_RATE)
    waiting = Waiting(conn, 0.0, bytes_left=conn.unread)
    waiting.extend()
    first = waiting.deadline
    assert first == pytest.approx(waiting.began + SILENCE_SECONDS)
    conn.unread -= 10 * SLOWEST_RATE
    waiting.extend()
    # It took what takes ten seconds at the slowest rate, at once: only silence counts.
    assert first <= waiting.deadline <= waiting.began + SILENCE_SECONDS + 10
    waiting.began -= 100
    waiting.extend()
    assert waiting.deadline == pytest.approx(waiting.began + SILENCE_SECONDS + 10)


def test_a_lingering_connection_may_send_as_long_as_it_is_not_slow(monkeypatch):
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    one = lingering(Conn(("10.0.0.1", 1)))
    one.began = now
    assert one.deadline == now + LINGER_SECONDS
    now += 4
    assert goes_on(one, 10 * SLOWEST_RATE), "ahead of the slowest rate"
    assert one.deadline == now + LINGER_SECONDS
    now += 100
    assert goes_on(one, 1)
    assert one.deadline < now, "too slow on the whole"
    assert not goes_on(one, 0), "the client has closed"
    assert thrown_away(one) == 10 * SLOWEST_RATE + 1
    assert not goes_on(one, MOST_BYTES), "more than an upload may have"
