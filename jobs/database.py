"""SQL through Django's connection: rows, counts and COPY. Failures raise Django's database errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection

Parameters = Sequence[Any] | Mapping[str, Any]


def rows(query: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


def execute(query: str, parameters: Parameters = ()) -> int:
    """Run a statement and return how many rows it changed."""
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return int(cursor.rowcount)


@contextmanager
def binary_cursor() -> Iterator[psycopg.Cursor[Any]]:
    """Yield psycopg's own cursor, which can ask for binary results.

    Django's cursor merges values into the query's text, so bytes would arrive as hexadecimal text.
    """
    with connection.cursor(), connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        yield cursor


@contextmanager
def copy_into(table: str, columns: str, types: Sequence[str] = ()) -> Iterator[psycopg.Copy]:
    """Yield a COPY into a table. With `types`, those of the columns, values go in binary: half the size for bytes."""
    form = " (FORMAT BINARY)" if types else ""
    with (
        connection.cursor() as cursor,
        connection.wrap_database_errors,
        cursor.copy(f"COPY {table} ({columns}) FROM STDIN{form}") as copy,
    ):
        if types:
            copy.set_types(types)
        yield copy
