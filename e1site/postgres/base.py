"""Connections that are looked at before they are used again, mostly without a statement.

Django sends `SELECT 1` before the first statement of each request and task. A server that restarts, or a pool in front
of it, closes its end, which the socket shows at no cost. Only after a pause can a connection be lost without a sign,
such as by a firewall that forgets it.
"""

from __future__ import annotations

import select
import time
from typing import Any

import psycopg
from django.db.backends.postgresql import base

QUIET_SECONDS = 30.0
"""Time without a statement after which a connection is asked."""


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection to Postgres."""

    _used_at = 0.0

    def create_cursor(self, name: str | None = None) -> Any:
        self._used_at = time.monotonic()
        return super().create_cursor(name)

    def is_usable(self) -> bool:
        """Return whether the connection works. After an error, or if in doubt, the server is asked."""
        quiet = time.monotonic() - self._used_at
        if self.errors_occurred or quiet > QUIET_SECONDS or self._may_be_closed():
            return bool(super().is_usable())
        return True

    def _may_be_closed(self) -> bool:
        """Return whether the server has closed the connection, or sent anything unasked."""
        if self.connection is None:
            return True
        try:
            socket = self.connection.fileno()
        except psycopg.Error:  # this end is closed
            return True
        look = select.poll()
        look.register(socket, select.POLLIN)
        return bool(look.poll(0))
