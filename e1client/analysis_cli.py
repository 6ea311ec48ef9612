"""`e1 analyse` and `e1 columns`: neighbours, clusters and maps of an encode job, and values to colour them by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from e1client.context_cli import print_body, print_rows
from e1client.errors import Exit
from e1client.following import connected, tell_file
from e1client.params import parse_params
from e1client.progress import reporting, say
from e1client.render import plain
from e1client.shell import JobArgument, JsonFlag, ParamOption, exits, wants_json

analysis_app = typer.Typer()


class Kind(StrEnum):
    """What can be computed of the mean embeddings of a job."""

    NEIGHBOURS = "neighbours"
    CLUSTERS = "clusters"
    MAP = "map"


@analysis_app.command()
def analyse(  # noqa: PLR0917 - typer calls it; every parameter is an option of the command
    job: JobArgument,
    kind: Annotated[Kind, typer.Option(help="What to compute.")] = Kind.MAP,
    param: ParamOption = None,
    wait: Annotated[bool, typer.Option("--wait", help="Until it is over; --out waits too.")] = False,
    out: Annotated[Path | None, typer.Option(help="A .json or .npz file.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Compute neighbours, clusters or a map of an encode job, in the background of the service."""
    with exits(as_json=as_json), connected() as (client, _):
        body = client.analyse(job, kind.value, **parse_params(param or ()))
        if wait or out is not None:
            body = client.wait_analysis(job, body["id"], on_update=_tell)
        print_body(body, analysis_lines, as_json=as_json)
        if body["state"] in ("failed", "cancelled"):
            raise typer.Exit(Exit.JOB_FAILED)
        if out is not None:
            with reporting(as_json=wants_json(as_json=as_json)) as show:
                client.download_analysis(job, body["id"], out, on_bytes=show.bytes)
                tell_file(out, as_json=as_json)


@analysis_app.command()
def analyses(job: JobArgument, as_json: JsonFlag = False) -> None:
    """List the analyses of a job."""
    with exits(as_json=as_json), connected() as (client, _):
        print_rows(client.analyses(job), table_of_analyses, as_json=as_json)


@analysis_app.command()
def columns(
    job: JobArgument,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="CSV with a column name or index, and columns of values.")
    ],
    as_json: JsonFlag = False,
) -> None:
    """Hang columns of values on a job's items, to colour its map by."""
    with exits(as_json=as_json), connected() as (client, _):
        print_body(client.upload_columns(job, file), column_lines, as_json=as_json)


def _tell(body: Mapping[str, Any]) -> None:
    if body["state"] == "building":
        say(f"{100 * body['fraction']:.0f} % {plain(body['stage'])}")


def analysis_lines(body: Mapping[str, Any]) -> Iterator[str]:
    """An analysis with its state and its files."""
    yield f"analysis {body['id']}: {plain(body['kind'])}"
    yield f"  state       {plain(body['state'])}"
    if body.get("reason"):
        yield f"  reason      {plain(body['reason'])}"
    for name, value in (body.get("facts") or {}).items():
        yield f"  {plain(name):11} {plain(value)}"
    for file in body.get("files") or ():
        yield f"  file        {plain(file['url'])} ({file['bytes']:,} bytes)"


def table_of_analyses(bodies: list[Mapping[str, Any]]) -> Iterator[str]:
    """A line per analysis under a heading."""
    yield f"{'id':>8}  {'kind':10}  {'state':9}  {'done':>5}"
    for body in bodies:
        yield f"{body['id']:>8}  {plain(body['kind']):10}  {plain(body['state']):9}  {body['fraction']:>5.0%}"


def column_lines(body: Mapping[str, Any]) -> Iterator[str]:
    """How the rows of the file and the items of the job found each other."""
    for name, value in body.items():
        if isinstance(value, int | float | str):
            yield f"{plain(name):16} {plain(value)}"
    for column in body.get("columns") or ():
        yield f"column {plain(column.get('name', ''))}: {plain(column.get('kind', ''))}"
