"""`e1 analyse` and `e1 columns`: neighbours, clusters and maps of an encode job, and values to colour them by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from e1client.errors import Exit
from e1client.following import connected
from e1client.params import parse_params
from e1client.progress import reporting, say
from e1client.render import plain
from e1client.shell import JobArgument, JsonFlag, ParamOption, SheetOption, show, tell_file

analysis_app = typer.Typer()


Kind = Literal["neighbours", "clusters", "map"]


@analysis_app.command()
def analyse(  # noqa: PLR0917 - typer calls it; every parameter is an option of the command
    job: JobArgument,
    kind: Annotated[Kind, typer.Option(help="What to compute.")] = "map",
    param: ParamOption = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it ends; --out waits too.")] = False,
    out: Annotated[Path | None, typer.Option(help="A .json or .npz file.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Compute neighbours, clusters or a map of an encode job, in the background of the service."""
    with connected(as_json=as_json) as (client, _):
        body = client.analyse(job, kind, **parse_params(param))
        if wait or out is not None:
            body = client.wait_analysis(job, body["id"], on_update=_tell)
        show(body, analysis_lines, as_json=as_json)
        if body["state"] in ("failed", "cancelled"):
            raise typer.Exit(Exit.JOB_FAILED)
        if out is not None:
            with reporting(as_json=as_json) as reporter:
                client.download_analysis(job, body["id"], out, on_bytes=reporter.bytes)
                tell_file(out, as_json=as_json)


@analysis_app.command()
def analyses(job: JobArgument, as_json: JsonFlag = False) -> None:
    """List the analyses of a job."""
    with connected(as_json=as_json) as (client, _):
        show(client.analyses(job), table_of_analyses, as_json=as_json)


@analysis_app.command()
def columns(
    job: JobArgument,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="CSV or XLSX with a column name or index, and columns of values.")
    ],
    sheet: SheetOption = "",
    as_json: JsonFlag = False,
) -> None:
    """Attach columns of values to a job's items, to colour its map by."""
    with connected(as_json=as_json) as (client, _):
        show(client.upload_columns(job, file, sheet=sheet), column_lines, as_json=as_json)


def _tell(body: Mapping[str, Any]) -> None:
    if body["state"] == "building":
        say(f"{100 * body['fraction']:.0f} % {plain(body['stage'])}")


def analysis_lines(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield an analysis with its state and its files."""
    yield f"analysis {body['id']}: {plain(body['kind'])}"
    yield f"  state       {plain(body['state'])}"
    if body.get("reason"):
        yield f"  reason      {plain(body['reason'])}"
    for name, value in (body.get("facts") or {}).items():
        yield f"  {plain(name):11} {plain(value)}"
    for file in body.get("files") or ():
        yield f"  file        {plain(file['url'])} ({file['bytes']:,} bytes)"


def table_of_analyses(bodies: list[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a heading and a line per analysis."""
    yield f"{'id':>8}  {'kind':10}  {'state':9}  {'done':>5}"
    for body in bodies:
        yield f"{body['id']:>8}  {plain(body['kind']):10}  {plain(body['state']):9}  {body['fraction']:>5.0%}"


def column_lines(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield how the rows of the file matched items of the job."""
    for name, value in body.items():
        if isinstance(value, int | float | str):
            yield f"{plain(name):16} {plain(value)}"
    for column in body.get("columns") or ():
        yield f"column {plain(column.get('name', ''))}: {plain(column.get('kind', ''))}"
