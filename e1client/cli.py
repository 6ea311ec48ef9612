"""The `e1` command: jobs on a server. `e1client.commands` adds what other distributions bring.

Results go to standard output, as JSON lines with `--json` or if it is no terminal. Progress, notes and errors go to
standard error. Exit codes are those of `e1client.errors.Exit`.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from e1client.accounts_cli import accounts_app
from e1client.analysis_cli import analysis_app
from e1client.campaign_cli import campaign_app
from e1client.commands import Commands, show_versions
from e1client.compare_cli import comparison_app
from e1client.costs import estimate_lines
from e1client.downloads import FORMATS, check_out
from e1client.errors import Exit, UsageError
from e1client.following import connected, follow, show_job, show_or_follow
from e1client.job import last_part
from e1client.job_cli import job_app
from e1client.numbering import chosen
from e1client.params import parse_params
from e1client.progress import reporting, say
from e1client.project_cli import project_app
from e1client.records_cli import records_app
from e1client.render import table_lines
from e1client.search_cli import context_app
from e1client.shell import (
    DtypeOption,
    JobArgument,
    JsonFlag,
    LayoutOption,
    NumberingChainOption,
    NumberingColumnOption,
    NumberingOption,
    OnInvalid,
    OnInvalidOption,
    ParamOption,
    SheetOption,
    TableOption,
    WaitFlag,
    WaitTimeout,
    parameters_help,
    show,
    tell_file,
)
from e1client.structure_cli import structure_app

app = typer.Typer(
    name="e1",
    cls=Commands,
    help="Push protein libraries of any size through Profluent-E1.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(job_app)
app.add_typer(accounts_app)
app.add_typer(analysis_app)
app.add_typer(comparison_app)
app.add_typer(records_app)
app.add_typer(context_app, name="context")
app.add_typer(project_app, name="project")
app.add_typer(campaign_app, name="campaign")
app.add_typer(structure_app, name="structure")

OutOption = Annotated[
    Path | None,
    typer.Option("--out", help=f"Write the results there ({', '.join('.' + f for f in FORMATS)})."),
]


@app.callback()
def e1(
    versions: Annotated[
        bool, typer.Option("--version", callback=show_versions, is_eager=True, help="Show the installed versions.")
    ] = False,
) -> None:
    """Options of the command as a whole."""


LIBRARY_HELP = (
    'FASTA, JSONL, a table, or another format, packed with gzip or not; "-" is standard input. '
    ".json is the body of POST /api/jobs/."
)
ActionOption = Annotated[
    str | None, typer.Option(help="encode, predict, log_prob, ... Optional with a .json FILE.", show_default=False)
]
ModelOption = Annotated[
    str | None, typer.Option(help="e1-600m, e1-300m, e1-150m or e1-demo. Optional with a .json FILE.")
]


@app.command(epilog=parameters_help())
def submit(  # noqa: PLR0917 - typer calls it; every parameter is an option of the command
    file: Annotated[str, typer.Argument(metavar="FILE", help=LIBRARY_HELP)],
    action: ActionOption = None,
    model: ModelOption = None,
    context: Annotated[Path | None, typer.Option(help="FASTA of homologs, the context of every query.")] = None,
    param: ParamOption = None,
    dtype: DtypeOption = None,
    numbering: NumberingOption = None,
    numbering_column: NumberingColumnOption = "",
    numbering_chain: NumberingChainOption = "",
    name: Annotated[str, typer.Option(help="A name to find the job by.")] = "",
    project: Annotated[str, typer.Option(help="A project to put the job into: its name or id.")] = "",
    on_invalid: OnInvalidOption = None,
    layout: LayoutOption = None,
    sheet: SheetOption = "",
    wait: WaitFlag = False,
    wait_timeout: WaitTimeout = None,
    out: OutOption = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print the job's id only: JOB=$(e1 submit ... --quiet).")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Submit a file; with --wait or --out wait for the results."""
    with connected(as_json=as_json) as (client, teller):
        if out is not None:
            check_out(out)
        if quiet and (wait or out):
            raise UsageError("--quiet prints an id and does not wait; leave out --wait and --out")
        job = client.submit(
            file, model=model, action=action, params=parse_params(param) or None, dtype=dtype, context=context,
            name=name, project=project, on_invalid=on_invalid,
            numbering=chosen(numbering, numbering_column, numbering_chain),
            layout=layout or "", sheet=sheet,
        )  # fmt: skip
        teller.back()
        if quiet:
            print(job.id)
            return
        if wait or out:
            say(f"job {job.id}")
        show_or_follow(client, teller, job, wait=wait, timeout=wait_timeout, out=out, as_json=as_json)


