"""What Django's cursor cannot do, with Django's connection and, where it breaks, Django's errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection


@contextmanager
def binary_cursor() -> Iterator[psycopg.Cursor[Any]]:
    """A cursor of psycopg's own. Django's merges values into the text of a query and cannot ask for binary results:
    bytes would come as hexadecimal text.
    """
    with connection.cursor(), connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        yield cursor


@contextmanager
def copy_into(table: str, columns: str) -> Iterator[psycopg.Copy]:
    """COPY of rows into a table."""
    with (
        connection.cursor() as cursor,
        connection.wrap_database_errors,
        cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy,
    ):
        yield copy
