#!/usr/bin/env python3
"""Start Slurm workers while a model's queue is long, and stop them when it is empty (docs/slurm.md).

    python autoscale.py --model e1-600m --most 8 --seconds 1800 --every 60 -- --partition=gpu --time=04:00:00

Run it on the login node, as the user who may submit jobs, with E1_URL and E1_TOKEN of any account. Arguments after
`--` go to sbatch. Without --every it looks once, for cron. It needs the Python package e1-client only.

With --accounts FILE it looks at each cost centre of the file apart. The workers that it starts compute only the work of
this cost centre, and are charged to its Slurm account. The token must then be an administrator's.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e1client import Client
from e1client.errors import ClientError

SCRIPT = Path(__file__).with_name("worker.sbatch")


@dataclass(frozen=True)
class Bounds:
    """Between `least` and `most` workers, of each cost centre, so that the queue is empty after `seconds`."""

    least: int
    most: int
    seconds: float


@dataclass(frozen=True)
class Look:
    """What the service and Slurm say now: tokens that wait or are computed, and jobs of ours that wait or run.

    `rate` is in tokens per second of all `workers` together; None if no worker has measured it.
    """

    tokens: int
    rate: float | None
    workers: int
    jobs: int


def wanted(look: Look, bounds: Bounds) -> int:
    """Return how many workers should run. One measures the rate before others are asked for."""
    if not look.tokens:
        return min(bounds.least, bounds.most)
    if look.rate and look.workers:
        each = look.rate / look.workers
        count = math.ceil(look.tokens / (each * bounds.seconds))
    else:
        count = max(1, look.jobs)
    return min(max(count, bounds.least), bounds.most)


def change(look: Look, bounds: Bounds) -> int:
    """Return how many workers to start, or as a negative number how many to stop.

    Workers stop only if nothing waits: a worker that goes would be asked for again.
    """
    difference = wanted(look, bounds) - look.jobs
    return difference if difference > 0 or not look.tokens else 0


def read_accounts(path: Path) -> dict[str, str]:
    """Return the Slurm account of each cost centre; "" is the work of none. Raises OSError, ValueError.

    A line is COST_CENTRE=ACCOUNT, divided at its last "=". Lines that begin with "#" are comments.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    pairs = [line.rpartition("=") for line in lines if "=" in line and not line.startswith("#")]
    found = {centre.strip(): account.strip() for centre, _, account in pairs}
    if not found or not all(found.values()):
        raise ValueError(f"{path}: write a line COST_CENTRE=ACCOUNT for each cost centre")
    return found


def job_name(model: str, cost_centre: str) -> str:
    """Return the name of our jobs in Slurm, whose commands divide names at commas."""
    plain = re.sub(r"[^\w.-]", "_", cost_centre, flags=re.ASCII)
    if plain != cost_centre:
        plain = f"{plain}-{hashlib.sha256(cost_centre.encode()).hexdigest()[:6]}"
    return f"e1-{model}@{plain}" if plain else f"e1-{model}"


class Slurm:
    """Our jobs of one model and, if the site charges for them, one cost centre. They share a name.

    `cost_centre` is None if it does not, and empty for the work of no cost centre.
    """

    def __init__(
        self, model: str, script: Path, options: Sequence[str], cost_centre: str | None = None, account: str = ""
    ) -> None:
        self.model, self.script, self.cost_centre = model, script, cost_centre
        self.options = [*options, f"--account={account}"] if account else list(options)
        self.name = job_name(model, cost_centre or "")

    @property
    def label(self) -> str:
        return f"{self.model} for {self.cost_centre}" if self.cost_centre else self.model

    def jobs(self) -> list[str]:
        """Return the ids of jobs that wait, start or run, one for each task of an array; the newest first."""
        states = "PENDING,CONFIGURING,RUNNING,SUSPENDED"
        listed = self._run("squeue", "--me", "--noheader", "--array", "--name", self.name, "--states", states,
                           "--sort", "-i", "--format", "%i")  # fmt: skip
        return listed.split()

    def start(self, count: int) -> None:
        env = {**os.environ, "E1_WORKER_MODELS": self.model}
        if self.cost_centre is not None:
            env["E1_WORKER_COST_CENTRE"] = self.cost_centre
        self._run("sbatch", f"--job-name={self.name}", f"--array=0-{count - 1}", *self.options, str(self.script),
                  env=env)  # fmt: skip

    def stop(self, jobs: Sequence[str]) -> None:
        """Take waiting jobs out of the queue, and ask workers that run to stop in order.

        `scancel` itself says what it could not stop. A job that has just ended is no failure.
        """
        self._try("scancel", "--state=PENDING", *jobs)
        # TERM goes to the script only, which passes it on to its worker. Jobs that wait can't get a signal.
        self._try("scancel", "--state=RUNNING", "--batch", "--signal=TERM", *jobs)

    @staticmethod
    def _try(*command: str) -> None:
        subprocess.run(command, check=False)  # noqa: S603

    @staticmethod
    def _run(*command: str, env: dict[str, str] | None = None) -> str:
        return subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True).stdout  # noqa: S603


