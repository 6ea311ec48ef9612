"""`e1 structure`: structures beside the results of a job."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from e1client.following import connected
from e1client.progress import reporting, say
from e1client.render import plain
from e1client.shell import JobArgument, JsonFlag, show, tell_file

structure_app = typer.Typer(help="Structures (PDB, mmCIF) beside the results of a job.", no_args_is_help=True)

NumberArgument = Annotated[int, typer.Argument(metavar="NUMBER", help="A structure's number; `list` shows it.")]


@structure_app.command()
def add(
    job: JobArgument,
    file: Annotated[str, typer.Argument(metavar="FILE", help='PDB or mmCIF, packed with gzip or not; "-" is input.')],
    item: Annotated[int, typer.Option(min=0, help="The item it belongs to, counted from 0.")] = 0,
    chain: Annotated[str, typer.Option(help="Else the chain that suits the sequence best.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Store a structure beside an item, and compare it with a contact map."""
    with connected(as_json=as_json) as (client, _):
        show(client.upload_structure(job, file, item=item, chain=chain), structure_lines, as_json=as_json)


@structure_app.command("list")
def list_(job: JobArgument, as_json: JsonFlag = False) -> None:
    """List the structures of a job, newest first."""
    with connected(as_json=as_json) as (client, _):
        show(client.structures(job), table_of_structures, as_json=as_json)


@structure_app.command()
def download(
    job: JobArgument,
    number: NumberArgument,
    out: Annotated[Path | None, typer.Option(help="Else its own name, in this folder.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Download a structure's file as it was sent."""
    with connected(as_json=as_json) as (client, _), reporting(as_json=as_json) as reporter:
        tell_file(client.download_structure(job, number, out, on_bytes=reporter.bytes), as_json=as_json)


@structure_app.command()
def remove(job: JobArgument, number: NumberArgument, as_json: JsonFlag = False) -> None:
    """Remove a structure from a job."""
    with connected(as_json=as_json) as (client, _):
        client.delete_structure(job, number)
        say(f"removed structure {number}")


def structure_lines(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield what was read of a structure, and how well a contact map agrees with it."""
    yield f"structure {body['id']} {plain(body['name'])!r}: chain {plain(body['chain'])}, beside item {body['item']}"
    yield f"resolved   {body['resolved']:,} residues, {body['identical']:,} of {body['aligned']:,} aligned identical"
    if body["virtual"]:
        yield f"virtual    {body['virtual']:,} C-beta atoms were computed from N, C-alpha and C"
    yield f"precision  {_precision(body)}"


def table_of_structures(bodies: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a heading and a line for each structure."""
    yield f"{'number':>6}  {'item':>5}  {'chain':5}  {'resolved':>8}  {'precision':30}  name"
    for body in bodies:
        row = f"{body['id']:>6}  {body['item']:>5}  {plain(body['chain']):5}  {body['resolved']:>8,}"
        yield f"{row}  {_precision(body):30}  {plain(body['name'])}".rstrip()


def _precision(body: Mapping[str, Any]) -> str:
    """Return the long-range precision at L of the item's contact map."""
    found = body["precision"]
    if found is None:
        return "no contact map"
    if found["value"] is None:
        return "too short for long-range pairs"
    return f"{found['value']:.3f} ({found['hits']:,} of {found['pairs']:,} pairs)"
