"""One job under faults, compared with an undisturbed run: each number, and each item of the ledger."""

from __future__ import annotations

import csv
import io
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray

from e1client.errors import ClientError
from e1site.stack.processes import wait_gone
from tests.faults.service import MODEL, Service

TOLERANCE = 1e-4
"""The engine's tolerance for float32 in any batch, for values of about 1."""
WAIT_SECONDS = 900
LETTERS = list("ACDEFGHIKLMNPQRSTVWY")


def library(count: int, seed: int = 0) -> list[str]:
    """Return short random sequences; equal arguments return equal ones."""
    random = np.random.default_rng(seed)
    return ["".join(random.choice(LETTERS, int(n))) for n in random.integers(20, 60, count)]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a job. `struck` counts the faults; `largest` is the largest difference between numbers."""

    struck: int
    items: int
    lost: int
    duplicated: int
    differing: int
    largest: float
    seconds: float

    @property
    def whole(self) -> bool:
        return self.struck > 0 and self.lost == self.duplicated == self.differing == 0


Vectors = NDArray[np.float32]


class Trial:
    """A running service that has the results of an undisturbed job."""

    def __init__(self, service: Service, count: int) -> None:
        self.service = service
        self.sequences = library(count)
        self.reference_job, started = self.submit(), time.monotonic()
        self.finish(self.reference_job)
        self.seconds = time.monotonic() - started
        self.reference = self._vectors(self.reference_job)
        assert len(self.reference) == count
        states = Counter(row["state"] for row in self.ledger(self.reference_job))
        assert states == {"succeeded": count}, states

    def submit(self) -> str:
        with self.service.client() as client:
            params = {"include": ["mean"]}
            return client.submit_items(self.sequences, model=MODEL, action="encode", params=params).id

    def run(self, fault: Callable[[str], int]) -> Outcome:
        """Submit the job, let the fault strike while it runs, and compare the results.

        `fault` receives the job's id and returns how often it struck.
        """
        started = time.monotonic()
        job_id = self.submit()
        self.await_start(job_id)
        struck = fault(job_id)
        self.finish(job_id)
        return self.compare(job_id, struck, time.monotonic() - started)

    def await_start(self, job_id: str) -> None:
        """Wait until some items have results and others have none."""
        done = "SELECT count(*) FROM jobs_chunk WHERE job_id = %s AND state = 'done'"
        assert wait_gone(lambda: not self.service.one(done, job_id), WAIT_SECONDS), self.service.output.read_text()

    def is_over(self, job_id: str) -> bool:
        return bool(self.service.one("SELECT count(*) FROM jobs_job WHERE id = %s AND finished_at IS NOT NULL", job_id))

    def finish(self, job_id: str) -> None:
        over = wait_gone(lambda: not self.is_over(job_id), WAIT_SECONDS, step=0.1)
        assert over, f"job {job_id} is not over\n{self.service.output.read_text()[-3000:]}"

    def compare(self, job_id: str, struck: int, seconds: float) -> Outcome:
        count = len(self.sequences)
        ledger = self.ledger(job_id)
        listed = Counter(int(row["index"]) for row in ledger if row["state"] == "succeeded")
        vectors = self._vectors(job_id)
        # Count stored numbers beyond one for each item.
        stored = self.service.one(
            "SELECT sum(jsonb_array_length(output.rows)) FROM jobs_output output "
            "JOIN jobs_chunk chunk ON chunk.id = output.chunk_id WHERE chunk.job_id = %s",
            job_id,
        )
        duplicated = max(0, stored - count) + (len(ledger) - len({row["index"] for row in ledger}))
        lost = sum(1 for index in range(count) if not listed[index] or index not in vectors)
        gaps = [np.abs(vectors[n] - self.reference[n]).max() for n in range(count) if n in vectors]
        differing = sum(gap > TOLERANCE for gap in gaps)
        return Outcome(struck, count, lost, duplicated, differing, float(max(gaps, default=0.0)), seconds)

    def ledger(self, job_id: str) -> list[dict[str, str]]:
        with tempfile.TemporaryDirectory() as folder:
            text = self._patiently(lambda client: client.ledger(job_id, Path(folder) / "ledger.csv")).read_text()
        return list(csv.DictReader(io.StringIO(text, newline="")))

    def _vectors(self, job_id: str) -> Mapping[int, Vectors]:
        results = self._patiently(lambda client: client.results(job_id))
        vectors = {int(index): row for index, row in zip(results.index, results.mean(), strict=True)}
        assert len(vectors) == len(results), "an item stands twice in the results"
        return vectors

    def _patiently(self, ask):
        """Repeat the call until the end of an outage: the job may end before the web process is back."""
        give_up = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                with self.service.client() as client:
                    return ask(client)
            except ClientError:
                if time.monotonic() > give_up:
                    raise
                time.sleep(0.3)


def mixture(trial: Trial, seed: int, strikes: int) -> Outcome:
    """Strike randomly drawn faults, one after the other at random moments, while the job runs."""
    from tests.faults.kinds import FAULTS, Strike

    random = Random(seed)

    def strike(job_id: str) -> int:
        struck = 0
        for _ in range(strikes):
            fault = FAULTS[random.choice(sorted(FAULTS))]
            struck += fault(Strike(trial.service, job_id, random)) > 0
            time.sleep(random.uniform(0.0, 1.0))
        return struck

    return trial.run(strike)
