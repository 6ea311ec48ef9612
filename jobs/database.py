"""What Django's cursor cannot do, with Django's connection and, where it breaks, Django's errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
def copy_into(table: str, columns: str, types: Sequence[str] = ()) -> Iterator[psycopg.Copy]:
    """COPY of rows into a table. With `types`, those of the columns, values go in binary: as text, bytes are twice as
    many.
    """
    form = " (FORMAT BINARY)" if types else ""
    with (
        connection.cursor() as cursor,
        connection.wrap_database_errors,
        cursor.copy(f"COPY {table} ({columns}) FROM STDIN{form}") as copy,
    ):
        if types:
            copy.set_types(types)
        yield copy
