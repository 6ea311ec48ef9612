"""A job whose workers are Slurm jobs, which come and go in every way that a cluster has (docs/slurm.md)."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg
import pytest

from e1client.api import Client
from e1site.stack.processes import wait_gone
from jobs.attribution import ATTRIBUTION
from tests.deploy.composed import ROOT
from tests.deploy.network_stores import NetworkStores, find_postgres_with_tls, network_stores
from tests.deploy.slurm import ENDED, Cluster, running_cluster
from tests.needed import FULL, for_full_run, full_program
from tests.stack import Stack, running_stack

pytestmark = [pytest.mark.slow, pytest.mark.stack]

MODEL = "e1-demo"
SCRIPT = ROOT / "deploy" / "slurm" / "worker.sbatch"
AUTOSCALE = ROOT / "deploy" / "slurm" / "autoscale.py"
SECONDS = 300
"""Limit of each wait: Slurm's own pauses add up to a minute, and a busy machine takes long to load a network."""
LEASE_SECONDS = "6"
SMALL = ("--gres=none", "--cpus-per-task=1", "--mem=500")


@dataclass
class Site:
    """The service on the login node, its stores, and the cluster."""

    stack: Stack
    stores: NetworkStores
    cluster: Cluster

    def count(self, what: str) -> int:
        """Return one number of the database."""
        with psycopg.connect(self.stores.owner_url, autocommit=True) as connection:
            row = connection.execute(f"SELECT {what}").fetchone()
        assert row is not None
        return int(row[0] or 0)

    def finished(self) -> int:
        return self.count("sum(n_succeeded) FROM jobs_chunk")

    def until_final(self, client: Client, job: str) -> None:
        """Wait until a job of the service has ended, as long as anything of it is finished within SECONDS."""
        while not client.job(job).is_final:
            before = self.finished()
            wait_gone(partial(self._stays, client, job, before), SECONDS, step=1)
            moved = self.finished() > before or client.job(job).is_final
            assert moved, f"nothing was finished for {SECONDS} s\n{self.cluster.logs()}"

    def _stays(self, client: Client, job: str, finished: int) -> bool:
        return self.finished() == finished and not client.job(job).is_final

    def computing(self, job: str) -> bool:
        """Return whether this Slurm job's worker has begun a bundle."""
        return self.count(f"count(*) FROM jobs_chunk WHERE state = 'leased' AND begun AND worker LIKE '%-{job}@%'") > 0

    def ready(self, job: str) -> bool:
        return self.count(f"count(*) FROM jobs_worker WHERE state = 'ready' AND name LIKE '%-{job}@%'") > 0

    def log(self, job: str) -> str:
        path = self.cluster.folder / f"e1-worker-{job}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def services(self, code: str) -> str:
        """Run Python of the service on its database, and return what it prints."""
        setup = "import django\ndjango.setup()\n"
        own = {"DATABASE_URL": self.stores.owner_url, "REDIS_URL": self.stores.redis_url, "E1_SECRET_KEY": "k" * 50,
               "DJANGO_SETTINGS_MODULE": "e1site.settings"}  # fmt: skip
        command = [sys.executable, "-c", setup + code]
        done = subprocess.run(command, env={**os.environ, **own}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    @property
    def variables(self) -> dict[str, str]:
        """What a person sets before sbatch; and the lease that the service has."""
        python = Path(sys.executable).parent
        return {"E1_WORKER_ENV": str(self.stores.folder / "worker.env"), "E1_WORKER_BIN": str(python),
                "PYTHONPATH": str(ROOT), "E1_LEASE_SECONDS": LEASE_SECONDS}  # fmt: skip

    def submit(self, *options: str, **more: str) -> str:
        """Submit the batch script and return the id of its only task."""
        variables = {**self.variables, "E1_WORKER_MODELS": MODEL, **more}
        output = f"--output={self.cluster.folder}/e1-worker-%A_%a.log"
        command = ("sbatch", "--parsable", f"--chdir={self.cluster.folder}", output, *SMALL, *options, str(SCRIPT))
        return self.cluster.run(*command, **variables).strip() + "_0"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    if not os.environ.get(FULL):
        pytest.skip("computing under Slurm takes minutes: make test-full does it")
    for program in ("slurmctld", "slurmd", "munged"):
        full_program(program, package="slurm-wlm and munge")
    valkey = full_program("valkey-server", "redis-server", package="valkey-server or redis-server")
    postgres = find_postgres_with_tls()
    if postgres is None:
        for_full_run("no PostgreSQL with TLS is installed; on Debian and Ubuntu install the package postgresql")
    if os.geteuid() != 0:
        for_full_run("Slurm's daemons run as root")
    with tempfile.TemporaryDirectory(prefix="e1-slurm-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # munged and Postgres are other users
        with network_stores(folder / "stores", postgres, valkey) as stores:
            addresses = {"DATABASE_URL": stores.database_url, "REDIS_URL": stores.redis_url,
                         "E1_OWNER_DATABASE_URL": stores.owner_url, "E1_LEASE_SECONDS": LEASE_SECONDS}  # fmt: skip
            with (
                running_stack("login", *("--workers", "0"), **addresses) as stack,
                running_cluster(folder / "cluster") as cluster,
            ):
                yield Site(stack, stores, cluster)


def library(first: int, count: int) -> list[tuple[str, str]]:
    """Return proteins of 300 to 500 residues."""
    draw = random.Random(first)
    letters = "ACDEFGHIKLMNPQRSTVWY"
    return [(f"p{n}", "".join(draw.choices(letters, k=draw.randint(300, 500)))) for n in range(first, first + count)]


class Work:
    """One job, which grows while workers come and go, so that it never ends early."""

    PART = 400

    def __init__(self, site: Site) -> None:
        self.site, self.total = site, self.PART
        with site.stack.client() as client:
            self.job = client.submit_items(library(0, self.PART), model=MODEL, action="log_prob").id

    def more(self, client: Client) -> None:
        rows = "".join(f">{name}\n{sequence}\n" for name, sequence in library(self.total, self.PART))
        with tempfile.NamedTemporaryFile("w", suffix=".fasta") as file:
            file.write(rows)
            file.flush()
            client.extend(self.job, file.name)
        self.total += self.PART

    def until_computing(self, job: str) -> None:
        """Wait until this worker computes; there is always more to do."""

        def waits() -> bool:
            with self.site.stack.client() as client:
                if client.job(self.job).counts["pending"] < self.PART:
                    self.more(client)
            return not self.site.computing(job)

        assert wait_gone(waits, SECONDS), f"{self.site.log(job)}\n{self.site.cluster.logs()}"


def gone(site: Site, job: str) -> None:
    """Wait until Slurm has no process of this job any more."""
    assert wait_gone(lambda: site.cluster.state(job) not in ENDED, SECONDS), site.cluster.state(job)


def test_workers_come_and_go_and_nothing_is_lost_or_counted(site):
    work = Work(site)
    again = {"E1_WORKER_AGAIN": "yes"}
    # Slurm may send the signal a minute early: between 75 and 135 seconds after the start.
    limited = site.submit("--time=3", "--signal=B:USR1@45", **again)
    work.until_computing(limited)
    assert ATTRIBUTION in site.log(limited)

    cancelled = site.submit()
    work.until_computing(cancelled)
    site.cluster.run("scancel", cancelled)
    gone(site, cancelled)

    requeued = site.submit()
    work.until_computing(requeued)
    site.cluster.run("scontrol", "requeue", requeued)
    gone(site, requeued)
    site.cluster.start_now(requeued)

    assert wait_gone(lambda: "the time limit of the job is near" not in site.log(limited), SECONDS), site.log(limited)
    assert wait_gone(lambda: "the worker has ended with status 0" not in site.log(limited), SECONDS), site.log(limited)
    gone(site, limited)
    site.cluster.run("scancel", limited)
    assert site.count("count(*) FROM jobs_chunk WHERE isolate OR losses > 0") == 0, "an orderly end counted as a loss"

    work.until_computing(requeued)
    assert "start 1," in site.log(requeued)
    node = site.cluster.node_of(requeued)
    site.cluster.kill_node(node)
    assert wait_gone(lambda: site.cluster.state(requeued) != "PENDING", SECONDS), site.cluster.state(requeued)
    # It starts on the other node. On one that has just come back, Slurm 22.05 ends it as a stray of the life before.
    site.cluster.start_now(requeued)
    with site.stack.client() as client:
        work.more(client)
        site.until_final(client, work.job)
        job = client.job(work.job)
        assert (job.state, job.counts["succeeded"]) == ("succeeded", work.total)
        rows = list(client.rows(work.job))
    assert [row["name"] for row in rows] == [name for name, _ in library(0, work.PART)] + [
        f"p{n}" for n in range(work.PART, work.total)
    ]
    assert "start 2," in site.log(requeued)
    assert site.cluster.node_of(requeued) != node
    site.cluster.start_node(node)
    assert site.count("sum(losses) FROM jobs_chunk") == 0, "the death of a node counted against an item"
    site.cluster.run("scancel", requeued)
    gone(site, requeued)


def test_the_queue_asks_for_workers_and_lets_them_go(site):
    with site.stack.client() as client:
        job = client.submit_items(library(0, 800), model=MODEL, action="log_prob")
    env = {**site.variables, "E1_URL": site.stack.url, "E1_TOKEN": site.stack.token}
    output = f"--output={site.cluster.folder}/e1-worker-%A_%a.log"

    def look(*more: str) -> str:
        command = [sys.executable, str(AUTOSCALE), "--model", MODEL, "--most", "2", *more]
        return site.cluster.run(*command, "--", *SMALL, f"--chdir={site.cluster.folder}", output, **env)

    assert "change +1" in look()
    assert "change +0" in look(), "it asked twice for the same worker"
    with site.stack.client() as client:
        assert wait_gone(lambda: not client.usage()["models"][MODEL]["tokens_per_second"], SECONDS), site.cluster.logs()
        if not client.job(job).is_final:
            assert "change +1" in look("--seconds", "0.001")
        site.until_final(client, job)
        assert client.job(job).state == "succeeded"
    assert "change -" in look()
    listed = ["squeue", "--noheader", "--name", f"e1-{MODEL}"]
    assert wait_gone(lambda: bool(site.cluster.run(*listed).strip()), SECONDS), site.cluster.logs()
    assert site.count("count(*) FROM jobs_worker WHERE state = 'ready'") == 0, "a worker did not say goodbye"


PEOPLE = """
from django.contrib.auth.models import Group, User
from jobs.management.commands._users import create_user
from jobs.models import CostCentre
print(create_user("bea", password="a long password 51", superuser=False, token_name="t"))
for user, code in ((User.objects.get(is_superuser=True), "A"), (User.objects.get(username="bea"), "B, 2")):
    group = Group.objects.create(name=f"lab of {user}")
    user.groups.add(group)
    CostCentre.objects.create(group=group, code=code, own_workers=True)
"""


def test_workers_of_two_cost_centres_are_charged_to_their_accounts_and_nothing_crosses(site):
    token = site.services(PEOPLE)
    accounts = site.cluster.folder / "accounts.txt"
    accounts.write_text("A=lab_a\nB, 2=lab_b\n")
    # A job of this account that is charged to another starts no worker.
    wrong = site.submit("--account=lab_b", E1_WORKER_COST_CENTRE="A", E1_WORKER_ACCOUNTS=str(accounts))
    assert wait_gone(lambda: "but A belongs to lab_a" not in site.log(wrong), SECONDS), site.log(wrong)
    env = {
        **site.variables,
        "E1_URL": site.stack.url,
        "E1_TOKEN": site.stack.token,
        "E1_WORKER_ACCOUNTS": str(accounts),
    }
    output = f"--output={site.cluster.folder}/e1-worker-%A_%a.log"

    def look() -> list[str]:
        command = [sys.executable, str(AUTOSCALE), "--model", MODEL, "--accounts", str(accounts), "--most", "1"]
        said = site.cluster.run(*command, "--", *SMALL, f"--chdir={site.cluster.folder}", output, **env)
        return [line.rpartition("; ")[2] for line in said.splitlines()]

    with site.stack.client() as mine, Client(site.stack.url, token) as other:
        jobs = {
            client: client.submit_items(library(0, 80), model=MODEL, action="log_prob").id for client in (mine, other)
        }
        assert look() == ["change +1", "change +1"]
        listed = site.cluster.run("squeue", "--noheader", "--array", "--states=all", "--format=%i %a %j")
        charged = {job: account for job, account, name in map(str.split, listed.splitlines()) if "@" in name}
        assert sorted(charged.values()) == ["lab_a", "lab_b"]
        for client, job in jobs.items():
            site.until_final(client, job)
            assert (client.job(job).state, client.job(job).counts["succeeded"]) == ("succeeded", 80)
    assert look() == ["change -1", "change -1"]
    with psycopg.connect(site.stores.owner_url) as connection:
        found = connection.execute(
            "SELECT DISTINCT owner.username = 'bea', chunk.worker FROM jobs_chunk chunk "
            "JOIN jobs_job job ON job.id = chunk.job_id JOIN auth_user owner ON owner.id = job.owner_id "
            "WHERE job.id = ANY(%s)",
            [list(jobs.values())],
        ).fetchall()
    by_account = {(bea, charged[worker.removeprefix(f"{MODEL}-").partition("@")[0]]) for bea, worker in found}
    assert by_account == {(False, "lab_a"), (True, "lab_b")}
    assert site.count("sum(losses) FROM jobs_chunk") == 0
    listed_now = ["squeue", "--noheader", "--account=lab_a,lab_b"]
    assert wait_gone(lambda: bool(site.cluster.run(*listed_now).strip()), SECONDS), site.cluster.logs()
    site.services("from jobs.models import CostCentre\nCostCentre.objects.all().delete()\n")
