"""What a user compares: `e1 run` with the service, and an estimate with the time that its job takes.

Both run on a service that `e1 up` started, with the demonstration network.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.measuring import Row, Timed
from e1client import Client
from e1protocol import CANONICAL

MODEL = "e1-demo"
NEAR = 1.5
E1 = str(Path(sys.executable).with_name("e1"))
SETTINGS = ("DATABASE_URL", "REDIS_URL", "E1_DATA", "E1_URL", "E1_TOKEN", "E1_SECRET_KEY")


@contextmanager
def service(folder: Path) -> Iterator[Client]:
    """Run `e1 up` on a data folder until the block ends, and yield a client of it."""
    arguments = ["--data", str(folder / "data")]
    _e1("up", "--port", "0", "--model", MODEL, "--background", *arguments)
    try:
        address = (folder / "data" / "url").read_text(encoding="ascii").strip()
        with Client(address, (folder / "data" / "token").read_text(encoding="ascii").strip()) as client:
            yield client
    finally:
        _e1("down", *arguments)


def run_against_service(*, sequences: int, repeats: int) -> Iterator[Row]:
    """Compare `e1 run` without its start-up with the same library as a job, in turns.

    The command's time is that from its line about the start to its end, and the job's that from its first claim to its
    end. Both have the same variables, and the worker of the service rests while the command runs.
    """
    with tempfile.TemporaryDirectory(prefix="e1-bench-") as path, service(Path(path)) as client:
        file = Path(path) / "library.fasta"
        file.write_text(fasta(library(sequences, 60, 500)), encoding="ascii")
        alone, through, starts = [], [], []
        for _ in range(repeats):
            started, computed = _run(file, Path(path) / "out.npz")
            starts.append(started)
            alone.append(computed)
            through.append(_seconds(client, client.submit(str(file), model=MODEL, action="encode").id))
    ratios = Timed([mine / theirs for mine, theirs in zip(alone, through, strict=True)])
    detail = {"sequences": sequences, "run_s": alone, "service_s": through, "start_s": starts}
    yield Row("e1 run: time over the service, after its start", ratios.median, "ratio", "<= 1.2", ratios.noise, detail)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of job: its name, and what the client submits."""

    name: str
    action: str
    items: Sequence[Any]
    params: Mapping[str, Any] = field(default_factory=dict)


def kinds(size: float, turn: int = 0) -> list[Kind]:
    """Return jobs of several actions, alone and under contexts. `size` 1 is half a minute each on two cores.

    Proteins and contexts differ from turn to turn, and a scan has another protein than a score. So no job holds passes
    of another.
    """
    parent, scanned, close = (
        library(1, many, many, seed=1000 * turn + n)[0] for n, many in ((2, 250), (7, 250), (3, 80))
    )
    contexts = [library(round(24 * size) or 1, 240, 260, seed=1000 * turn + n) for n in (4, 5, 6)]
    count = round(90 * size) or 2
    codes = [{"variant": f"{parent[at]}{at + 1}{other(parent[at])}"} for at in range(count)]
    scoring = {"parent": parent}
    return [
        Kind("encode", "encode", library(round(400 * size), 60, 500)),
        Kind("encode, few", "encode", library(round(40 * size) or 1, 60, 500)),
        Kind(
            "encode under one context", "encode", library(round(100 * size) or 1, 60, 300), {"contexts": contexts[:1]}
        ),
        Kind("predict", "predict", ["?" + one[1:] for one in library(round(300 * size) or 1, 60, 300)]),
        Kind("log_prob", "log_prob", library(round(300 * size) or 1, 60, 500)),
        Kind("log_prob under one context", "log_prob", library(round(200 * size), 60, 300), {"contexts": contexts[:1]}),
        Kind("score", "score", codes, scoring),
        Kind("score under three contexts", "score", codes, scoring | {"contexts": contexts}),
        Kind("scan", "scan", [scanned]),
        Kind("scan under three contexts", "scan", [scanned], {"contexts": contexts}),
        Kind("contacts", "contacts", [close]),
        Kind("contacts under one context", "contacts", [close[:40]], {"contexts": contexts[:1]}),
    ]


