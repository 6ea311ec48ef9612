"""Restoring a file into a database: beside the present one, checked, and only then in its place.

The tables are made by the migrations that the backup's database had. Rows are loaded piece by piece. A restore that was
interrupted goes on with the next piece. After the check the other migrations follow: a newer version may restore.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.graph import MigrationGraph
from django.db.migrations.loader import MigrationLoader
from psycopg import sql

from jobs.errors import Conflict, InvalidInput
from jobs.operations.backups.archive import ArchiveReader, Manifest, SavedTable, archive_read
from jobs.operations.backups.tables import LONG_TABLE, Table, count_and_digest, is_own, plain_texts, tables_of

PROGRESS = "e1_restore"
"""The table, in the database that is being restored, of the steps that are done."""
MADE, EMPTIED = "made", "emptied"
CONTENT = {"jobs_job": "jobs", "auth_user": "users"}
"""Tables whose rows belong to people, and what their rows are."""
SHOWN = 5
Say = Callable[[str], None]


def backup_restore(*, settings: dict[str, Any], path: Path, replace: bool, say: Say) -> None:
    """Restore the file as the database that Django's `settings` name, by the owner of its tables.

    Raises Conflict if that database is not empty and `replace` is not set, or if another program has tables in it.
    Raises InvalidInput if the file is damaged or from a newer version, or if the rows read back are not those of the
    file. Then nothing has changed.
    """
    name = str(settings["NAME"])
    staging = f"{name}_restoring"
    with archive_read(path) as archive, _server(settings) as server:
        if _exists(server, name):
            _refuse_content(settings, name, replace=replace)
        say("checking the file")
        archive.check()
        _refuse_unknown(archive.manifest)
        _stage(server, settings, staging, archive.manifest.digest, say)
        with _as_default(settings, staging):
            with psycopg.connect(**_parameters(settings, staging)) as connection:
                _make_tables(connection, archive, say)
                tables = {table.name: table for table in tables_of(connection)}
                connection.commit()
                _load(connection, archive, tables, say)
                _check(connection, archive, tables, say)
                _advance_sequences(connection)
                connection.execute("DROP TABLE e1_restore")
            call_command("migrate", interactive=False, verbosity=0)
        _put_in_place(server, settings, name, staging, replace=replace)
    say(f"restored {path} as the database {name}")


@contextmanager
def _server(settings: dict[str, Any]) -> Iterator[psycopg.Connection[Any]]:
    """Yield a connection to another database of the same server, which can create and rename ours."""
    with psycopg.connect(**_parameters(settings, "postgres"), autocommit=True) as server:
        yield server


def _parameters(settings: dict[str, Any], name: str) -> dict[str, Any]:
    given: dict[str, Any] = {
        "host": settings["HOST"],
        "port": settings["PORT"],
        "user": settings["USER"],
        "password": settings["PASSWORD"],
    }
    options: dict[str, Any] = settings.get("OPTIONS", {})
    return {key: value for key, value in given.items() if value} | {"dbname": name} | options


def _exists(server: psycopg.Connection[Any], name: str) -> bool:
    return server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is not None


def _refuse_content(settings: dict[str, Any], name: str, *, replace: bool) -> None:
    """Raise Conflict if the database has users or jobs, unless they may be replaced, or tables of another program."""
    with psycopg.connect(**_parameters(settings, name)) as connection:
        found = [
            str(row[0])
            for row in connection.execute(
                "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace::regnamespace::text NOT IN "
                "('pg_catalog', 'information_schema', 'pg_toast') AND NOT EXISTS "
                "(SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e') ORDER BY relname"
            )
        ]
        if foreign := [table for table in found if not is_own(table)]:
            raise Conflict(
                f"the database {name} has tables of another program, which a restore would delete "
                f"({', '.join(foreign[:SHOWN])}); name a database for this service alone",
                code="foreign_database",
            )
        if replace:
            return
        for table, what in CONTENT.items():
            if table not in found:
                continue
            query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
            if row := connection.execute(query).fetchone():
                count = int(row[0])
                if count:
                    raise Conflict(
                        f"the database {name} is not empty ({what}: {count:,}); restore into another data folder "
                        "or database, or add --replace to delete what it has and put the backup in its place",
                        code="not_empty",
                    )


def _stage(server: psycopg.Connection[Any], settings: dict[str, Any], staging: str, digest: str, say: Say) -> None:
    """Make the database beside the present one, or keep one that an interrupted restore of the same file left.

    One without all of its tables is made again: an interrupted migration may not have recorded all that it did.
    """
    if _exists(server, staging):
        with psycopg.connect(**_parameters(settings, staging), autocommit=True) as connection:
            marked = connection.execute("SELECT to_regclass(%s)", [PROGRESS]).fetchone()
            of = (
                connection.execute("SELECT digest FROM e1_restore WHERE step = %s", [MADE]).fetchone()
                if marked and marked[0]
                else None
            )
        if of is not None and of[0] == digest:
            say("going on with an interrupted restore of this file")
            return
        _drop(server, staging)
    server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(staging)))
    with psycopg.connect(**_parameters(settings, staging), autocommit=True) as connection:
        connection.execute("CREATE TABLE e1_restore (digest text NOT NULL, step text PRIMARY KEY)")
        connection.execute("INSERT INTO e1_restore VALUES (%s, 'begun')", [digest])


def _steps(connection: psycopg.Connection[Any]) -> set[str]:
    return {row[0] for row in connection.execute("SELECT step FROM e1_restore")}


def _note(connection: psycopg.Connection[Any], step: str) -> None:
    connection.execute("INSERT INTO e1_restore SELECT digest, %s FROM e1_restore WHERE step = 'begun'", [step])


@contextmanager
def _as_default(settings: dict[str, Any], name: str) -> Iterator[None]:
    """Have Django use this database of the server in the block."""
    before = connections[DEFAULT_DB_ALIAS]
    staged = connections.create_connection(DEFAULT_DB_ALIAS)
    staged.settings_dict = {**before.settings_dict, **settings, "NAME": name}
    connections[DEFAULT_DB_ALIAS] = staged
    try:
        yield
    finally:
        staged.close()
        connections[DEFAULT_DB_ALIAS] = before


def _make_tables(connection: psycopg.Connection[Any], archive: ArchiveReader, say: Say) -> None:
    """Migrate to the state of the backup's database, and empty what migrations have filled."""
    steps = _steps(connection)
    connection.commit()
    if MADE not in steps:
        executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
        say("making its tables")
        executor.loader = MigrationLoader(connections[DEFAULT_DB_ALIAS], replace_migrations=False)
        executor.migrate(_last_of(executor.loader, archive.manifest))
        _note(connection, MADE)
        connection.commit()
    if EMPTIED not in steps:
        names = [table.name for table in tables_of(connection) if table.name != PROGRESS]
        connection.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(map(sql.Identifier, names))))
        _note(connection, EMPTIED)
        connection.commit()


