"""The squashed first migration: what models cannot say of the tables, and databases made before the squash."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder

pytestmark = pytest.mark.django_db

FIRST = "0001_squashed"


def test_arrays_and_files_are_stored_raw_and_chunks_leave_room():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attrelid::regclass::text FROM pg_attribute "
            "WHERE attstorage = 'e' AND attrelid::regclass::text LIKE 'jobs!_%' ESCAPE '!' ORDER BY 1"
        )
        assert [row[0] for row in cursor.fetchall()] == ["jobs_alignmentblock", "jobs_artefactblock", "jobs_output"]
        cursor.execute("SELECT reloptions FROM pg_class WHERE relname = 'jobs_chunk'")
        assert cursor.fetchone()[0] == ["fillfactor=70", "autovacuum_vacuum_scale_factor=0.02"]


def test_a_database_made_before_the_squash_has_nothing_to_apply():
    replaced = MigrationExecutor(connection).loader.disk_migrations["jobs", FIRST].replaces
    assert len(replaced) == 17
    recorder = MigrationRecorder(connection)
    recorder.record_unapplied("jobs", FIRST)
    for app, name in replaced:
        recorder.record_applied(app, name)
    executor = MigrationExecutor(connection)
    assert executor.migration_plan(executor.loader.graph.leaf_nodes("jobs")) == []
    call_command("migrate", verbosity=0)
    assert ("jobs", FIRST) in recorder.applied_migrations()
