"""Progress of a command: bars on a terminal, JSON lines elsewhere."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
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
    """A line of JSON on standard output for every change: short while a job runs, the complete job at its end."""

    RUNNING = ("id", "state", "counts", "units", "throughput", "eta_seconds", "queue")

    def __init__(self) -> None:
        self._seen: object = None

    def job(self, job: Job) -> None:
        if self._changed((job.state, dict(job.counts), job.units)):
            print_json(job.data if job.is_final else {name: job.data.get(name) for name in self.RUNNING})

    def count(self, done: int, total: int) -> None:
        if self._changed((done, total)):
            print_json({"done": done, "total": total})

    def bytes(self, done: int, total: int | None) -> None:
        """Print nothing: the file's name follows at the end."""

    def _changed(self, now: object) -> bool:
        changed, self._seen = now != self._seen, now
        return changed


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
        yield JsonReporter()
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
