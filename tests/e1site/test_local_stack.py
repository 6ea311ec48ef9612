"""`e1 up` with real servers, workers and signals: one shared stack, and one that is killed."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest

from e1client.api import Client
from e1site.stack.environment import embedded_postgres
from e1site.stack.processes import is_running, marked, title, wait_gone
from tests.stack import STOP_SECONDS, Stack

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(sys.platform != "linux", reason="children are counted through /proc"),
]

RECOVER_SECONDS = 300
EXPIRE = """
from django.conf import settings
settings.E1_RETENTION_DAYS = 30
from jobs.tasks import expire, reap
expire()
reap()
"""
"""The safety nets of a service on which jobs expire."""


@pytest.fixture(scope="module")
def stack():
    with tempfile.TemporaryDirectory(prefix="e1-stack-", ignore_cleanup_errors=True) as path:
        stack = Stack(Path(path) / "data")
        try:
            stack.start()
            yield stack
            stack.launcher.send_signal(signal.SIGINT)
            assert stack.wait(STOP_SECONDS) == 0, stack.output.read_text()
            assert marked(stack.folder.stack_id) == []
        finally:
            stack.end()


def test_a_first_start_makes_a_private_administrator(stack):
    for name in ("admin-password", "token", "secret-key"):
        assert (stack.folder.path / name).stat().st_mode & 0o777 == 0o600
        assert str(stack.folder.path / name) in stack.output.read_text() or name == "secret-key"
    assert stack.works()


def test_only_the_web_process_has_the_key_that_signs_sessions(stack):
    """The worker that computes in `test_a_first_start_makes_a_private_administrator` has none."""
    assert stack.works()
    holders = set()
    for pid in marked(stack.folder.stack_id):
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        if b"E1_SECRET_KEY=" in environment:
            holders.add(next(name for name in ("gunicorn", "worker", "beat", "other") if name in f"{title(pid)} other"))
    assert holders == {"gunicorn"}


def test_the_whole_life_of_a_job_needs_no_right_over_tables(stack):
    """Web and workers use a role that owns nothing. A job is computed and downloaded, then it expires."""
    service = embedded_postgres(stack.folder).url
    with psycopg.connect(service, autocommit=True) as session:
        used = session.execute("SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = 'e1'").fetchall()
        assert used == [("e1_service",)]
        for statement in ("DROP TABLE jobs_job", "CREATE TABLE mine (id int)", "ALTER TABLE jobs_job ADD mine int"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(statement)
        with stack.client() as client:
            job = client.submit_items(["MKTAYIAKQR"] * 20, model="e1-demo", action="encode")
            client.wait(job)
            client.download(job, stack.folder.path / "results.h5")
            session.execute("UPDATE jobs_job SET expires_at = now() WHERE id = %s", [job.id])
            stack.services(EXPIRE)
            assert client.job(job).state == "expired"
        for table in ("jobs_item", "jobs_chunk", "jobs_artefact"):
            assert session.execute(f"SELECT count(*) FROM {table} WHERE job_id = %s", [job.id]).fetchone() == (0,)


def test_a_second_start_on_the_same_folder_refuses(stack):
    second = stack.run("up", "--port", "0")
    assert second.returncode == 1
    assert f"in use by process {stack.launcher.pid}" in second.stderr


def test_a_port_in_use_is_refused_before_anything_starts(stack, tmp_path):
    other = Stack(tmp_path / "other")
    second = other.run("up", "--port", stack.url.rpartition(":")[2])
    assert second.returncode == 1
    assert "choose another with --port" in second.stderr
    assert not (tmp_path / "other" / "valkey").exists()


def test_a_user_is_added_once(stack):
    added = stack.run("user", "add", "rosalind")
    assert added.returncode == 0, added.stderr
    token = added.stdout.split("token ")[1].split()[0]
    with Client(stack.url, token) as client:
        assert client.jobs() == []
    again = stack.run("user", "add", "rosalind")
    assert again.returncode != 0
    assert "already" in again.stderr


@pytest.mark.parametrize("part", ["postgres -D", "valkey", "gunicorn", "-n e1-demo-1@"])
def test_a_killed_child_comes_back_and_the_service_works_again(stack, part):
    killed = stack.child(part)
    assert killed, "0 is everybody in the group of the tests"
    os.kill(killed, signal.SIGKILL)

    assert wait_gone(lambda: stack.child(part) in (0, killed), RECOVER_SECONDS), stack.output.read_text()
    assert wait_gone(lambda: not stack.works(), RECOVER_SECONDS, step=0.2), stack.output.read_text()


@pytest.mark.slow
def test_a_killed_launcher_leaves_nothing_and_the_next_start_has_the_data():
    with tempfile.TemporaryDirectory(prefix="e1-stack-", ignore_cleanup_errors=True) as path:
        stack = Stack(Path(path) / "data")
        try:
            stack.start()
            assert stack.run("user", "add", "barbara").returncode == 0
            token = (stack.folder.path / "token").read_text()

            stack.launcher.kill()
            stack.launcher.wait()
            gone = wait_gone(lambda: bool(marked(stack.folder.stack_id)), STOP_SECONDS)
            assert gone, "children outlived their launcher"

            stack.start()
            assert (stack.folder.path / "token").read_text() == token
            assert stack.works()
            assert "already" in stack.run("user", "add", "barbara").stderr

            children = marked(stack.folder.stack_id)
            stack.launcher.send_signal(signal.SIGTERM)
            assert stack.wait(STOP_SECONDS) == 0, stack.output.read_text()
            assert not any(is_running(pid) for pid in children)
        finally:
            stack.end()


@pytest.mark.slow
def test_a_data_folder_of_an_earlier_version_starts_and_gets_the_second_role():
    """Its superuser did everything, and beat kept a file of pickles in it."""
    with tempfile.TemporaryDirectory(prefix="e1-stack-", ignore_cleanup_errors=True) as path:
        stack = Stack(Path(path) / "data")
        try:
            stack.start()
            token = stack.token
            with stack.sql() as cursor:
                for statement in ("DROP OWNED BY e1_service", "DROP ROLE e1_service"):
                    cursor.execute(statement)
            stack.launcher.send_signal(signal.SIGINT)
            assert stack.wait(STOP_SECONDS) == 0, stack.output.read_text()
            (stack.folder.path / "beat-schedule.db").write_bytes(b"pickles")

            stack.start()
            assert stack.token == token
            assert stack.works()
            assert not list(stack.folder.path.glob("beat-schedule*"))
            stack.launcher.send_signal(signal.SIGINT)
            assert stack.wait(STOP_SECONDS) == 0, stack.output.read_text()
        finally:
            stack.end()
