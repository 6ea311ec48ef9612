"""Commands for administrators end with a sentence, a code and a status."""

from __future__ import annotations

import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from e1site.defaults import database_problem
from jobs.management.refusals import Refusal

ROOT = Path(__file__).parents[2]
E1 = str(Path(sys.executable).with_name("e1"))
MANAGE = (sys.executable, str(ROOT / "manage.py"))


def ran(*command: str, **env: str) -> subprocess.CompletedProcess[str]:
    full = {**os.environ, **env}
    done = subprocess.run(command, env=full, capture_output=True, text=True, timeout=120, check=False)
    assert "Traceback" not in done.stderr
    assert "Warning" not in done.stderr
    assert "CommandError" not in done.stderr
    return done


MALFORMED = [
    "nonsense",
    "postgresql//e1@localhost/e1",
    "sqlite:///db.sqlite3",
    "postgresql://[e1/e1",
    "postgresql://localhost:port/e1",
    "postgresql://localhost:5432",
]


@pytest.mark.parametrize("url", MALFORMED)
def test_a_malformed_address_is_a_sentence(url):
    assert database_problem(url)


@pytest.mark.parametrize("url", ["postgresql://e1@/e1?host=/run/pg", "postgres://u:p@db.example.org:5433/e1"])
def test_a_good_address_is_none(url):
    assert database_problem(url) == ""


@pytest.mark.parametrize("command", [(E1, "user", "list"), (*MANAGE, "e1_user", "list"), (*MANAGE, "check")])
def test_no_command_ends_in_a_traceback_for_it(command):
    done = ran(*command, DATABASE_URL="postgresql//e1@localhost/e1")
    assert done.returncode == 2
    assert "DATABASE_URL" in done.stderr
    assert done.stderr.strip().endswith("[bad_setting]")
    assert done.stderr.count("DATABASE_URL has no scheme") == 1


@pytest.mark.slow
def test_a_database_that_is_away(tmp_path):
    done = ran(*MANAGE, "e1_user", "list", DATABASE_URL="postgresql://e1@127.0.0.1:1/e1?connect_timeout=2")
    assert (done.returncode, done.stderr.count("[database_away]")) == (5, 1)


def test_a_database_without_our_tables():
    base, _, options = os.environ["DATABASE_URL"].partition("?")
    url = f"{base.rpartition('/')[0]}/postgres?{options}"
    done = ran(*MANAGE, "e1_user", "list", DATABASE_URL=url)
    assert (done.returncode, done.stderr.count("[tables_missing]")) == (3, 1)


def test_a_folder_on_which_no_service_runs(tmp_path):
    env = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    command = [E1, "worker", "drain", "e1-demo-1", "--data", str(tmp_path)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 5
    assert done.stderr.strip().endswith("[no_service]")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("e1_database", "add", "uniref50", "/none/at/all.fasta"), "file_unreadable"),
        (("e1_database", "remove", "absent"), "not_found"),
        (("e1_worker_drain", "absent"), "unknown_worker"),
        (("e1_user", "password", "absent"), "unknown_user"),
        (("e1_user_add", "bad name"), "bad_user"),
    ],
)
def test_a_refusal_has_a_code_and_the_status_of_refusals(command, code, settings, tmp_path):
    settings.E1_DATABASES = str(tmp_path)
    with pytest.raises(Refusal) as refused:
        call_command(*command, stdout=StringIO())
    assert refused.value.returncode == 3
    assert f"[{code}]" in str(refused.value).splitlines()[0]
