"""`e1 up` with real servers, workers and signals: one shared stack, and one that is killed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psycopg
import pytest

from e1client.api import Client
from e1site.stack.environment import embedded_postgres
from e1site.stack.processes import is_running, marked, title, wait_gone
from tests.stack import E1, STOP_SECONDS, Stack, running_stack

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(sys.platform != "linux", reason="children are counted through /proc"),
]

RECOVER_SECONDS = 300
FOREIGN = {
    "PGHOST": "db.example.org",
    "PGPORT": "1",
    "PGUSER": "someone",
    "PGDATABASE": "theirs",
    "PGOPTIONS": "-c search_path=theirs",
    "CELERY_BROKER_URL": "amqp://broker.example.org//",
    "DJANGO_SETTINGS_MODULE": "theirs.settings",
    "GUNICORN_CMD_ARGS": "--bind 127.0.0.1:1 --workers 9",
    "DATABASE_URL": "",
    "REDIS_URL": "",
}
"""Variables of another project in the user's shell."""
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
        stack.env |= FOREIGN
        try:
            stack.start("--host", "0.0.0.0", "--allow-host", "lab.example")
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


def test_others_come_by_the_names_of_the_machine_and_by_those_that_are_allowed(stack):
    """It listens on every address. A foreign name is refused, and the answer says what to set."""
    for name in (socket.gethostname(), "lab.example", "127.0.0.1"):
        assert httpx.get(f"{stack.url}/login/", headers={"Host": name}).status_code == 200, name
    for path in ("/login/", "/api/jobs/"):
        refused = httpx.get(stack.url + path, headers={"Host": "other.example"})
        assert refused.status_code == 400
        assert "other.example" in refused.text
        assert "--allow-host other.example" in refused.text
        assert "E1_ALLOWED_HOSTS" in refused.text
    odd = httpx.get(f"{stack.url}/login/", headers={"Host": "<b>odd</b>"})
    assert odd.status_code == 400
    assert "odd" not in odd.text
    port = stack.url.rpartition(":")[2]
    assert f"others reach it at http://{socket.gethostname()}:{port}" in stack.output.read_text()


def test_the_banner_says_how_other_folders_reach_it(stack):
    lines = [line.strip() for line in stack.output.read_text().splitlines() if line.strip().startswith("export ")]
    script = "\n".join([*lines, f"exec {E1} status --json"])
    asked = subprocess.run(
        ["sh", "-c", script], env=stack.env, cwd="/", capture_output=True, text=True, timeout=60, check=False
    )
    assert asked.returncode == 0, asked.stderr
    assert [line.partition("=")[0] for line in lines] == ["export E1_URL", "export E1_TOKEN"]


@pytest.mark.slow
def test_a_service_in_the_background_is_stopped_by_a_command(tmp_path):
    other = Stack(tmp_path / "background")
    try:
        begun = other.run("up", "--background", "--port", "0")
        assert begun.returncode == 0, begun.stdout + begun.stderr
        other.output.write_text(begun.stdout)
        assert other.works()
        assert f"`e1 down --data {other.folder.path}` stops it" in begun.stdout
        assert other.run("up", "--background", "--port", "0").returncode == 1, "it runs already"
        ended = other.run("down")
        assert (ended.returncode, marked(other.folder.stack_id)) == (0, [])
        assert other.run("down").stdout.startswith("no service runs on")
    finally:
        other.end()


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


def test_variables_of_other_projects_reach_no_child(stack):
    """The service has started and computes with them in its shell."""
    assert stack.works()
    said = "not used, because they belong to other programs: GUNICORN_CMD_ARGS, PGDATABASE, PGHOST, PGOPTIONS, PG"
    assert said in stack.output.read_text()
    for pid in marked(stack.folder.stack_id):
        environment = Path(f"/proc/{pid}/environ").read_text().split("\0")
        for name, value in FOREIGN.items():
            assert f"{name}={value}" not in environment, title(pid)


