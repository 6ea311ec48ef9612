"""The roles of the database: the owner migrates, and the service's role may use rows and nothing else."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.contrib.auth.models import User
from django.core.management.base import CommandError
from django.db import ProgrammingError, connection, transaction

from jobs.database import execute, rows
from jobs.management.commands._roles import as_owner, role_admit
from tests.helpers import body, submit

FORBIDDEN = (
    "CREATE TABLE mine (id int)",
    "DROP TABLE jobs_output",
    "ALTER TABLE jobs_job ADD COLUMN mine int",
    "CREATE INDEX ON jobs_job (name)",
    "TRUNCATE jobs_job CASCADE",
    "DELETE FROM django_migrations",
    "SELECT * FROM pg_authid",
    "SELECT pg_read_file('postgresql.conf')",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "CREATE ROLE mine SUPERUSER",
    "CREATE DATABASE mine",
    "SET ROLE postgres",
    "SELECT * FROM others",
)
"""Statements that an attacker would inject. `others` is a table of another program."""


@dataclass
class Server:
    """A database of one's own on the server of the tests, with two roles of random names."""

    name: str

    def url(self, role: str, password: str = "") -> str:
        """Return an address. The server trusts its socket, so the password is not checked."""
        place = urlsplit(os.environ["DATABASE_URL"])
        return f"postgresql://{role}{f':{password}' if password else ''}@/{self.name}?{place.query}"

    @property
    def owner(self) -> str:
        return f"owner_{self.name}"

    @property
    def service(self) -> str:
        return f"service_{self.name}"

    def run(self, statement: str, *, role: str = "postgres") -> list[tuple]:
        with psycopg.connect(self.url(role), autocommit=True) as session:
            cursor = session.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def bootstrap(self, folder: Path, *, owner: str, password: str = "") -> subprocess.CompletedProcess[str]:
        """Run the first step of a deployment."""
        arguments = ("-m", "django", "e1_bootstrap", "--migrate", "--data", str(folder))
        return self.django(*arguments, owner=owner, password=password)

    def django(self, *arguments: str, owner: str, password: str = "") -> subprocess.CompletedProcess[str]:
        """Run Python with these roles."""
        urls = {"DATABASE_URL": self.url(self.service, password), "E1_OWNER_DATABASE_URL": self.url(owner)}
        env = {**os.environ, **urls, "DJANGO_SETTINGS_MODULE": "e1site.settings"}
        command = [sys.executable, *arguments]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(f"own_{secrets.token_hex(4)}")
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as session:
        session.execute(f"CREATE ROLE {server.owner} LOGIN")
        session.execute(f"CREATE DATABASE {server.name} OWNER {server.owner}")
        yield server
        session.execute(f"DROP DATABASE {server.name} WITH (FORCE)")
        for role in (server.owner, server.service):
            session.execute(f"DROP ROLE IF EXISTS {role}")


@pytest.mark.slow
def test_a_postgres_of_ones_own_needs_no_superuser(server, tmp_path):
    """The owner is an ordinary role, and an administrator has made that of the service."""
    refused = server.bootstrap(tmp_path, owner=server.owner)
    assert refused.returncode != 0
    assert f"as an administrator of Postgres run: CREATE ROLE {server.service} LOGIN PASSWORD" in refused.stderr

    server.run(f"CREATE ROLE {server.service} LOGIN")
    done = server.bootstrap(tmp_path, owner=server.owner)
    assert done.returncode == 0, done.stderr
    assert "note:" not in done.stdout
    server.run("CREATE TABLE others (id int)", role=server.owner)
    assert server.run("SELECT username FROM auth_user", role=server.service) == [("admin",)]
    for statement in FORBIDDEN:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            server.run(statement, role=server.service)
    owners = server.run("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")
    assert owners == [(server.owner,)]


@pytest.mark.slow
def test_a_first_start_that_is_killed_while_it_makes_tables_begins_again(server, tmp_path):
    """Django records a squash after its transaction, a row for each migration that it replaces."""
    server.run(f"CREATE ROLE {server.service} LOGIN")
    killed = """
import os, sys, django
from pathlib import Path
from django.core.management import call_command
from django.db.migrations.recorder import MigrationRecorder
django.setup()
record, recorded = MigrationRecorder.record_applied, []
def killed(self, app, name):
    recorded.append(app)
    os._exit(9) if recorded.count("jobs") == 20 else record(self, app, name)
MigrationRecorder.record_applied = killed
call_command("e1_bootstrap", migrate=True, data=Path(sys.argv[1]))
"""
    assert server.django("-c", killed, str(tmp_path), owner=server.owner).returncode == 9
    done = server.bootstrap(tmp_path, owner=server.owner)
    assert done.returncode == 0, done.stderr
    assert server.run("SELECT username FROM auth_user", role=server.service) == [("admin",)]


@pytest.mark.django_db
def test_a_superuser_makes_the_role_and_its_password(person, api, inline_worker):
    """As in docker-compose.yml, also with the volume of an earlier version, in which one superuser did everything."""
    name = f"service_{secrets.token_hex(4)}"
    assert role_admit({**connection.settings_dict, "USER": name, "PASSWORD": "first"}) == []
    facts = "rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolpassword"
    ((*rights, first),) = rows(f"SELECT {facts} FROM pg_authid WHERE rolname = %s", [name])
    assert rights == [True, False, False, False]
    assert first.startswith("SCRAM-SHA-256$")

    # No one can log in as a role that is not committed yet, so the password is taken for outdated.
    assert role_admit({**connection.settings_dict, "USER": name, "PASSWORD": "second"}) == []
    ((second,),) = rows("SELECT rolpassword FROM pg_authid WHERE rolname = %s", [name])
    assert second.startswith("SCRAM-SHA-256$")
    assert second != first

    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL ROLE {name}")
        assert User.objects.get() == person
        job = body(submit(api))["id"]
        assert inline_worker() > 0
        assert api.get(f"/api/jobs/{job}/results/?format=csv").status_code == 200
        assert api.delete(f"/api/jobs/{job}/").status_code == 204
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            cursor.execute("SELECT * FROM pg_authid")
        cursor.execute("RESET ROLE")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("more", "note"),
    [
        ("ALTER ROLE {0} SUPERUSER", "is a superuser"),
        ("GRANT CREATE ON SCHEMA public TO {0}", "may create tables"),
        ("GRANT postgres TO {0}", "is a member of the owner's role"),
    ],
)
def test_a_role_that_may_do_more_is_reported(more, note):
    name = f"service_{secrets.token_hex(4)}"
    execute(f"CREATE ROLE {name} LOGIN")
    execute(more.format(name))
    found = role_admit({**connection.settings_dict, "USER": name, "PASSWORD": ""})
    assert found[0].startswith(f"the role {name} {note}")


@pytest.mark.django_db
def test_the_two_addresses_must_fit_together():
    mine = connection.settings_dict
    with pytest.raises(CommandError, match="the same database"), as_owner("postgresql://other@/elsewhere"):
        pass
    with pytest.raises(CommandError, match="the same role"), as_owner(f"postgresql://{mine['USER']}@/{mine['NAME']}"):
        pass
    assert connection.settings_dict is mine
