"""One process brings the tables of a test session up to date; the databases of all are copies of that one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psycopg
from psycopg import sql

MIGRATED = "e1_migrated"
_LOCK = 0xE1_7E_57
"""Number of the advisory lock that lets one process migrate while the others wait."""


def database_copied(name: str) -> None:
    """Make the database `name` with all tables, on the session's server. Does nothing if it is there."""
    url = os.environ["DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        if not _is_there(connection, MIGRATED):
            being_made = f"{MIGRATED}_new"
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(being_made)))
            _migrate(url.replace("/e1?", f"/{being_made}?"))
            rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
            connection.execute(rename.format(sql.Identifier(being_made), sql.Identifier(MIGRATED)))
        if not _is_there(connection, name):
            copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            connection.execute(copy.format(sql.Identifier(name), sql.Identifier(MIGRATED)))


def _is_there(connection: psycopg.Connection, name: str) -> bool:
    return connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone() is not None


def _migrate(url: str) -> None:
    manage = Path(__file__).parents[1] / "manage.py"
    # The checks would import every page; `make check` runs them.
    command = [sys.executable, str(manage), "migrate", "--verbosity", "0", "--skip-checks"]
    subprocess.run(command, env={**os.environ, "DATABASE_URL": url}, check=True)
