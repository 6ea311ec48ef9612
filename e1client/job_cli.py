"""Commands on one job, such as `e1 cancel JOB`, and `e1 examples`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from e1client.errors import UsageError
from e1client.examples import write_examples
from e1client.following import connected, show_job, show_or_follow
from e1client.job import last_part
from e1client.progress import say
from e1client.publishing_text import DaysOption, show_link
from e1client.shell import JobArgument, JsonFlag, WaitFlag, WaitTimeout, exits, tell_file

job_app = typer.Typer()


@job_app.command()
def cancel(job: JobArgument, as_json: JsonFlag = False) -> None:
    """Stop a job; finished results stay."""
    with connected(as_json=as_json) as (client, _):
        show_job(client.cancel(job), as_json=as_json)


@job_app.command()
def pause(job: JobArgument, as_json: JsonFlag = False) -> None:
    """Let no further items of a job begin."""
    with connected(as_json=as_json) as (client, _):
        show_job(client.pause(job), as_json=as_json)


@job_app.command()
def resume(job: JobArgument, as_json: JsonFlag = False) -> None:
    """Continue a paused job."""
    with connected(as_json=as_json) as (client, _):
        show_job(client.resume(job), as_json=as_json)


@job_app.command()
def release(job: JobArgument, as_json: JsonFlag = False) -> None:
    """Let workers of any precision compute the rest of a job."""
    with connected(as_json=as_json) as (client, _):
        show_job(client.release(job), as_json=as_json)


@job_app.command()
def retry(
    job: JobArgument, wait: WaitFlag = False, wait_timeout: WaitTimeout = None, as_json: JsonFlag = False
) -> None:
    """Queue the failed items of a job again."""
    with connected(as_json=as_json) as (client, teller):
        show_or_follow(client, teller, client.retry(job), wait=wait, timeout=wait_timeout, as_json=as_json)


@job_app.command()
def publish(
    job: JobArgument,
    days: DaysOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a public link of a finished job: everybody with it reads the result, if the service allows such links."""
    with connected(as_json=as_json) as (client, _):
        show_link(client.publish(job, days=days), as_json=as_json)


@job_app.command()
def unpublish(job: JobArgument) -> None:
    """Revoke the public link of a job."""
    with connected(as_json=False) as (client, _):
        client.unpublish(job)
        say("the result is no longer public")


@job_app.command()
def delete(
    job: JobArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Delete a job with all its results. Asks first on a terminal; elsewhere it needs --yes."""
    with connected(as_json=as_json) as (client, _):
        if not yes:
            if not sys.stdin.isatty():
                raise UsageError("deleting cannot be undone; add --yes", code="not_confirmed")
            found = client.job(job)
            name = f" {found.data['name']!r}" if found.data.get("name") else ""
            typer.confirm(f"Delete the job{name} of {found.total:,} items with all its results?", abort=True, err=True)
        client.delete(job)
        say(f"deleted {last_part(job)}")


@job_app.command()
def examples(
    folder: Annotated[Path, typer.Argument(metavar="[FOLDER]", help="Where to write them.")] = Path("examples"),
    as_json: JsonFlag = False,
) -> None:
    """Write the example files of the documents, a library of 240 proteins and two bodies of requests."""
    with exits(as_json=as_json):
        for path in write_examples(folder):
            tell_file(path, as_json=as_json)
