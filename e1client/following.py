"""Following a job to its end: wait, fetch the results, report the outcome."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from e1client.api import Client
from e1client.errors import ClientError, Exit
from e1client.job import Job
from e1client.progress import LossTeller, reporting, say, wants_json
from e1client.render import ITEMS_SHOWN, item_lines, job_lines
from e1client.shell import exits, show, tell_file


@contextmanager
def connected(*, as_json: bool) -> Iterator[tuple[Client, LossTeller]]:
    """Yield a client that prints when the server is lost, and where its token came from if that was not given.

    A ClientError inside ends the command; see `exits`.
    """
    teller = LossTeller()
    with exits(as_json=as_json), Client(on_lost=teller.lost) as client:
        if client.connection.note:
            say(f"e1: {client.connection.note}")
        yield client, teller


def follow(
    client: Client, teller: LossTeller, job_id: str, timeout: float | None, out: Path | None, *, as_json: bool
) -> None:
    """Wait for the job, fetch its results, print its end. Raises typer.Exit with the code of that end.

    Ctrl-C stops the waiting only.
    """
    with reporting(as_json=as_json) as reporter:

        def update(job: Job) -> None:
            teller.back()
            reporter.job(job)

        try:
            job = client.wait(job_id, timeout=timeout, on_update=update)
        except KeyboardInterrupt:
            say(f"e1: stopped waiting; the job goes on. `e1 status {job_id} --wait` waits again")
            raise typer.Exit(Exit.INTERRUPTED) from None
        fetched = out is not None and bool(job.counts.get("succeeded"))
        if out is not None and fetched:
            client.download(job.id, out, on_bytes=reporter.bytes)
    if not wants_json(as_json=as_json):  # the reporter has printed it as JSON
        show_job(job, as_json=as_json)
    failed = int(job.counts.get("failed", 0))
    if failed and not as_json:
        for line in item_lines(failed_items(client, job.id), failed):
            say(line)
    if out is not None and fetched:
        tell_file(out, as_json=as_json)
    elif out is not None:
        say(f"e1: no item succeeded, so {out} was not written")
    raise typer.Exit(job.exit_code)


def failed_items(client: Client, job_id: str) -> list[dict[str, object]]:
    """Return the first failed items, or none if they cannot be read: the job's end is known by then."""
    try:
        return [dict(item) for item in client.items(job_id, state="failed", limit=ITEMS_SHOWN)]
    except ClientError:
        return []


def show_job(job: Job, *, as_json: bool) -> None:
    show(job.data, lambda _: job_lines(job), as_json=as_json)


def show_or_follow(
    client: Client, teller: LossTeller, job: Job, *, wait: bool, timeout: float | None, out: Path | None = None,
    as_json: bool,
) -> None:  # fmt: skip
    """Show the job now; or, if a command waits for it or for its results, follow it to its end."""
    if wait or out:
        follow(client, teller, job.id, timeout, out, as_json=as_json)
    else:
        show_job(job, as_json=as_json)
