"""Commands for the records of a job as files: what became of each, and those that were skipped."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from e1client.downloads import RECORD_FORMATS
from e1client.following import connected
from e1client.job import last_part
from e1client.progress import reporting
from e1client.shell import JobArgument, JsonFlag, tell_file

records_app = typer.Typer()


@records_app.command()
def ledger(
    job: JobArgument,
    out: Annotated[Path | None, typer.Option(help="The CSV file; else JOB-ledger.csv.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Fetch a line for every item: state, reason, attempts, worker, checksum."""
    with connected(as_json=as_json) as (client, _), reporting(as_json=as_json) as reporter:
        target = out or Path(f"{last_part(job)}-ledger.csv")
        client.ledger(job, target, on_bytes=reporter.bytes)
        tell_file(target, as_json=as_json)


@records_app.command("bad-records")
def bad_records(
    job: JobArgument,
    format: Annotated[
        str | None, typer.Option(help=f"{' or '.join(RECORD_FORMATS)}; else the suffix of --out, or csv.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The file; else JOB-bad-records.FORMAT.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Fetch the records that were skipped as invalid, with their reasons, to mend and send again."""
    with connected(as_json=as_json) as (client, _), reporting(as_json=as_json) as reporter:
        target = out or Path(f"{last_part(job)}-bad-records.{format or 'csv'}")
        client.bad_records(job, target, format=format, on_bytes=reporter.bytes)
        tell_file(target, as_json=as_json)
