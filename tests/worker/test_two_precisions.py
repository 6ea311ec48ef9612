"""Two real workers of different precision: a job keeps to one of them, and waits for it unless it is released."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from e1client import Client
from tests.worker.worker_process import RESIDUES, eventually, worker_process

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def client(live_server, person, token_of) -> Iterator[Client]:
    with Client(url=live_server.url, token=token_of(person)) as connected:
        yield connected


def submitted(client: Client, seed: int, **params: str) -> str:
    draw = np.random.default_rng(seed)
    sequences = ["".join(draw.choice(list(RESIDUES), 60)) for _ in range(200)]
    return client.submit_items(sequences, model="e1-demo", action="log_prob", params=params).id


def precisions(client: Client, job: str) -> set[str]:
    done = client.wait(job, timeout=600)
    assert (done.state, done.counts["succeeded"]) == ("succeeded", 200)
    return {one["precision"] for one in done.data["provenance"]}


def test_each_job_is_computed_in_one_precision_until_it_is_released(client, tmp_path):
    with worker_process(tmp_path, "exact", E1_PRECISION="float32"):
        with worker_process(tmp_path, "fast", E1_PRECISION="bfloat16"):
            jobs = {
                "float32": submitted(client, 1, precision="float32"),
                "bfloat16": submitted(client, 1, precision="bfloat16"),
                "auto": submitted(client, 1),
            }
            found = {asked: precisions(client, job) for asked, job in jobs.items()}
            assert found["float32"] == {"float32"}
            assert found["bfloat16"] == {"bfloat16"}
            assert len(found["auto"]) == 1, "the first claim fixes it"
            manifest = client.manifest(jobs["bfloat16"])
            assert manifest["params"]["precision"] == "bfloat16"
            numbers = [[row["result"]["log_prob"] for row in client.rows(jobs[one])] for one in ("float32", "bfloat16")]
            assert numbers[0] != numbers[1]
            np.testing.assert_allclose(*numbers, rtol=0.05)
        waiting = submitted(client, 2, precision="bfloat16")
        place = client.job(waiting).data["queue"]
        assert place["starts_in_seconds"] is None
        assert (
            place["reason"] == "waits for a worker that computes in bfloat16; those that are alive compute in float32"
        )
        assert client.release(waiting).data["precision"] == "any"
        assert precisions(client, waiting) == {"float32"}
        assert eventually(lambda: client.job(waiting).state == "succeeded")
