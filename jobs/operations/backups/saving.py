"""Saving the whole service to a file, as of one moment, while it runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from jobs.operations.backups.archive import FORMAT, Manifest, archive_written
from jobs.operations.backups.tables import LONG_TABLE, is_own, plain_texts, rows_of, tables_of

TRANSIENT = frozenset({"jobs_hold"})
"""Tables whose rows mean nothing elsewhere."""


def backup_save(*, url: str, path: Path, service: str, say: Callable[[str], None]) -> Manifest:
    """Write every table of the database to a file, and return the manifest.

    All tables are read in one transaction, so that they belong together. The service need not stop.
    """
    with psycopg.connect(url, prepare_threshold=None) as connection, archive_written(path) as archive:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        plain_texts(connection)
        found = tables_of(connection)
        saved = []
        for table in found:
            if not is_own(table.name):
                say(f"{table.name}: left out, for it is not a table of this service")
            elif table.name not in TRANSIENT:
                saved.append(archive.table(table.name, table.columns, rows_of(connection, table, table.columns)))
                if saved[-1].rows >= LONG_TABLE:
                    say(f"{table.name}: {saved[-1].rows:,} rows")
        migrations = [
            (str(app), str(name)) for app, name in connection.execute("SELECT app, name FROM django_migrations")
        ]
        manifest = Manifest(
            FORMAT, service, connection.info.server_version, datetime.now(UTC).isoformat(), sorted(migrations), saved
        )
        archive.close(manifest)
    return manifest
