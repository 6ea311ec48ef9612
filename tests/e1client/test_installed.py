"""Both distributions as users install them: built, installed into empty environments, and used together."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import time
from pathlib import Path

import httpx
import psycopg
import pytest

from e1client.commands import SERVICE_COMMANDS
from e1site.stack.environment import usable_port
from e1site.stack.parts import web as web_part
from tests.e1client.client_fake import TOKEN, FakeService
from tests.wheels import CHECKOUT, CLIENT, built, installed

pytestmark = pytest.mark.slow
SECONDS = 120
HEAVY = ("django", "celery", "torch", "numpy", "pandas", "e1site", "jobs", "worker")
FASTA = ">a\nMKTAYIAKQR\n>b\nMKTWYIAKQR\n"


@pytest.fixture(scope="module")
def client_wheel(tmp_path_factory) -> Path:
    return built(tmp_path_factory.mktemp("client-wheel"), CLIENT)


@pytest.fixture(scope="module")
def laptop(client_wheel, tmp_path_factory) -> Path:
    """Return the folder of commands of an environment with `e1-client` alone."""
    return installed(tmp_path_factory.mktemp("laptop") / "venv", client_wheel)


@pytest.fixture(scope="module")
def server(client_wheel, tmp_path_factory) -> Path:
    """Return the folder of commands of an environment with both, without PyTorch."""
    service_wheel = built(tmp_path_factory.mktemp("service-wheel"), CHECKOUT)
    return installed(tmp_path_factory.mktemp("server") / "venv", client_wheel, service_wheel)


@pytest.fixture
def ran(tmp_path):
    """Run a command away from the checkout, without the variables of the test session."""

    def run(program: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "COLUMNS": "120", **environment}
        command = [str(program), *arguments]
        return subprocess.run(
            command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS, check=False
        )

    return run


def test_the_client_alone_submits(laptop, ran, tmp_path):
    (tmp_path / "library.fasta").write_text(FASTA)
    service = FakeService()
    try:
        submit = ("submit", "library.fasta", "--action", "encode", "--model", "e1-demo", "--wait", "--out", "r.jsonl")
        done = ran(laptop / "e1", *submit, E1_URL=service.url, E1_TOKEN=TOKEN)
    finally:
        service.close()
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["state"] == "succeeded"
    assert service.log[0]["fields"]["file"] == ("library.fasta", FASTA.encode())
    assert (tmp_path / "r.jsonl").exists()


def test_the_client_alone_has_no_heavy_package(laptop, ran):
    code = (
        "import importlib.util, e1client.cli, e1protocol; from e1client import Client; "
        f"print([name for name in {HEAVY} if importlib.util.find_spec(name)], e1protocol.Query('MKT').tokens)"
    )
    done = ran(laptop / "python", "-c", code)
    assert (done.stdout, done.stderr) == ("[] 7\n", "")


def test_the_client_alone_names_what_brings_the_other_commands(laptop, ran):
    assert ran(laptop / "e1", "--version").stdout == "e1-client 0.1.0\n"
    assert " verify " not in ran(laptop / "e1", "--help").stdout
    for name in SERVICE_COMMANDS:
        done = ran(laptop / "e1", name, "--model", "e1-demo")
        assert (done.returncode, done.stdout) == (2, "")
        assert f"`e1 {name}` comes with the distribution e1-service" in done.stderr
        assert len(done.stderr.splitlines()) == 1
    error = json.loads(ran(laptop / "e1", "run", "x.fasta", "--json").stderr)
    assert (error["code"], error["exit_code"]) == ("package_missing", 2)


def test_the_service_adds_its_commands(server, ran, tmp_path):
    (tmp_path / "library.fasta").write_text(FASTA)
    assert ran(server / "e1", "--version").stdout == "e1-client 0.1.0\ne1-service 0.1.0\n"
    shown = ran(server / "e1", "--help").stdout
    assert all(f" {name} " in shown for name in SERVICE_COMMANDS)
    run = ("run", "library.fasta", "--action", "encode", "--model", "e1-demo", "--out", "r.npz")
    done = ran(server / "e1", *run)
    assert done.returncode == 2
    assert "needs the package torch, which is not installed" in done.stderr


def test_a_job_goes_from_one_to_the_other(laptop, server, ran, tmp_path):
    """No worker runs, so that the job stays queued."""
    (tmp_path / "library.fasta").write_text(FASTA)
    database = f"installed_{secrets.token_hex(4)}"
    store = os.environ["DATABASE_URL"]
    with psycopg.connect(store, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {database}")
    parts = store.partition("?")
    port = usable_port("127.0.0.1", 0)
    env = {
        "DATABASE_URL": "".join((parts[0].rpartition("/")[0], "/", database, *parts[1:])),
        "REDIS_URL": os.environ["REDIS_URL"],
        "E1_SECRET_KEY": secrets.token_urlsafe(48),
        "DJANGO_SETTINGS_MODULE": "e1site.settings",
    }
    made = ran(server / "python", "-m", "django", "e1_bootstrap", "--migrate", "--data", str(tmp_path), **env)
    assert made.returncode == 0, made.stderr
    url = f"http://127.0.0.1:{port}"
    web = subprocess.Popen(
        [str(server / "python"), *web_part("127.0.0.1", port).command[1:]],
        env={"PATH": os.environ["PATH"], **env},
        cwd=tmp_path,
    )
    try:
        assert "jobs/dist/assets/" in page(f"{url}/login/")
        submit = ("submit", "library.fasta", "--action", "encode", "--model", "e1-demo", "--name", "from a wheel")
        token = (tmp_path / "token").read_text().strip()
        done = ran(laptop / "e1", *submit, E1_URL=url, E1_TOKEN=token)
        assert done.returncode == 0, done.stderr
        job = json.loads(done.stdout)
        assert (job["name"], job["counts"]["total"]) == ("from a wheel", 2)
    finally:
        web.terminate()
        web.wait(SECONDS)


def page(url: str) -> str:
    """Return the page once the web process answers."""
    end = time.monotonic() + SECONDS
    while True:
        try:
            return httpx.get(url, trust_env=False).raise_for_status().text
        except httpx.TransportError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
