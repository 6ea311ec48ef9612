"""Migrations: storage that models cannot describe, and databases of all ages, which end like a new one."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from e1site.stack.binaries import find_postgres
from jobs.background.blocks import StoredFile, files_of
from jobs.management.commands._roles import role_admit
from jobs.models import Artefact
from jobs.operations.backups import restoring
from tests.databases import database_copied

pytestmark = pytest.mark.django_db

FIRST = "0001_squashed"
SQUASH = "0001_squashed_0027_public_projects"
OLD = f"e1_old_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
NEW = f"e1_new_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
"""Databases of this process: the others share its server."""


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


def plan() -> list[str]:
    """Return what `migrate` would apply."""
    executor = MigrationExecutor(connection)
    return [one.name for one, _ in executor.migration_plan(executor.loader.graph.leaf_nodes("jobs"))]


def recorded_as(names: Sequence[str]) -> None:
    """Have the database say that these migrations of ours are applied, and no others."""
    recorder = MigrationRecorder(connection)
    recorder.migration_qs.filter(app="jobs").delete()
    for name in names:
        recorder.record_applied("jobs", name)


def test_a_database_that_has_all_that_the_squash_replaces_has_nothing_to_apply():
    squash = MigrationExecutor(connection).loader.disk_migrations["jobs", SQUASH]
    recorded_as([name for _, name in squash.replaces])
    assert SQUASH not in plan()
    assert not {name for _, name in squash.replaces} & set(plan())
    MigrationExecutor(connection).check_replacements()
    assert ("jobs", SQUASH) in MigrationRecorder(connection).applied_migrations()


def test_a_new_database_applies_the_squash_and_one_of_before_the_migrations_after_it():
    loader = MigrationLoader(None)
    replaced = [name for _, name in loader.disk_migrations["jobs", SQUASH].replaces]
    before = [name for _, name in loader.disk_migrations["jobs", FIRST].adopts]
    assert len(before) == 17
    assert replaced[:18] == [*before, FIRST]
    recorded_as([])
    assert plan()[0] == SQUASH
    assert not set(plan()) & set(replaced)
    for applied in (before, replaced[:18], replaced[:25], replaced[:-1]):
        recorded_as(applied)
        assert plan()[: len(replaced) - len(applied)] == replaced[len(applied) :]
        assert SQUASH not in plan()


@dataclass(frozen=True)
class Upgraded:
    """A database of before the first squash, after the upgrade. `builds` are those of its artefacts, by name."""

    builds: dict[str, UUID | None]
    planned_midway: list[str]
    settings: dict[str, Any]


@pytest.fixture(scope="module")
def upgraded(django_db_setup, django_db_blocker) -> Iterator[Upgraded]:
    """Upgrade a database of before the first squash, with an artefact in each state, and stop once on the way."""
    settings = connections[DEFAULT_DB_ALIAS].settings_dict
    with (
        django_db_blocker.unblock(),
        psycopg.connect(**restoring._parameters(settings, "postgres"), autocommit=True) as server,
    ):
        server.execute(f"CREATE DATABASE {OLD} TEMPLATE template0")
        try:
            with restoring._as_default(settings, OLD):
                old = connections[DEFAULT_DB_ALIAS]
                executor = MigrationExecutor(old)
                executor.loader = MigrationLoader(old, replace_migrations=False)
                others = [node for node in executor.loader.graph.leaf_nodes() if node[0] != "jobs"]
                apps = executor.migrate([*others, ("jobs", FIRST)]).apps
                MigrationRecorder(old).record_unapplied("jobs", FIRST)
                builds = artefacts_of_before(apps)
                call_command("migrate", "jobs", "0014_projects", verbosity=0)
                midway = plan()
                call_command("migrate", verbosity=0)
                old.close()
            yield Upgraded(builds, midway, settings)
        finally:
            for name in (OLD, NEW):
                server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def artefacts_of_before(apps) -> dict[str, UUID | None]:
    """Store an artefact in each state of that time, and return the build of each."""
    person = apps.get_model("auth", "User").objects.create(username="rosalind")
    job = apps.get_model("jobs", "Job").objects.create(
        owner_id=person.pk, model="e1-demo", action="encode", state="succeeded"
    )
    stored = apps.get_model("jobs", "Artefact").objects
    for state in ("waiting", "building", "ready", "failed", "cancelled"):
        stored.create(
            job_id=job.pk,
            kind="h5",
            fingerprint=state,
            state=state,
            fraction=0.5,
            attempts=1,
            build=uuid4() if state in ("building", "ready", "failed") else None,
            lease_end=timezone.now() if state == "building" else None,
            size=7,
            sha256="aa",
        )
    return dict(stored.values_list("fingerprint", "build"))


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_artefacts_of_before_become_work_with_their_files_and_leases(upgraded):
    builds = upgraded.builds
    with restoring._as_default(upgraded.settings, OLD):
        rows = {row.fingerprint: row for row in Artefact.objects.all()}
        states = {before: row.state for before, row in rows.items()}
        same = {one: one for one in ("waiting", "failed", "cancelled")}
        assert states == {**same, "building": "running", "ready": "done"}
        assert {before: row.build for before, row in rows.items() if row.build} == {"ready": builds["ready"]}
        assert {before: row.token for before, row in rows.items() if row.token} == {"building": builds["building"]}
        assert {row.progress for row in rows.values()} == {0.5}
        assert files_of(rows["ready"]) == {"h5": StoredFile("h5", 7, "aa", 0)}
        assert rows["failed"].files == []


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_oldest_database_stopped_on_its_way_ends_as_a_new_one(upgraded):
    assert upgraded.planned_midway[0] == "0015_costs_of_work"
    database_copied(NEW)
    ends = []
    for name in (NEW, OLD):
        with restoring._as_default(upgraded.settings, name):
            assert plan() == []
            User.objects.all().delete()  # in the old one, and what is theirs
            role_admit({**upgraded.settings, "USER": "e1_migrated_reader", "PASSWORD": ""})
            ends.append((schema(name), rows_of_migrations()))
    (new, new_rows), (old, old_rows) = ends
    assert not [*unified_diff(new, old)]
    assert old_rows == new_rows
    # What the comparison is to see is there.
    for words, count in (("GRANT SELECT", 60), ("SET STORAGE EXTERNAL", 5), ("fillfactor='70'", 1), ("CHECK (", 20)):
        assert sum(words in one for one in new) >= count, words
    assert len(new_rows["auth_permission"]) == 4 * len(new_rows["django_content_type"])


def schema(name: str) -> list[str]:
    """Return the statements that make a database of the session's server, each with its lines in one order."""
    address = psycopg.conninfo.make_conninfo(**restoring._parameters(connection.settings_dict, name))
    command = [str(find_postgres() / "pg_dump"), "--schema-only", address]
    dump = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    plain = re.sub(r"^(--|\\).*\n", "", dump, flags=re.MULTILINE)
    # Postgres 18 names NOT NULL after the column, and a column that is renamed keeps the name.
    plain = re.sub(r" CONSTRAINT \w+(?= NOT NULL)", "", plain)
    # An upgrade adds columns at the end of a table, so their order differs.
    return ["\n".join(sorted(line.rstrip(",") for line in one.split("\n") if line)) for one in plain.split(";\n")]


def rows_of_migrations() -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows of all tables, without their numbers."""
    named = {
        "django_content_type": "SELECT app_label, model FROM django_content_type",
        "auth_permission": "SELECT model, codename, auth_permission.name FROM auth_permission "
        "JOIN django_content_type ON django_content_type.id = content_type_id",
        "django_migrations": "SELECT app, name FROM django_migrations",
    }
    found = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(named.get(table, f"SELECT * FROM {table}"))
            found[table] = sorted(cursor.fetchall())
    return found
