"""`e1 context`: alignments of homologs, and context sets drawn from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from e1client.context_text import alignment_lines, preview_lines, set_lines, table_of_alignments, table_of_sets
from e1client.errors import UsageError
from e1client.following import connected
from e1client.progress import reporting, say
from e1client.shell import JsonFlag, show
from e1protocol import NEIGHBOUR_THRESHOLD, SAMPLED_RESIDUES, SAMPLED_SEQUENCES

context_app = typer.Typer(
    help="Homologs as context: alignments, samples of them, sets under a name.", no_args_is_help=True
)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The name of a context set.")]
AlignmentArgument = Annotated[str, typer.Argument(metavar="ALIGNMENT", help="An alignment's id, or its URL.")]


@context_app.command()
def upload(  # noqa: PLR0917 - typer calls it; every parameter is an option of the command
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A3M, aligned FASTA, Clustal, PIR or Stockholm, gzip or not.")
    ],
    parent: Annotated[Path | None, typer.Option(help="FASTA of the sequence that the first row must be.")] = None,
    add_parent: Annotated[bool, typer.Option("--add-parent", help="Make the parent the first row.")] = False,
    skip_empty: Annotated[bool, typer.Option("--skip-empty", help="Leave out rows without letters.")] = False,
    name: Annotated[str, typer.Option(help="Else the file's name.")] = "",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the alignment's id only.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Store an alignment whose first row is the parent."""
    with connected(as_json=as_json) as (client, _):
        if add_parent and parent is None:
            raise UsageError("--add-parent needs --parent FASTA")
        stored = client.upload_alignment(file, parent=parent, add_parent=add_parent, skip_empty=skip_empty, name=name)
        if quiet:
            print(stored["id"])
        else:
            show(stored, alignment_lines, as_json=as_json)


@context_app.command()
def add(
    file: Annotated[str, typer.Argument(metavar="FILE", help="FASTA of homologs, unaligned, gzip or not.")],
    name: Annotated[str, typer.Option(help="Else the file's name.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Store plain homologs as a set of one context."""
    with connected(as_json=as_json) as (client, _):
        show(client.upload_homologs(file, name=name), set_lines, as_json=as_json)


@context_app.command()
def sample(  # noqa: PLR0917 - typer calls it; every parameter is an option of the command
    alignment: AlignmentArgument,
    name: Annotated[str, typer.Option(help="A name for the context set; not needed with --preview.")] = "",
    preset: Annotated[str | None, typer.Option(help="published_ensemble: 15 contexts.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the first context; the others count up.")] = 0,
    count: Annotated[int, typer.Option(min=1, max=64, help="Contexts to draw, without a preset.")] = 1,
    max_residues: Annotated[
        int | None, typer.Option(min=1, help=f"Residues of a context. [{SAMPLED_RESIDUES}]")
    ] = None,
    max_similarity: Annotated[float | None, typer.Option(min=0, max=1, help="To the parent. [1.0]")] = None,
    min_similarity: Annotated[float | None, typer.Option(min=0, max=1, help="To the parent. [0.0]")] = None,
    max_sequences: Annotated[
        int | None, typer.Option(min=1, max=SAMPLED_SEQUENCES, help=f"Of a context. [{SAMPLED_SEQUENCES}]")
    ] = None,
    neighbour_threshold: Annotated[float | None, typer.Option(min=0, max=1, help=f"[{NEIGHBOUR_THRESHOLD}]")] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="What would be drawn, and its cost; stores nothing.")
    ] = False,
    model: Annotated[str | None, typer.Option(help="Whose measured rate a preview counts with.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Draw contexts from an alignment and store them under a name."""
    with connected(as_json=as_json) as (client, _), _counting(as_json=as_json) as counting:
        given = {
            "max_residues": max_residues,
            "max_similarity": max_similarity,
            "min_similarity": min_similarity,
            "max_sequences": max_sequences,
            "neighbour_threshold": neighbour_threshold,
        }
        settings = {key: value for key, value in given.items() if value is not None}
        if preset is not None and (settings or count != 1):
            raise UsageError("--preset brings its own settings; leave the others out, or leave it out")
        samplings = [] if preset is not None else [settings] * count
        if preview:
            drawn = client.preview_contexts(
                alignment, preset=preset, samplings=samplings, seed=seed, model=model, on_counting=counting
            )
            show(drawn, preview_lines, as_json=as_json)
            return
        if not name:
            raise UsageError("--name NAME is needed to store contexts; --preview stores none")
        made = client.sample_contexts(
            alignment, name=name, preset=preset, samplings=samplings, seed=seed, on_counting=counting
        )
        show(made, set_lines, as_json=as_json)


@context_app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 50,
    as_json: JsonFlag = False,
) -> None:
    """List your context sets, newest first."""
    with connected(as_json=as_json) as (client, _):
        show(client.context_sets(limit=limit), table_of_sets, as_json=as_json)


@context_app.command()
def alignments(
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 50,
    as_json: JsonFlag = False,
) -> None:
    """List your alignments, newest first."""
    with connected(as_json=as_json) as (client, _):
        show(client.alignments(limit=limit), table_of_alignments, as_json=as_json)


@context_app.command("show")
def show_set(name: NameArgument, as_json: JsonFlag = False) -> None:
    """Show a context set: its contexts and their origin."""
    with connected(as_json=as_json) as (client, _):
        show(client.context_set(name), set_lines, as_json=as_json)


@context_app.command()
def delete(name: NameArgument, as_json: JsonFlag = False) -> None:
    """Delete a context set. Jobs that used it keep its contexts."""
    with connected(as_json=as_json) as (client, _):
        client.delete_context_set(name)
        say(f"deleted {name}")


@contextmanager
def _counting(*, as_json: bool) -> Iterator[Callable[[float], None]]:
    """Yield a listener that shows the progress of the server's count of neighbours."""
    with reporting(as_json=as_json) as reporter:
        yield lambda share: reporter.count(round(100 * share), 100)
