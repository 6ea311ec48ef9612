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
from dataclasses import dataclass, field
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


def kinds(size: float) -> list[Kind]:
    """Return jobs of several actions, alone and under contexts. `size` 1 is half a minute each on two cores."""
    parent = library(1, 250, 250, seed=2)[0]
    close = library(1, 80, 80, seed=3)[0]
    contexts = [library(round(24 * size) or 1, 240, 260, seed=seed) for seed in (4, 5, 6)]
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
        Kind("scan", "scan", [parent]),
        Kind("scan under three contexts", "scan", [parent], {"contexts": contexts}),
        Kind("contacts", "contacts", [close]),
        Kind("contacts under one context", "contacts", [close[:40]], {"contexts": contexts[:1]}),
    ]


def estimates(*, size: float, repeats: int) -> Iterator[Row]:
    """Compare what a page says before a job with its time: a row for each kind, and the share inside the range.

    `near` counts jobs within a factor of NEAR of the single number.
    """
    held = near = total = 0
    with tempfile.TemporaryDirectory(prefix="e1-bench-") as path, service(Path(path)) as client:
        for kind in kinds(size):
            ratios, spans = [], []
            for turn in range(repeats):
                cost = _estimate(client, kind)
                low, high = cost["seconds_range"]
                job = client.submit_items(kind.items, model=MODEL, action=kind.action, params=dict(kind.params))
                took = _seconds(client, job.id)
                ratios.append(took / cost["seconds"])
                spans.append({"turn": turn, "low": low, "high": high, "took": took})
                near += 1 / NEAR <= took / cost["seconds"] <= NEAR
                held, total = held + (low <= took <= high), total + 1
            timed = Timed(ratios)
            yield Row(f"{kind.name}: time over the estimate", timed.median, "ratio", "", timed.noise, {"jobs": spans})
    yield Row("estimates: share of jobs inside the range shown", held / total, "ratio", ">= 0.9", 0.0, {"jobs": total})
    yield Row("estimates: share of jobs within a factor of 1.5", near / total, "ratio", ">= 0.9", 0.0, {"jobs": total})


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
