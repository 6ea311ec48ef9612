"""What happens to the deployment in containers. Each step checks something, and is timed."""

from __future__ import annotations

import hashlib
import os
import random
import re
import shlex
import ssl
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from e1client.api import Client
from e1site.stack.processes import wait_gone
from tests.deploy.composed import ROOT
from tests.deploy.proxy import free_port
from tests.deploy.stand_ins.composed import SECONDS, Compose

MODEL = "e1-demo"
SERVICES = ("postgres", "valkey", "web", "proxy", "beat", "service", "artefacts", "worker-cpu")
APPLICATION = ("proxy", "web", "beat", "service", "artefacts", "worker-cpu")
FORMATS = ("jsonl", "csv", "xlsx", "npz", "h5", "parquet")
ITEMS = 200
LONG = 3000
"""Items of a job that runs while containers are killed or exchanged."""
PREFIX = "/e1"
SERVICE_USER = 10001
"""The user of our containers."""


def library(count: int, seed: int = 1) -> list[tuple[str, str]]:
    draw = random.Random(seed)
    return [(f"p{n}", "".join(draw.choices("ACDEFGHIKLMNPQRSTVWY", k=draw.randint(100, 400)))) for n in range(count)]


def documented(page: str, heading: str) -> list[list[str]]:
    """Return the commands of Compose in the blocks under a heading of a page, without `docker compose`."""
    section = (ROOT / "docs" / page).read_text().partition(f"\n{heading}\n")[2].partition("\n## ")[0]
    lines = [line for block in re.findall(r"^```\n(.*?)^```$", section, re.M | re.S) for line in block.splitlines()]
    commands = [shlex.split(line, comments=True) for line in lines]
    assert commands
    assert all(command[:2] == ["docker", "compose"] for command in commands), commands
    return [command[2:] for command in commands]


