"""Connections to Postgres between requests: looked at without a statement, and replaced once they are closed."""

from __future__ import annotations

import time

import pytest
from django.db import close_old_connections, connection
from django.db.backends.postgresql import base

from e1site.postgres.base import QUIET_SECONDS

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def asked(monkeypatch):
    """Return a list that grows whenever the server is asked whether the connection works."""
    asked = []
    real = base.DatabaseWrapper.is_usable
    monkeypatch.setattr(base.DatabaseWrapper, "is_usable", lambda self: asked.append(1) or real(self))
    return asked


def session() -> int:
    """Return the number of the session of a new request's first statement."""
    close_old_connections()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def ended_by_the_server(pid: int) -> None:
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])
    other.close()


def test_a_connection_in_use_is_not_asked(asked):
    assert session() == session()
    assert not asked


def test_a_connection_that_was_closed_is_replaced(asked):
    before = session()
    ended_by_the_server(before)
    assert session() != before
    assert asked


def test_a_connection_is_asked_after_a_pause(asked, monkeypatch):
    before, now = session(), time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + QUIET_SECONDS + 1)
    assert session() == before
    assert asked