def test_a_database_of_another_program_is_refused_by_name(stack, tmp_path):
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as session:
        session.execute("CREATE DATABASE blog")
        try:
            url = os.environ["DATABASE_URL"].replace("/e1?", "/blog?")
            with psycopg.connect(url, autocommit=True) as theirs:
                theirs.execute("CREATE TABLE auth_user (id int); CREATE TABLE blog_post (id int)")
            other = Stack(tmp_path / "other")
            other.env |= {"DATABASE_URL": url}
            refused = other.run("up", "--port", "0")
            assert refused.returncode == 1
            assert "database of DATABASE_URL: blog at /" in refused.stdout
            assert "the database 'blog' of DATABASE_URL has tables of another program (blog_post)" in refused.stderr
            with psycopg.connect(url) as theirs:
                tables = theirs.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            assert sorted(tables) == [("auth_user",), ("blog_post",)]
            other.env |= {"DATABASE_URL": "sqlite:///db.sqlite3"}
            assert "DATABASE_URL begins with 'sqlite'" in other.run("up", "--port", "0").stderr
        finally:
            session.execute("DROP DATABASE blog WITH (FORCE)")


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


def test_workers_of_a_start_that_was_killed_do_not_count_as_alive(stack):
    """Without this, `ready` could be printed while the new worker loads its network."""
    state = "SELECT state FROM jobs_worker WHERE name = %s"
    with stack.sql() as cursor:
        (name,) = cursor.execute("SELECT name FROM jobs_worker WHERE state = 'ready'").fetchone()
        cursor.execute(
            "INSERT INTO jobs_worker (name, model, state, run, reason, draining, last_error, device_errors, costs) "
            "VALUES ('killed@here', 'e1-demo', 'ready', '', '', false, '', 0, '{}')"
        )

    embedded_postgres(stack.folder).workers_gone(["killed@here"])

    with stack.sql() as cursor:
        assert cursor.execute(state, ["killed@here"]).fetchone() == ("stopped",)
        assert cursor.execute(state, [name]).fetchone() == ("ready",)
        cursor.execute("DELETE FROM jobs_worker WHERE name = 'killed@here'")


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


@pytest.mark.full
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
                # Its worker cannot say that it stops, so its row looks alive, here for long.
                cursor.execute("UPDATE jobs_worker SET state = 'ready', heartbeat_at = now() + interval '1 hour'")
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


@pytest.mark.slow
@pytest.mark.full
def test_eight_workers_and_forty_clients_have_enough_connections():
    """Every thread of the web processes keeps a connection, and each worker several."""
    with tempfile.TemporaryDirectory(prefix="e1-stack-", ignore_cleanup_errors=True) as path:
        stack = Stack(Path(path) / "data")
        try:
            stack.start("--workers", "8")
            with stack.sql() as cursor:
                ready = "SELECT count(*) FROM jobs_worker WHERE state = 'ready'"
                assert wait_gone(lambda: cursor.execute(ready).fetchone() != (8,), RECOVER_SECONDS)
                with stack.client() as client:
                    jobs = [client.submit_items(["MKTAYIAKQR"] * 400, model="e1-demo", action="encode") for _ in "ab"]
                    headers = {"Authorization": f"Token {stack.token}"}

                    def ask(number: int) -> set[int]:
                        with httpx.Client(base_url=stack.url, headers=headers, timeout=RECOVER_SECONDS) as one:
                            return {one.get(f"/api/jobs/{jobs[number % 2].id}/").status_code for _ in range(25)}

                    with ThreadPoolExecutor(40) as pool:
                        # One user has so many requests in each process; one over that gets 429, and no error.
                        assert {200} <= set().union(*pool.map(ask, range(40))) <= {200, 429}
                    assert [client.wait(job).state for job in jobs] == ["succeeded", "succeeded"]
            logs = "".join(log.read_text(errors="replace") for log in stack.folder.logs.glob("*.log"))
            assert "too many clients" not in logs
            assert "remaining connection slots" not in logs
        finally:
            stack.end()


@pytest.mark.slow
def test_a_copied_data_folder_runs_beside_the_original(tmp_path):
    with running_stack("original") as original:
        original.launcher.send_signal(signal.SIGINT)
        original.wait(STOP_SECONDS)
        copy = Stack(tmp_path / "copy")
        shutil.copytree(original.folder.path, copy.folder.path)
        original.start()
        before = {name: original.child(name) for name in ("postgres", "valkey", "gunicorn", "celery")}
        # A backup is often made of a running service: the copy names the original's server as its own.
        shutil.copy(
            next(original.folder.path.glob("postgres-*/postmaster.pid")), next(copy.folder.path.glob("postgres-*"))
        )
        try:
            copy.start()
            assert {name: original.child(name) for name in before} == before
            assert all(before.values())
            assert original.works()
            assert copy.works()
            copy.launcher.send_signal(signal.SIGINT)
            copy.wait(STOP_SECONDS)
            assert {name: original.child(name) for name in before} == before
            assert original.works()
        finally:
            copy.end()