def _refuse_unknown(manifest: Manifest) -> None:
    """Raise InvalidInput if this version cannot make the tables of the backup."""
    _last_of(MigrationLoader(None, replace_migrations=False), manifest)


def _last_of(loader: MigrationLoader, manifest: Manifest) -> list[tuple[str, str]]:
    """Return the last migrations of the backup's database, one or more of each application.

    A squash counts as one of them if all that it replaces are. The loader must have replaced nothing: its graph then
    keeps either the squash or what it replaces. Raises InvalidInput for a migration that is not known. It does so too
    if the backup is older than the first migration here: only older versions know its tables.
    """
    recorded = {one for one in manifest.migrations if one[0] in loader.migrated_apps}
    disk = loader.disk_migrations
    squashes = {key: {*one.replaces, *getattr(one, "adopts", ())} for key, one in disk.items()}
    if unknown := sorted(recorded - set(disk).union(*squashes.values())):
        app, name = unknown[0]
        raise InvalidInput(
            f"the backup has the migration {app}.{name}, which this version does not know; install the version "
            "that made the backup, or a newer one",
            code="bad_backup",
        )
    recorded |= {squash for squash, replaced in squashes.items() if replaced and replaced <= recorded}
    for squash, replaced in squashes.items():
        gone = replaced - set(disk)
        if gone & recorded and not recorded & {squash, *(replaced & set(disk))}:
            app, name = min(gone - recorded)
            raise InvalidInput(
                f"the backup is older than the migration {app}.{name}, from which this version goes on; restore it in "
                f"the version that made it ({manifest.service}), upgrade that one first, and back it up again",
                code="bad_backup",
            )
    for squash, migration in loader.replacements.items():
        if squash in recorded:
            loader.graph.remove_replaced_nodes(squash, migration.replaces)
        else:
            loader.graph.remove_replacement_node(squash, migration.replaces)
    wanted = recorded & set(loader.graph.nodes)
    return sorted(one for one in wanted if not _followers(loader.graph, one) & wanted)


