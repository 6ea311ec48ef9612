"""The tables of a database as a backup sees them: names, columns, order, rows. Read from the database, not from models.

So a database of any version of the service can be saved, also by a newer version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any, LiteralString

import psycopg
from django.apps import apps
from psycopg import sql

PLAIN: tuple[LiteralString, ...] = (
    "client_encoding = 'UTF8'",
    "timezone = 'UTC'",
    "datestyle = 'ISO'",
    "intervalstyle = 'postgres'",
    "bytea_output = 'hex'",
    "extra_float_digits = 1",
    "statement_timeout = 0",
    "idle_in_transaction_session_timeout = 0",
)
Connection = psycopg.Connection[Any]

LONG_TABLE = 100_000
"""Rows from which a table is named when it is copied: a sign of life. Others are only part of the sum at the end."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its columns, and the parts of an ORDER BY that puts its rows in one order on every server."""

    name: str
    columns: list[str]
    order: list[sql.Composable]


def is_own(name: str) -> bool:
    """Return whether a table is the service's. Another program may have tables in the same database."""
    return name.startswith(("django_", *(f"{app.label}_" for app in apps.get_app_configs())))


def tables_of(connection: Connection) -> list[Table]:
    """Return the tables of the current schema in an order in which rows find those that they refer to."""
    columns: dict[str, list[str]] = {}
    terms: dict[tuple[str, str], sql.Composable] = {}
    for name, column, has_collation in connection.execute(
        "SELECT relname, attname, attcollation <> 0 FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid "
        "WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = current_schema()::regnamespace "
        "AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY relname, attnum"
    ):
        columns.setdefault(name, []).append(column)
        # The order of texts depends on the server's locale; that of bytes does not.
        terms[name, column] = sql.Identifier(column) + sql.SQL(' COLLATE "C"' if has_collation else "")
    keys: dict[str, list[str]] = {}
    for name, column in connection.execute(
        "SELECT relname, attname FROM pg_index JOIN pg_class ON pg_class.oid = indrelid "
        "CROSS JOIN LATERAL unnest(indkey::int[]) WITH ORDINALITY AS part (attnum, place) "
        "JOIN pg_attribute ON attrelid = indrelid AND pg_attribute.attnum = part.attnum "
        "WHERE indisprimary AND relnamespace = current_schema()::regnamespace ORDER BY relname, place"
    ):
        keys.setdefault(name, []).append(column)
    order: TopologicalSorter[str] = TopologicalSorter({name: set() for name in columns})
    for name, other in connection.execute(
        "SELECT child.relname, parent.relname FROM pg_constraint JOIN pg_class child ON child.oid = conrelid "
        "JOIN pg_class parent ON parent.oid = confrelid WHERE contype = 'f' AND conrelid <> confrelid "
        "AND connamespace = current_schema()::regnamespace"
    ):
        order.add(name, other)
    return [
        Table(name, columns[name], [terms[name, column] for column in keys.get(name, columns[name])])
        for name in order.static_order()
    ]


def plain_texts(connection: Connection) -> None:
    """Have values written and read in one way, and without a time limit, until the transaction ends."""
    for setting in PLAIN:
        connection.execute(sql.SQL("SET LOCAL ") + sql.SQL(setting))


def rows_of(connection: Connection, table: Table, columns: list[str]) -> Iterator[bytes]:
    """Yield the rows as lines of COPY, ordered by the key. Call `plain_texts` in the same transaction before."""
    listed = sql.SQL(", ").join(map(sql.Identifier, columns))
    ordered = sql.SQL(", ").join(table.order)
    query = sql.SQL("COPY (SELECT {} FROM {} ORDER BY {}) TO STDOUT").format(
        listed, sql.Identifier(table.name), ordered
    )
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        for row in copy:
            yield bytes(row)


def count_and_digest(connection: Connection, table: Table, columns: list[str]) -> tuple[int, str]:
    """Return the number of rows and the SHA-256 of all of them in order."""
    digest, count = hashlib.sha256(), 0
    for row in rows_of(connection, table, columns):
        digest.update(row)
        count += 1
    return count, digest.hexdigest()