class Story:
    """One deployment from its first start to its end."""

    def __init__(self, compose: Compose, folder: Path) -> None:
        self.compose, self.folder = compose, folder
        self.port, self.tls_port = free_port(), free_port()
        compose.change(E1_LISTEN=f"127.0.0.1:{self.port}")
        self.url = f"http://127.0.0.1:{self.port}"
        self.prefix = ""
        self.token = self.password = ""
        self.kept: dict[str, str] = {}

    def client(self) -> Client:
        return Client(self.url, self.token)

    # --- the steps, in their order -----------------------------------------------------------------------------------
    def first_start(self) -> None:
        self.compose.run("up", "-d")
        self.compose.await_state(SERVICES)
        assert self.compose.state("migrate") == "exited 0", self.compose.state("migrate")
        show = ("run", "--rm", "migrate", "cat")
        self.password = self.compose.run(*show, "/data/admin-password").decode().strip()
        self.token = self.compose.run(*show, "/data/token").decode().strip()
        assert httpx.get(f"{self.url}/readyz", timeout=60).status_code == 200

    def log_in(self, verify: ssl.SSLContext | bool = True) -> None:
        """Log in as a browser does, through the proxy, and fetch a page with its style sheet."""
        with httpx.Client(base_url=self.url, verify=verify, timeout=60, follow_redirects=True) as browser:
            form = browser.get("login/")
            found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form.text)
            assert found, form.text[:500]
            fields = {"csrfmiddlewaretoken": found[1], "username": "admin", "password": self.password}
            page = browser.post("login/", data=fields, headers={"Referer": f"{self.url}/login/"})
            assert page.status_code == 200, page.text[:500]
            assert "log out" in page.text.lower(), "the login did not work"
            files = re.findall(r'<(?:link|script)[^>]+(?:href|src)="([^"]+\.(?:css|js))"', page.text)
            assert {file.rpartition(".")[2] for file in files} == {"css", "js"}, page.text[:1000]
            assert all(browser.get(page.url.join(file)).status_code == 200 for file in files)
            links = re.findall(r'(?:href|src|action)="(/[^"]*)"', page.text)
            assert links
            assert all(link.startswith(f"{self.prefix}/") for link in links), links

    def job_and_downloads(self) -> None:
        with self.client() as client:
            job = client.submit_items(library(ITEMS), model=MODEL, action="encode")
            done = client.wait(job, timeout=SECONDS)
            assert (done.state, done.counts["succeeded"]) == ("succeeded", ITEMS), done.counts
            for suffix in FORMATS:
                path = client.download(job, self.folder / f"first.{suffix}")
                assert path.stat().st_size > ITEMS, suffix
            assert len(client.results(job).names) == ITEMS
            self.kept[job.id] = self._digest(client, job.id)

    def kills(self) -> None:
        """Kill every container in turn while a job runs."""
        with self._long_job("kills"):
            for service in (
                "worker-cpu",
                "web",
                "valkey",
                "beat",
                "service",
                "artefacts",
                "proxy",
                "postgres",
                "worker-cpu",
            ):
                self.compose.crash(service)
        self.compose.await_state(SERVICES)

    def upgrade(self, tag: str, version: str) -> None:
        """Follow docs/deploy.md with new images, while a job runs; a new job names the new version."""
        with self._long_job("upgrade"):
            self.compose.run("stop", *APPLICATION)
            self.compose.change(E1_TAG=tag)
            self.compose.run("up", "-d")
        self.compose.await_state(SERVICES)
        with self.client() as client:
            job = client.submit_items(library(8), model=MODEL, action="log_prob")
            client.wait(job, timeout=SECONDS)
            manifest = client.manifest(job)
        assert version in str(manifest), f"the new version {version} did not compute: {manifest}"

    def back_up_and_restore(self) -> None:
        """Dump, lose everything, and restore into new volumes, as docs/deploy.md says."""
        dump = self.compose.run("exec", "-T", "postgres", "pg_dump", "--username", "e1", "--format", "custom", "e1")
        assert dump.startswith(b"PGDMP")
        self.compose.run("down", "--volumes")
        self.compose.run("up", "-d", "postgres")
        self.compose.await_state(["postgres"])
        for command in (
            ("dropdb", "--username", "e1", "--if-exists", "--force", "e1"),
            ("createdb", "--username", "e1", "e1"),
        ):
            self.compose.run("exec", "-T", "postgres", *command)
        restore = ("pg_restore", "--username", "e1", "--dbname", "e1", "--no-acl", "--exit-on-error")
        # Not by Compose: its old version and Podman's socket together never end the standard input of a command.
        self.compose.podman.run("exec", "--interactive", self.compose.container("postgres"), *restore, data=dump)
        self.compose.run("up", "-d")
        self.compose.await_state(SERVICES)
        self._check_kept()

    def own_back_up_and_restore(self) -> None:
        """Save in the middle of a job, lose everything, and restore, by the commands of docs/backup.md as written."""
        folder = self.folder / "backups"
        folder.mkdir()
        os.chown(folder, SERVICE_USER, SERVICE_USER)

        def here(command: list[str], *more: str) -> list[str]:
            return [word.replace("/backups:", f"{folder}:", 1) for word in command] + list(more)

        save, *restore = documented("backup.md", "## With Compose")
        with self._long_job("backup") as running:
            self.compose.run("stop", "worker-cpu")  # or the job may end before the backup begins
            with self.client() as client:
                assert not client.job(running).is_final, "the job ended before the backup"
            self.compose.run(*here(save))
            assert (folder / "e1.backup").stat().st_size > 0
            self.compose.run("up", "-d")
        with self.client() as client:
            rows = {row["name"]: row["result"]["log_prob"] for row in client.rows(running)}
        # What was not saved is computed anew, in other bundles: its last digits may differ.
        del self.kept[running]
        self.compose.run("down", "--volumes")
        for command in restore:
            self.compose.run(*here(command))
        self.compose.await_state(SERVICES)
        with self.client() as client:
            done = client.wait(running, timeout=SECONDS)
            assert (done.state, done.counts["succeeded"]) == ("succeeded", LONG), done.counts
            again = {row["name"]: row["result"]["log_prob"] for row in client.rows(running)}
        assert again.keys() == rows.keys()
        assert max(abs(again[name] - rows[name]) for name in rows) < 0.01
        self._check_kept()
        # The machine has users and jobs now.
        (load,) = (command for command in restore if "e1_restore" in command)
        refused = self.compose.ended(*here(load))
        assert refused.returncode != 0
        assert b"--replace" in refused.stdout + refused.stderr, refused
        self.compose.run(*restore[0])
        self.compose.run(*here(load, "--replace"))
        self.compose.run(*restore[-1])
        self.compose.await_state(SERVICES)
        self._check_kept()

    def under_a_path(self) -> None:
        """Serve everything under a prefix: pages, static files, a job, downloads, and what programs probe."""
        root, self.prefix = self.url, PREFIX
        self.compose.change(E1_PREFIX=PREFIX)
        self.compose.run("up", "-d")
        self.compose.await_state(SERVICES)
        self.url = f"{root}{PREFIX}"
        assert httpx.get(f"{self.url}/", timeout=60).headers["location"].startswith(f"{PREFIX}/login/")
        for probe in (f"{self.url}/readyz", f"{root}/readyz"):
            assert httpx.get(probe, timeout=60).status_code == 200, probe
        self.log_in()
        self.job_and_downloads()
        self._check_kept()

    def tls(self) -> None:
        """Let the proxy terminate TLS; plain HTTP redirects pages and refuses programs."""
        folder = self.folder / "tls"
        folder.mkdir()
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                   "-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem"]  # fmt: skip
        subprocess.run(command, cwd=folder, capture_output=True, check=True)
        for path in (folder, *folder.iterdir()):
            path.chmod(0o755 if path.is_dir() else 0o644)  # user 101 reads them
        self.compose.change(E1_TLS_FOLDER=str(folder), E1_TLS_LISTEN=f"127.0.0.1:{self.tls_port}",
                            COMPOSE_FILE="docker-compose.yml:deploy/tls.yml")  # fmt: skip
        self.compose.run("up", "-d")
        self.compose.await_state(SERVICES)
        plain = f"http://localhost:{self.port}{self.prefix}"
        assert httpx.get(f"{plain}/jobs/", timeout=60).status_code == 308
        assert httpx.get(f"{plain}/api/jobs/", timeout=60).status_code == 403
        self.url = f"https://localhost:{self.tls_port}{self.prefix}"
        trusted = ssl.create_default_context(cafile=folder / "cert.pem")
        answer = httpx.get(f"{self.url}/api/jobs/", headers={"Authorization": f"Token {self.token}"}, verify=trusted)
        assert answer.status_code == 200
        assert "strict-transport-security" in answer.headers
        self.log_in(trusted)

    def end(self) -> None:
        self.compose.run("down", "--volumes", "--remove-orphans")

    # --- help --------------------------------------------------------------------------------------------------------
    @contextmanager
    def _long_job(self, name: str) -> Iterator[str]:
        """Run a job around the block, which starts after the first results and before the last ones. Yields its id."""
        with self.client() as client:
            job = client.submit_items(library(LONG, seed=2), model=MODEL, action="log_prob", name=name)
            assert wait_gone(lambda: not client.job(job).finished_items, SECONDS)
            assert not client.job(job).is_final, "the job is too short"
        yield job.id
        with self.client() as client:
            done = client.wait(job, timeout=SECONDS)
            assert (done.state, done.counts["succeeded"]) == ("succeeded", LONG), done.counts
            self.kept[job.id] = self._digest(client, job.id)

    def _check_kept(self) -> None:
        """Compare the results of all jobs with what they were."""
        with self.client() as client:
            for job, digest in self.kept.items():
                assert self._digest(client, job) == digest, f"job {job} came back with other results"

    def _digest(self, client: Client, job: str) -> str:
        with tempfile.TemporaryDirectory() as folder:
            return hashlib.sha256(client.download(job, Path(folder) / "x.jsonl").read_bytes()).hexdigest()


def steps(story: Story, tag: str, version: str) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield what to do. `tag` and `version` are those of the images to upgrade to."""
    yield "first start until everything is healthy", story.first_start
    yield "login through the proxy", story.log_in
    yield f"job of {ITEMS}, downloads in {len(FORMATS)} formats", story.job_and_downloads
    yield "nine kills during a job", story.kills
    yield "upgrade during a job", lambda: story.upgrade(tag, version)
    yield "dump, new volumes, restore", story.back_up_and_restore
    yield "e1_backup during a job, new volumes, e1_restore", story.own_back_up_and_restore
    yield f"everything under {PREFIX}/", story.under_a_path
    yield "TLS", story.tls
