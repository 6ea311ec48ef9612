"""A Celery worker process on real servers: a library from upload to download, each number compared."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from django.db import connection

from e1client import Client
from e1protocol import Query
from jobs.fleet.pace import workers_alive
from jobs.models import Chunk, Job, UsageAccount, Worker
from tests.worker.cut_relay import cut_relay
from tests.worker.worker_process import README_COMMAND, RESIDUES, children_of, eventually, finished, worker_process

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).parents[2]


@pytest.fixture
def client(live_server, person, token_of) -> Iterator[Client]:
    with Client(url=live_server.url, token=token_of(person)) as connected:
        yield connected


def library(path: Path, count: int, seed: int = 0) -> tuple[Path, list[str]]:
    random = np.random.default_rng(seed)
    sequences = ["".join(random.choice(list(RESIDUES), int(n))) for n in random.integers(1, 120, count)]
    path.write_text("".join(f">protein_{n} of {count}\n{s}\n" for n, s in enumerate(sequences)))
    return path, sequences


def test_upload_to_download_through_a_real_worker(client, tmp_path, demo_engine):
    file, sequences = library(tmp_path / "library.fasta", 100)
    with worker_process(tmp_path):
        job = client.submit(
            file,
            model="e1-demo",
            action="encode",
            params={"repr_layers": [-1, 3], "include": ["mean", "per_token", "logits"]},
        )
        job = client.wait(job.id, timeout=600)
        assert (job.state, job.counts["succeeded"], job.data["chunks"]["done"]) == ("succeeded", 100, 13)
        with np.load(client.download(job.id, tmp_path / "results.npz")) as arrays:
            direct = demo_engine.encode(
                [Query(s, (), (6, 3), frozenset({"mean", "per_token", "logits"})) for s in sequences]
            )
            assert arrays["index"].tolist() == list(range(100))
            assert arrays["name"].tolist() == [f"protein_{n}" for n in range(100)]
            for layer in (6, 3):
                np.testing.assert_allclose(arrays[f"mean_layer_{layer}"], [e.mean[layer] for e in direct], atol=1e-4)
                np.testing.assert_allclose(
                    arrays[f"per_token_layer_{layer}"], np.concatenate([e.per_token[layer] for e in direct]), atol=1e-4
                )
            np.testing.assert_allclose(arrays["logits"], np.concatenate([e.logits for e in direct]), atol=1e-4)
            assert np.diff(arrays["offsets"]).tolist() == [len(s) for s in sequences]
        answer = client.connection  # the same worker answers synchronous requests
        import httpx

        response = httpx.post(
            f"{answer.url}/api/v3/e1-demo/predict/",
            json={"items": [{"sequence": "MK?AYIAKQR"}]},
            headers={"Authorization": f"Token {answer.token}"},
            timeout=60,
        )
        assert response.status_code == 200, response.text
        (encoding,) = demo_engine.encode([Query("MK?AYIAKQR", (), (), frozenset({"logits"}))])
        np.testing.assert_allclose(response.json()["results"][0]["logits"], encoding.logits, atol=1e-4)
        assert Job.objects.get(interactive=True).state == "succeeded"
    assert not workers_alive().exists(), "a worker that stops in order says so"


@pytest.mark.slow
def test_a_scan_is_computed_in_units_by_a_real_worker(client, tmp_path, demo_engine):
    """Without beat, the worker that finishes the last unit sends the item that combines them."""
    from jobs.science.variants.codes import single_variants
    from jobs.science.variants.marginals import MarginalPlan

    file = tmp_path / "parent.fasta"
    parent = "MKTAYIAKQRQISFVKSHFSRQ"
    file.write_text(f">parent\n{parent}\n")
    with worker_process(tmp_path):
        job = client.submit(file, model="e1-demo", action="scan", params={})
        assert client.job(job.id).data["units"]["total"] == len(parent)
        job = client.wait(job.id, timeout=600)
        assert (job.state, job.data["units"]["done"]) == ("succeeded", len(parent))
        plan = MarginalPlan.of("masked_marginal", parent, single_variants(parent))
        expected = plan.table(one.logits for one in demo_engine.encode(list(plan.queries()))).scan()
        with np.load(client.download(job.id, tmp_path / "scan.npz")) as arrays:
            np.testing.assert_allclose(arrays["scores"], expected, atol=1e-4)
        assert UsageAccount.objects.get().passes == len(parent)
        # A score of the same parent finds all its passes in the scan.
        variants = tmp_path / "variants.csv"
        variants.write_text("variant\nM1A\nK2R:T3S\n")
        later = client.wait(client.submit(variants, model="e1-demo", action="score", params={"parent": parent}).id)
        assert (later.state, later.data["units"]) == ("succeeded", {"done": 3, "total": 3})
        assert UsageAccount.objects.get().passes == len(parent)


@pytest.mark.slow
def test_kill_9_of_the_computing_process_loses_nothing(client, tmp_path, demo_engine):
    file, sequences = library(tmp_path / "library.fasta", 600, seed=1)
    with worker_process(tmp_path) as process:
        job = client.submit(file, model="e1-demo", action="log_prob")
        eventually(
            lambda: Chunk.objects.filter(state="leased").exists() and Chunk.objects.filter(state="done").exists()
        )
        (child,) = children_of(process.pid)
        os.kill(child, signal.SIGKILL)
        # End the leases of the dead process now instead of waiting.
        eventually(lambda: child not in children_of(process.pid))
        with connection.cursor() as cursor:
            cursor.execute("UPDATE jobs_chunk SET lease_end = now() WHERE state = 'leased'")
        eventually(lambda: finished(client, job.id))
        job = client.job(job.id)
        assert (job.state, job.counts["succeeded"], job.counts["failed"]) == ("succeeded", 600, 0)
        with np.load(client.download(job.id, tmp_path / "results.npz")) as arrays:
            assert arrays["index"].tolist() == list(range(600))
            from jobs.actions.log_prob import log_probability

            direct = demo_engine.encode([Query(s, (), (), frozenset({"logits"})) for s in sequences])
            expected = [log_probability(e.logits, s) for e, s in zip(direct, sequences, strict=True)]
            np.testing.assert_allclose(arrays["log_prob"], expected, rtol=1e-5)


@pytest.mark.slow
def test_two_workers_share_a_job_and_a_stop_in_order_costs_no_attempt(client, tmp_path):
    file, _ = library(tmp_path / "library.fasta", 2000, seed=2)  # one worker alone must not have it all
    assert README_COMMAND in (ROOT / "docs" / "install.md").read_text()
    plain = f"celery@{socket.gethostname()}"
    with worker_process(tmp_path, "w1") as first, worker_process(tmp_path, "w2", plain=True):
        job = client.submit(file, model="e1-demo", action="log_prob")
        eventually(
            lambda: set(Chunk.objects.filter(state="done").values_list("worker", flat=True)) == {"w1@test", plain}
        )
        first.terminate()
        assert first.wait(timeout=600) == 0
        assert Worker.objects.get(name="w1@test").state == "stopped"
        eventually(lambda: finished(client, job.id))
    assert client.job(job.id).state == "succeeded"
    assert not Chunk.objects.filter(attempts__gt=1).exists()


@pytest.mark.slow
def test_sigterm_to_the_whole_group_counts_against_no_item(client, tmp_path):
    """Slurm's scancel, systemd's default KillMode and `kill -TERM -PGID` reach the computing process too."""
    file, _ = library(tmp_path / "library.fasta", 2000, seed=3)
    with worker_process(tmp_path) as process:
        job = client.submit(file, model="e1-demo", action="log_prob")
        eventually(lambda: Chunk.objects.filter(state="leased", begun=True).exists())
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=120)
    assert Worker.objects.get(name="w1@test").state == "stopped"
    assert not Chunk.objects.filter(state="leased").exists()
    assert Chunk.objects.filter(state="ready").exists(), "the job was over before the signal"
    with worker_process(tmp_path, "w2"):
        eventually(lambda: finished(client, job.id))
    assert client.job(job.id).counts["succeeded"] == 2000
    assert not Chunk.objects.filter(attempts__gt=1).exists()


@pytest.mark.slow
def test_a_bundle_is_given_back_although_the_database_is_away_for_a_moment(client, tmp_path):
    """The whole group gets SIGTERM, and the grace is over, while no connection to Postgres can be made."""
    file, _ = library(tmp_path / "library.fasta", 2000, seed=4)
    with cut_relay(connection.settings_dict) as relay:
        with worker_process(tmp_path, app="tests.worker.impatient_app", DATABASE_URL=relay.url) as process:
            job = client.submit(file, model="e1-demo", action="log_prob")
            eventually(lambda: Chunk.objects.filter(state="leased", begun=True).exists())
            relay.cut()
            os.killpg(process.pid, signal.SIGTERM)
            eventually(lambda: relay.refused > 2)  # by now it has tried, and failed
            relay.mend()
            process.wait(timeout=120)
        assert not Chunk.objects.filter(state="leased", begun=True).exists()
        assert Worker.objects.get(name="w1@test").state == "stopped"
    assert Chunk.objects.filter(state="ready").exists(), "the job was over before the signal"
    assert not Chunk.objects.filter(state="ready", attempts__gt=0).exists()
    assert client.job(job.id).counts["failed"] == 0