def _followers(graph: MigrationGraph, node: tuple[str, str]) -> set[tuple[str, str]]:
    """Return the migrations of the same application that follow this one directly."""
    return {child.key for child in graph.node_map[node].children if child.key[0] == node[0]}


def _load(connection: psycopg.Connection[Any], archive: ArchiveReader, tables: dict[str, Table], say: Say) -> None:
    """Load the pieces that are not loaded yet, each with its note in one transaction."""
    saved = {one.name: one for one in archive.manifest.tables}
    if missing := sorted(set(saved) - set(tables)):
        raise InvalidInput(f"the backup has the table {missing[0]}, which this service has not", code="bad_backup")
    steps = _steps(connection)
    for table in tables.values():
        one = saved.get(table.name)
        for piece in [one.piece(number) for number in range(one.pieces)] if one else []:
            if piece in steps:
                continue
            assert one is not None  # noqa: S101 - pieces belong to it
            plain_texts(connection)
            with connection.cursor() as cursor, cursor.copy(_copy_in(one)) as copy:
                for block in archive.blocks(piece):
                    copy.write(block)
            _note(connection, piece)
            connection.commit()
        if one and one.rows >= LONG_TABLE:
            say(f"{one.name}: {one.rows:,} rows")


def _copy_in(table: SavedTable) -> sql.Composed:
    columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
    return sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table.name), columns)


def _check(connection: psycopg.Connection[Any], archive: ArchiveReader, tables: dict[str, Table], say: Say) -> None:
    """Read every row back, and compare counts and checksums with the manifest."""
    plain_texts(connection)
    for one in archive.manifest.tables:
        found = count_and_digest(connection, tables[one.name], one.columns)
        if found != (one.rows, one.sha256):
            raise InvalidInput(
                f"the table {one.name} came back with {found[0]:,} rows and another checksum; the backup had "
                f"{one.rows:,} rows. Nothing was changed",
                code="bad_backup",
            )
    say("counts and checksums of all tables are those of the backup")


def _advance_sequences(connection: psycopg.Connection[Any]) -> None:
    """Have every sequence go on after the largest value of its column."""
    for table in tables_of(connection):
        for column in table.columns:
            found = connection.execute(
                "SELECT pg_get_serial_sequence(quote_ident(%s), %s)", [table.name, column]
            ).fetchone()
            if found and found[0]:
                query = sql.SQL("SELECT setval(%s, coalesce(max({}), 1), max({}) IS NOT NULL) FROM {}")
                names = (sql.Identifier(column), sql.Identifier(column), sql.Identifier(table.name))
                connection.execute(query.format(*names), [found[0]])


def _put_in_place(
    server: psycopg.Connection[Any], settings: dict[str, Any], name: str, staging: str, *, replace: bool
) -> None:
    """Put the restored database in the place of the present one, which is deleted after that.

    Meanwhile somebody may have handed in jobs: they are looked for again when no program can reach them.
    """
    before = f"{name}_before_restore"
    _drop(server, before)  # of a restore that was complete, but was interrupted here
    _rename(server, (name, before), (staging, name))
    if not _exists(server, before):
        return
    try:
        _refuse_content(settings, before, replace=replace)
    except Conflict:
        _rename(server, (name, staging), (before, name))
        raise
    _drop(server, before)


def _rename(server: psycopg.Connection[Any], *pairs: tuple[str, str]) -> None:
    """Rename databases, all or none; programs that use them lose their connections. One that is missing is skipped."""
    for old, _ in pairs:
        server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
            [old],
        )
    with server.transaction():
        for old, new in pairs:
            if _exists(server, old):
                names = (sql.Identifier(old), sql.Identifier(new))
                server.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(*names))


def _drop(server: psycopg.Connection[Any], name: str) -> None:
    server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
