"""From a job's id to its end: wait, fetch the results, tell what became of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from e1client.api import Client
from e1client.errors import ClientError, Exit
from e1client.job import Job
from e1client.progress import LossTeller, Reporter, print_json, reporting, say
from e1client.render import ITEMS_SHOWN, item_lines, job_lines
from e1client.shell import wants_json


@contextmanager
def connected() -> Iterator[tuple[Client, LossTeller]]:
    """A client that says when the server is lost, and where its token came from if that was not asked for."""
    teller = LossTeller()
    with Client(on_lost=teller.lost) as client:
        if client.connection.note:
            say(f"e1: {client.connection.note}")
        yield client, teller


def follow(
    client: Client, teller: LossTeller, job_id: str, timeout: float | None, out: Path | None, *, as_json: bool
) -> None:
    """Wait for the job, fetch its results, tell its end. Raises typer.Exit with the code of that end."""
    json_lines = wants_json(as_json=as_json)
    with reporting(as_json=json_lines) as reporter:
        job = watch(client, teller, reporter, job_id, timeout)
        fetched = out is not None and bool(job.counts.get("succeeded"))
        if out is not None and fetched:
            client.download(job.id, out, on_bytes=reporter.bytes)
    if not json_lines:
        for line in job_lines(job):
            print(line)
    failed = int(job.counts.get("failed", 0))
    if failed and not as_json:
        for line in item_lines(failed_items(client, job.id), failed):
            say(line)
    if out is not None and fetched:
        tell_file(out, as_json=as_json)
    elif out is not None:
        say(f"e1: no item succeeded, so {out} was not written")
    raise typer.Exit(job.exit_code)


def watch(client: Client, teller: LossTeller, reporter: Reporter, job_id: str, timeout: float | None) -> Job:
    """Wait for the job. Ctrl-C stops the waiting only, and says so."""

    def update(job: Job) -> None:
        teller.back()
        reporter.job(job)

    try:
        return client.wait(job_id, timeout=timeout, on_update=update)
    except KeyboardInterrupt:
        say(f"e1: stopped waiting; the job goes on. `e1 status {job_id} --wait` waits again")
        raise typer.Exit(Exit.INTERRUPTED) from None


def failed_items(client: Client, job_id: str) -> list[dict[str, object]]:
    """The first failed items; none where they cannot be read, since the job's end is known by then."""
    try:
        return [dict(item) for item in client.items(job_id, state="failed", limit=ITEMS_SHOWN)]
    except ClientError:
        return []


def show(job: Job, *, as_json: bool) -> None:
    if wants_json(as_json=as_json):
        print_json(job.data)
        return
    for line in job_lines(job):
        print(line)


def tell_file(path: Path, *, as_json: bool) -> None:
    """Name the written file: on standard output where people read it, on standard error beside JSON lines."""
    if wants_json(as_json=as_json):
        say(f"wrote {path}")
    else:
        print(f"wrote {path}")