def estimates(*, size: float, repeats: int) -> Iterator[Row]:
    """Compare what a page says before a job with its time: a row for each kind, and the share inside the range.

    Each turn has other proteins. Last, scans and scores of the last turn are sent again, and take the passes of the
    first: they have rows of their own.
    """
    turns = [kinds(size, turn) for turn in range(repeats)]
    with tempfile.TemporaryDirectory(prefix="e1-bench-") as path, service(Path(path)) as client:
        yield from _compared(client, "estimates", list(zip(*turns, strict=True)))
        again = [kind for kind in turns[-1] if kind.action in ("score", "scan")]
        yield from _compared(client, "repeats", [[replace(kind, name=f"{kind.name}, again")] for kind in again])


def _compared(client: Client, what: str, rows: Sequence[Sequence[Kind]]) -> Iterator[Row]:
    """Run the jobs of each row in turn. Yield the row, and at the end the shares of all jobs."""
    every: list[Told] = []
    for row in rows:
        told = [_told(client, kind) for kind in row]
        timed = Timed([one.ratio for one in told])
        detail = {"jobs": [asdict(one) for one in told]}
        yield Row(f"{row[0].name}: time over the estimate", timed.median, "ratio", "", timed.noise, detail)
        every += told
    count = {"jobs": len(every)}
    held = sum(one.low <= one.took <= one.high for one in every) / len(every)
    near = sum(1 / NEAR <= one.ratio <= NEAR for one in every) / len(every)
    yield Row(f"{what}: share of jobs inside the range shown", held, "ratio", ">= 0.9", 0.0, count)
    yield Row(f"{what}: share of jobs within a factor of 1.5", near, "ratio", ">= 0.9", 0.0, count)


@dataclass(frozen=True, slots=True)
class Told:
    """Seconds of a job, and what the service said before: a number, its range, and the passes that were there."""

    took: float
    seconds: float
    low: float
    high: float
    units: int
    earlier: int

    @property
    def ratio(self) -> float:
        return self.took / self.seconds


def _told(client: Client, kind: Kind) -> Told:
    cost = _estimate(client, kind)
    job = client.submit_items(kind.items, model=MODEL, action=kind.action, params=dict(kind.params))
    took, earlier = _seconds(client, job.id), cost["earlier_jobs"]["units"]
    return Told(took, cost["seconds"], *cost["seconds_range"], cost["units"], earlier)


def _estimate(client: Client, kind: Kind) -> Mapping[str, Any]:
    """Return what the service says about a job of this kind."""
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        items = [one if isinstance(one, dict) else {"sequence": one} for one in kind.items]
        body = {"model": MODEL, "action": kind.action, "params": dict(kind.params), "items": items}
        json.dump(body, file)
        file.flush()
        return client.estimate(file.name)


def _seconds(client: Client, job: str) -> float:
    """Wait for a job and return the seconds from its first claim to its end. Raises RuntimeError if it fails."""
    done = client.wait(job)
    if done.state != "succeeded":
        raise RuntimeError(f"job {job} is {done.state}")
    began, ended = (datetime.fromisoformat(done.data[name]) for name in ("started_at", "finished_at"))
    return (ended - began).total_seconds()


def _run(file: Path, out: Path) -> tuple[float, float]:
    """Run `e1 run`; return the seconds until it has started, and from then to its end."""
    command = [E1, "run", str(file), "--action", "encode", "--model", MODEL, "--out", str(out)]
    began = started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr or ():
            if line.startswith("e1: started in "):
                started = time.perf_counter()
    ended = time.perf_counter()
    if process.returncode or started == began:
        raise RuntimeError(f"e1 run ended with {process.returncode}, and did not say when it had started")
    return started - began, ended - started


def _e1(*arguments: str) -> None:
    env = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    subprocess.run([E1, *arguments], env=env, check=True, stdout=subprocess.DEVNULL)


def library(count: int, shortest: int, longest: int, seed: int = 1) -> list[str]:
    """Return random sequences, the same for the same arguments."""
    draw = random.Random(seed)
    return ["".join(draw.choices(CANONICAL, k=draw.randint(shortest, longest))) for _ in range(count)]


def other(residue: str) -> str:
    return "A" if residue != "A" else "G"


def fasta(sequences: Sequence[str]) -> str:
    return "".join(f">p{number}\n{sequence}\n" for number, sequence in enumerate(sequences, 1))
