"""Progress of a command: bars on a terminal, JSON lines elsewhere."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from e1client.errors import ClientError
from e1client.job import Job
from e1client.render import duration, plain, queue_text

SECONDS_BETWEEN = 1.0
"""Between two lines about the same stage."""


def print_json(value: Any) -> None:
    """Print a JSON value on one line of standard output, flushed so that a reader gets it at once."""
    print(json.dumps(value), flush=True)


def say(line: str) -> None:
    """Print a line for people on standard error."""
    print(line, file=sys.stderr, flush=True)


def wants_json(*, as_json: bool) -> bool:
    """Return whether standard output carries JSON: if asked for, or if it is no terminal."""
    return as_json or not sys.stdout.isatty()


class JsonReporter:
    """Lines of JSON on standard output: one for each stage, and the complete job at its end.

    With `every`, as `--json` asks for, also one for each change, at most once a second.
    """

    RUNNING = ("id", "state", "counts", "units", "throughput", "eta_seconds", "queue")

    def __init__(self, *, every: bool = False, now: Callable[[], float] = time.monotonic) -> None:
        self._every, self._now = every, now
        self._stage: object = None
        self._seen: object = None
        self._last = -math.inf

    def job(self, job: Job) -> None:
        if job.is_final:
            print_json(job.data)
        elif self._worth(job.state, (dict(job.counts), job.units)):
            print_json({name: job.data.get(name) for name in self.RUNNING})

    def count(self, done: int, total: int) -> None:
        if done >= total or self._worth("running", done, new_stage=False):
            print_json({"done": done, "total": total})

    def stage(self, name: str, fraction: float) -> None:
        """Name each stage once, on standard error: standard output gets the result only."""
        if self._worth(name, fraction):
            say(f"{100 * fraction:.0f} % {plain(name)}" if self._every else plain(name))

    def bytes(self, done: int, total: int | None) -> None:
        """Print nothing: the file's name follows at the end."""

    def _worth(self, stage: str, now: object, *, new_stage: bool = True) -> bool:
        """Return whether to print: a new stage, or with `every` a change after a second."""
        begun, self._stage = stage != self._stage, stage
        due = self._every and now != self._seen and self._now() - self._last >= SECONDS_BETWEEN
        if due or (begun and new_stage):
            self._seen, self._last = now, self._now()
            return True
        return False


class BarReporter:
    """A bar on standard error."""

    def __init__(self, console: Console) -> None:
        text = TextColumn("{task.description}")
        self._items = Progress(
            text, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.fields[note]}"),
            console=console, transient=True,
        )  # fmt: skip
        self._bytes = Progress(text, BarColumn(), DownloadColumn(), console=console, transient=True)
        self._tasks: dict[Progress, TaskID] = {}

    def job(self, job: Job) -> None:
        done, total = job.units or (job.finished_items, job.total)
        self._show(self._items, job.state, done, total or None, job_note(job))

    def count(self, done: int, total: int) -> None:
        self._show(self._items, "running", done, total, "")

    def stage(self, name: str, fraction: float) -> None:
        self._show(self._items, name, round(100 * fraction), 100, "")

    def bytes(self, done: int, total: int | None) -> None:
        self._show(self._bytes, "downloading", done, total, "")

    def stop(self) -> None:
        for progress in self._tasks:
            progress.stop()

    def _show(self, progress: Progress, description: str, done: int, total: int | None, note: str) -> None:
        description, note = escape(plain(description)), escape(plain(note))
        if progress not in self._tasks:
            self.stop()
            self._tasks[progress] = progress.add_task(description, total=total, note=note)
            progress.start()
        task = self._tasks[progress]
        progress.update(task, completed=done, total=total, description=description, note=note)


def job_note(job: Job) -> str:
    """Return the text beside the bar: when the job ends, or why it does not begin."""
    queue, eta = job.data.get("queue"), job.data.get("eta_seconds")
    notes = [job.unit_words] if job.units else []
    notes += [f"about {duration(float(eta))} left"] if eta is not None else []
    if queue:
        notes.append(queue_text(queue))
    return "; ".join(note for note in notes if note)


@contextmanager
def reporting(*, as_json: bool) -> Iterator[JsonReporter | BarReporter]:
    """Yield a reporter of JSON lines if output is JSON, else of a bar, which rich draws on terminals only."""
    if wants_json(as_json=as_json):
        yield JsonReporter(every=as_json)
        return
    bars = BarReporter(Console(stderr=True))
    try:
        yield bars
    finally:
        bars.stop()


class LossTeller:
    """Prints once per outage that the connection is lost, and that it is back."""

    def __init__(self) -> None:
        self._lost = False

    def lost(self, error: ClientError) -> None:
        if not self._lost:
            say(f"e1: {plain(error.detail)}; trying again")
        self._lost = True

    def back(self) -> None:
        if self._lost:
            say("e1: the server answers again")
        self._lost = False
