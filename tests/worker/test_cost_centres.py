"""Real workers of two cost centres: nothing crosses, nothing is lost, and the accounts have it."""

from __future__ import annotations

import signal
from pathlib import Path

import httpx
import pytest
from django.contrib.auth.models import Group, User

from e1client import Client
from jobs.models import Chunk, CostCentre, Job, UsageAccount, Worker
from jobs.tasks import dispatch_all
from tests.worker.worker_process import eventually, finished, worker_process

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

LONG = 2000
"""Proteins that a worker does not compute before it is stopped."""


@pytest.fixture
def people(live_server, token_of):
    """Return a client for each cost centre, and one for a person without."""
    clients = {}
    for name, code in (("ada", "A"), ("bea", "B 2"), ("cy", "")):
        user = User.objects.create_user(name, password="a long password 51")
        if code:
            group = Group.objects.create(name=f"lab of {name}")
            user.groups.add(group)
            CostCentre.objects.create(group=group, code=code, own_workers=True)
        clients[code] = Client(url=live_server.url, token=token_of(user))
    yield clients
    for client in clients.values():
        client.close()


def library(tmp_path: Path, name: str, count: int) -> Path:
    path = tmp_path / f"{name}.fasta"
    path.write_text("".join(f">{name}{n}\n{'MKTAYIAKQR' * (1 + n % 9)}\n" for n in range(count)))
    return path


def at_once(client: Client) -> httpx.Response:
    return httpx.post(
        f"{client.connection.url}/api/v3/e1-demo/log_prob/",
        json={"items": [{"sequence": "MKTAYIAKQR"}]},
        headers={"Authorization": f"Token {client.connection.token}"},
        timeout=120,
    )


def test_two_workers_of_two_cost_centres_compute_only_their_own(people, tmp_path):
    jobs = {}
    with (
        worker_process(tmp_path, "a", options=("--cost-centre", "A")) as first,
        worker_process(tmp_path, "b", E1_WORKER_COST_CENTRE="B 2"),
    ):
        assert dict(Worker.objects.values_list("name", "cost_centre")) == {"a@test": "A", "b@test": "B 2"}
        for code, client in people.items():
            jobs[code] = client.submit(library(tmp_path, f"x{code[:1]}", 80), model="e1-demo", action="log_prob")
        for code in ("A", "B 2"):
            assert at_once(people[code]).status_code == 200
        refused = at_once(people[""])
        assert (refused.status_code, refused.json()["code"]) == (503, "no_worker")
        eventually(lambda: all(finished(people[code], jobs[code].id) for code in ("A", "B 2")))
        # Stopped in the middle, its work waits for the next worker of A, although B's is idle.
        long = people["A"].submit(library(tmp_path, "long", LONG), model="e1-demo", action="log_prob")
        eventually(lambda: Chunk.objects.filter(job_id=long.id, state="done").exists())
        first.send_signal(signal.SIGTERM)
        assert first.wait(timeout=600) == 0
        dispatch_all()
        left = people["A"].job(long.id)
        assert left.counts["pending"] > 0, "the worker had it all before the stop"
        assert "no worker of e1-demo for the cost centre A is alive" in left.data["queue"]["reason"]
        assert at_once(people["B 2"]).status_code == 200
    assert people[""].job(jobs[""].id).counts["pending"] == 80, "work of no cost centre was computed by a cost centre"
    with worker_process(tmp_path, "a2", options=("--cost-centre", "A")), worker_process(tmp_path, "c"):
        eventually(lambda: finished(people["A"], long.id) and finished(people[""], jobs[""].id))
    for code, count in (("A", 80), ("B 2", 80), ("", 80)):
        job = people[code].job(jobs[code].id)
        assert (job.state, job.counts["succeeded"]) == ("succeeded", count)
    assert people["A"].job(long.id).counts["succeeded"] == LONG
    crossed = {
        (owner, worker.split("@")[0])
        for owner, worker in Chunk.objects.values_list("job__owner__username", "worker").distinct()
    }
    assert crossed == {("ada", "a"), ("ada", "a2"), ("bea", "b"), ("cy", "c")}
    assert not Chunk.objects.filter(losses__gt=0).exists()
    passes = dict(UsageAccount.objects.values_list("cost_centre", "passes"))
    assert passes == {"A": 80 + LONG + 1, "B 2": 80 + 2, "": 80}
    assert Job.objects.exclude(state="succeeded").count() == 0
