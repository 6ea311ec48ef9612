"""`e1 context search` and related commands: homologs of a parent in a library of the service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from e1client.context_cli import context_app
from e1client.errors import Exit, UsageError
from e1client.following import connected
from e1client.progress import reporting, say
from e1client.render import plain
from e1client.shell import JsonFlag, show

__all__ = ["context_app"]  # with the commands below

SearchArgument = Annotated[str, typer.Argument(metavar="SEARCH", help="A search's id, or its URL.")]
WaitFlag = Annotated[bool, typer.Option("--wait", help="Wait until it ends.")]


@context_app.command()
def search(  # noqa: PLR0917 - typer calls it; every parameter is an option of the command
    database: Annotated[str, typer.Argument(metavar="DATABASE", help="A library; `e1 context databases` lists them.")],
    parent: Annotated[Path, typer.Option(help="FASTA of the sequence whose homologs are wanted.")],
    name: Annotated[str, typer.Option(help="Of the search and of its alignment.")] = "",
    tool: Annotated[Literal["hmmer", "mmseqs2"], typer.Option(help="MMseqs2 where the server has it.")] = "hmmer",
    iterations: Annotated[int, typer.Option(min=1, max=10, help="1 is phmmer, more is jackhmmer.")] = 3,
    evalue: Annotated[float, typer.Option(help="The largest at which a homolog is taken.")] = 1e-3,
    min_coverage: Annotated[float, typer.Option(min=0, max=1, help="Least share of the parent in a row.")] = 0.5,
    max_homologs: Annotated[int, typer.Option(min=1, help="Sequences taken, the best first.")] = 10_000,
    wait: WaitFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Search homologs; what is found becomes an alignment."""
    with connected(as_json=as_json) as (client, _):
        try:
            text = parent.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"--parent {str(parent)!r} cannot be read: {error}", code="file_unreadable") from error
        begun = client.search_homologs(
            text, database=database, name=name, tool=tool, iterations=iterations, evalue=evalue,
            min_coverage=min_coverage, max_homologs=max_homologs,
        )  # fmt: skip
        if not wait:
            show(begun, search_lines, as_json=as_json)
            return
        say(f"search {begun['id']}")
        with reporting(as_json=as_json) as reporter:
            over = client.wait_search(begun, on_update=lambda now: reporter.count(round(100 * now["progress"]), 100))
        show(over, search_lines, as_json=as_json)
        raise typer.Exit(Exit.DONE if over["state"] == "done" else Exit.JOB_FAILED)


@context_app.command()
def searches(
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 50,
    as_json: JsonFlag = False,
) -> None:
    """List your searches, newest first."""
    with connected(as_json=as_json) as (client, _):
        show(client.searches(limit=limit), table_of_searches, as_json=as_json)


@context_app.command("cancel-search")
def cancel_search(search: SearchArgument, as_json: JsonFlag = False) -> None:
    """Stop a search; nothing of it is kept."""
    with connected(as_json=as_json) as (client, _):
        show(client.cancel_search(search), search_lines, as_json=as_json)


@context_app.command()
def databases(as_json: JsonFlag = False) -> None:
    """List the libraries that homologs can be searched in."""
    with connected(as_json=as_json) as (client, _):
        show(client.databases(), table_of_databases, as_json=as_json)


def search_lines(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield a search with its state and the URL of its alignment."""
    yield f"search {body['id']} {plain(body['name'])!r} in {plain(body['database']['name'])}"
    settings = body["settings"]
    share = f", {100 * body['progress']:.0f} %" if body["state"] == "running" else ""
    yield f"  state       {plain(body['state'])}{share}, iteration {body['iteration']} of {settings['iterations']}"
    if body.get("reason"):
        yield f"  reason      {plain(body['reason'])}"
    if body.get("hits") is not None:
        end = "; the last iteration found nothing new" if body["converged"] else ""
        yield f"  found       {body['hits']:,} sequences{end}"
    if body.get("alignment"):
        yield f"  alignment   {plain(body['alignment'])}"


def table_of_searches(bodies: list[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a heading and a line per search."""
    yield f"{'search':36}  {'state':9}  {'done':>5}  {'found':>7}  {'database':12}  name"
    for body in bodies:
        found = "" if body["hits"] is None else f"{body['hits']:,}"
        row = f"{body['id']:36}  {plain(body['state']):9}  {body['progress']:>5.0%}  {found:>7}"
        yield f"{row}  {plain(body['database']['name']):12}  {plain(body['name'])}"


def table_of_databases(bodies: list[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a heading and a line per library."""
    yield f"{'sequences':>12}  {'residues':>15}  name"
    for body in bodies:
        yield f"{body['sequences']:>12,}  {body['residues']:>15,}  {plain(body['name'])}"
