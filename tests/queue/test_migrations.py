"""Migrations: storage that models cannot describe, databases older than the squash, artefacts that become work."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from jobs.background.blocks import StoredFile, files_of
from jobs.models import Artefact, Job

pytestmark = pytest.mark.django_db

FIRST = "0001_squashed"


def test_arrays_and_files_are_stored_raw_and_chunks_leave_room():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attrelid::regclass::text FROM pg_attribute "
            "WHERE attstorage = 'e' AND attrelid::regclass::text LIKE 'jobs!_%' ESCAPE '!' ORDER BY 1"
        )
        assert [row[0] for row in cursor.fetchall()] == [
            "jobs_alignmentblock",
            "jobs_artefactblock",
            "jobs_output",
            "jobs_predictionblock",
            "jobs_structureblock",
        ]
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


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)  # as in a real migration, the rows were committed before
def test_artefacts_of_before_become_work_with_their_files_and_leases(person):
    """Down to the first migration and up again, with a row in every state."""
    job = Job.objects.create(owner=person, model="e1-demo", action="encode", params={}, state="succeeded")
    call_command("migrate", "jobs", FIRST, verbosity=0)
    with connection.cursor() as cursor:
        for state in ("waiting", "building", "ready", "failed", "cancelled"):
            build = uuid4() if state in ("building", "ready", "failed") else None
            cursor.execute(
                "INSERT INTO jobs_artefact (job_id, kind, fingerprint, state, fraction, reason, attempts, build, "
                "lease_end, size, sha256) VALUES (%s, 'h5', %s, %s, 0.5, '', 1, %s, %s, 7, 'aa')",
                [job.pk, state, state, build, timezone.now() if state == "building" else None],
            )
        cursor.execute("SELECT fingerprint, build FROM jobs_artefact")
        builds = dict(cursor.fetchall())
    call_command("migrate", verbosity=0)
    rows = {row.fingerprint: row for row in Artefact.objects.all()}
    states = {before: row.state for before, row in rows.items()}
    same = {one: one for one in ("waiting", "failed", "cancelled")}
    assert states == {**same, "building": "running", "ready": "done"}
    assert {before: row.build for before, row in rows.items() if row.build} == {"ready": builds["ready"]}
    assert {before: row.token for before, row in rows.items() if row.token} == {"building": builds["building"]}
    assert {row.progress for row in rows.values()} == {0.5}
    assert files_of(rows["ready"]) == {"h5": StoredFile("h5", 7, "aa", 0)}
    assert rows["failed"].files == []