def look_at(pace: dict[str, Any], jobs: int) -> Look:
    """Return what is known, from the answer of `GET /api/usage/` about this model."""
    return Look(pace["waiting_tokens"], pace["tokens_per_second"], pace["workers"], jobs)


def step(client: Client, slurm: Slurm, bounds: Bounds, *, may_stop: bool, dry: bool) -> Look:
    """Look once, and start or stop workers. Raises ClientError, CalledProcessError and KeyError."""
    # The work that its workers compute: the script passes on a cost centre of the environment.
    centre = os.environ.get("E1_WORKER_COST_CENTRE", "") if slurm.cost_centre is None else slurm.cost_centre
    pace = client.usage(cost_centre=centre)["models"][slurm.model]
    jobs = slurm.jobs()
    look = look_at(pace, len(jobs))
    difference = change(look, bounds)
    if difference < 0 and not may_stop:
        difference = 0
    forecast = f"{look.tokens / look.rate:.0f} s" if look.rate else "not known yet"
    print(f"{slurm.label}: {look.tokens} tokens wait, forecast {forecast}; {look.workers} workers, "
          f"{look.jobs} jobs; change {difference:+d}", flush=True)  # fmt: skip
    if dry or not difference:
        return look
    if difference > 0:
        slurm.start(difference)
    else:
        slurm.stop(jobs[:-difference])
    return look


def main(arguments: Sequence[str] | None = None) -> int:
    """Look once, or again and again with --every. Return 1 if a single look failed, 2 if FILE can't be used."""
    options = _parser().parse_args(arguments)
    bounds = Bounds(options.least, options.most, options.seconds)
    try:
        crews = _crews(options)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr, flush=True)
        return 2
    empty = dict.fromkeys(crews, 0)
    while True:
        failed = False
        for slurm in crews:
            may_stop = not options.every or empty[slurm] + 1 >= options.patience
            look = _looked(slurm, bounds, may_stop=may_stop, dry=options.dry_run)
            failed |= look is None
            if look is not None:
                empty[slurm] = 0 if look.tokens else empty[slurm] + 1
        if not options.every:
            return int(failed)
        time.sleep(options.every)


def _crews(options: argparse.Namespace) -> list[Slurm]:
    """Return whose jobs are looked after: those of the model, or those of each cost centre."""
    if options.accounts is None:
        return [Slurm(options.model, options.script, options.sbatch)]
    payers = read_accounts(options.accounts).items()
    return [Slurm(options.model, options.script, options.sbatch, centre, account) for centre, account in payers]


def _looked(slurm: Slurm, bounds: Bounds, *, may_stop: bool, dry: bool) -> Look | None:
    """Look once; return None, and print why, if that failed."""
    try:
        with Client() as client:
            return step(client, slurm, bounds, may_stop=may_stop, dry=dry)
    except KeyError:
        failed = f"the service does not serve {slurm.model}"
    except ClientError as error:
        failed = f"{slurm.label}: {error}"
    except (OSError, subprocess.CalledProcessError) as error:
        failed = f"Slurm's command failed: {error}"
    print(failed, file=sys.stderr, flush=True)
    return None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--least", type=int, default=0, help="workers that stay when nothing waits (0)")
    parser.add_argument("--most", type=int, default=4, help="jobs at most, of each cost centre (4)")
    parser.add_argument("--seconds", type=float, default=1800, help="time in which the queue should be done (1800)")
    parser.add_argument("--every", type=float, default=0, help="seconds between two looks; 0 looks once (0)")
    parser.add_argument("--patience", type=int, default=10, help="empty looks before workers stop (10)")
    parser.add_argument("--accounts", type=Path, metavar="FILE", help="Slurm accounts, a line COST_CENTRE=ACCOUNT each")
    parser.add_argument("--script", type=Path, default=SCRIPT, help="the batch script (worker.sbatch beside this file)")
    parser.add_argument("--dry-run", action="store_true", help="only say what would happen")
    parser.add_argument("sbatch", nargs="*", help="options of sbatch, after --")
    return parser


if __name__ == "__main__":
    sys.exit(main())