@app.command(epilog=parameters_help())
def estimate(  # noqa: PLR0917 - typer calls it; every parameter is an option of the command
    file: Annotated[str, typer.Argument(metavar="FILE", help=LIBRARY_HELP)],
    action: ActionOption = None,
    model: ModelOption = None,
    context: Annotated[Path | None, typer.Option(help="FASTA of homologs, the context of every query.")] = None,
    param: ParamOption = None,
    dtype: DtypeOption = None,
    numbering: NumberingOption = None,
    numbering_column: NumberingColumnOption = "",
    numbering_chain: NumberingChainOption = "",
    on_invalid: OnInvalidOption = None,
    layout: LayoutOption = None,
    sheet: SheetOption = "",
    as_json: JsonFlag = False,
) -> None:
    """Show what a job of this file would cost, and whether it would be accepted (else exit 3). Nothing is queued."""
    with connected(as_json=as_json) as (client, _):
        cost = client.estimate(
            file, model=model, action=action, params=parse_params(param) or None, dtype=dtype, context=context,
            on_invalid=on_invalid, numbering=chosen(numbering, numbering_column, numbering_chain),
            layout=layout or "", sheet=sheet,
        )  # fmt: skip
        show(cost, estimate_lines, as_json=as_json)
        if not cost.get("accepted"):
            raise typer.Exit(int(Exit.INVALID_INPUT))


@app.command()
def extend(  # noqa: PLR0917 - typer calls it; every parameter is an option of the command
    job: JobArgument,
    file: Annotated[str, typer.Argument(metavar="FILE", help='As in `submit`; "-" is standard input.')],
    context: Annotated[Path | None, typer.Option(help="FASTA of homologs, the context of these queries.")] = None,
    on_invalid: Annotated[OnInvalid | None, typer.Option(help="As in `submit`; else as the job has it.")] = None,
    layout: LayoutOption = None,
    sheet: SheetOption = "",
    wait: WaitFlag = False,
    wait_timeout: WaitTimeout = None,
    out: OutOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Add the records of a file to a job; with --wait or --out wait for the results."""
    with connected(as_json=as_json) as (client, teller):
        if out is not None:
            check_out(out)
        longer = client.extend(job, file, context=context, on_invalid=on_invalid, layout=layout or "", sheet=sheet)
        teller.back()
        show_or_follow(client, teller, longer, wait=wait, timeout=wait_timeout, out=out, as_json=as_json)


@app.command()
def status(  # noqa: PLR0917 - typer calls it; every parameter is an option of the command
    job: Annotated[str | None, typer.Argument(metavar="[JOB]", help="Without it: the recent jobs.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many recent jobs.")] = 20,
    project: Annotated[str, typer.Option(help="Only jobs of this project, whoever submitted them.")] = "",
    wait: WaitFlag = False,
    wait_timeout: WaitTimeout = None,
    as_json: JsonFlag = False,
) -> None:
    """Show a job, or the recent jobs."""
    with connected(as_json=as_json) as (client, teller):
        if job is None:
            if wait:
                raise UsageError("--wait needs a JOB")
            jobs = client.jobs(limit=limit, project=client.project_id(project) if project else "")
            show([row.data for row in jobs], lambda _: table_lines(jobs), as_json=as_json)
        elif wait:
            follow(client, teller, job, wait_timeout, None, as_json=as_json)
        else:
            show_job(client.job(job), as_json=as_json)


@app.command()
def download(
    job: JobArgument,
    format: Annotated[str | None, typer.Option(help=f"{', '.join(FORMATS)}; else the suffix of --out.")] = None,
    out: Annotated[str | None, typer.Option(help='A file, or "-" for standard output; else JOB.FORMAT.')] = None,
    table: TableOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Fetch the results; of a running job, those so far."""
    with connected(as_json=as_json) as (client, _), reporting(as_json=as_json) as reporter:
        if out == "-":
            with tempfile.TemporaryDirectory() as folder:
                target = Path(folder) / f"results.{format or 'jsonl'}"
                with client.download(job, target, table=table, on_bytes=reporter.bytes).open("rb") as complete:
                    shutil.copyfileobj(complete, sys.stdout.buffer)
            return
        target = Path(out or f"{last_part(job)}.{format or 'jsonl'}")
        client.download(job, target, format=format, table=table, on_bytes=reporter.bytes)
        tell_file(target, as_json=as_json)


def main() -> None:
    """Entry point of the `e1` command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # names of jobs may have letters that the terminal's encoding lacks
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except SystemExit as ended:
        sys.exit(ended.code if _drained() else ended.code or int(Exit.READER_GONE))


def _drained() -> bool:
    """Write what is left of standard output. Return False, without a complaint at the end, if its reader has gone."""
    if sys.stdout is None:  # closed by the caller
        return True
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    except (OSError, ValueError):
        return True  # the interpreter says so when it ends
    return True


if __name__ == "__main__":
    main()
