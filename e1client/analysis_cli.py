"""`e1 analyse`, `e1 columns` and `e1 assay`: analyses of an encode job, values to colour them by, and measurements."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from e1client.errors import Exit
from e1client.following import connected
from e1client.numbering import chosen
from e1client.params import parse_params
from e1client.progress import BarReporter, JsonReporter, reporting
from e1client.render import PROBLEMS_SHOWN, plain, problem_lines
from e1client.shell import (
    JobArgument,
    JsonFlag,
    NumberingChainOption,
    NumberingColumnOption,
    NumberingOption,
    OnInvalid,
    SheetOption,
    show,
    tell_file,
)

analysis_app = typer.Typer()

RowsOption = Annotated[
    OnInvalid | None, typer.Option(help="Whether rows that cannot be read refuse the file; reject by default.")
]

Kind = Literal["neighbours", "clusters", "map"]
ANALYSIS_PARAMETERS: Mapping[Kind, Mapping[str, str]] = {
    "neighbours": {
        "k": "how many similar items for each; 10, at most 100",
        "layer": "the stored layer; the last one by default",
        "against": "the id of another encode job of the same model, to search in",
        "queries": "indices of the items whose neighbours are wanted; all by default",
    },
    "clusters": {
        "method": "auto, louvain, hdbscan or kmeans; auto by default",
        "layer": "the stored layer; the last one by default",
        "seed": "of the random numbers; 0 by default",
        "neighbours": "of each item in louvain's graph; 15 by default",
        "resolution": "of louvain: more makes smaller groups; 1.0 by default",
        "min_size": "of hdbscan: the least size of a group; 10 by default",
        "count": "of kmeans: how many groups; chosen by itself by default",
    },
    "map": {
        "method": "umap or pca; umap by default",
        "layer": "the stored layer; the last one by default",
        "seed": "of the random numbers; 0 by default",
        "neighbours": "of each item in umap's graph; 15 by default",
        "min_dist": "of umap: how close points may lie; 0.1 by default",
        "clusters": "whether to find groups too; true by default",
    },
}
"""Parameters of each kind. A test compares them with the service's."""
AnalysisParamOption = Annotated[
    list[str] | None,
    typer.Option("--param", metavar="NAME=VALUE", help="A parameter of the analysis, such as k=20; see below."),
]


def analysis_parameters_help() -> str:
    """Return a paragraph for each kind with its parameters, for the end of the command's help."""
    kinds = (f"{kind}: " + "; ".join(f"{name} ({text})" for name, text in texts.items())
             for kind, texts in ANALYSIS_PARAMETERS.items())  # fmt: skip
    return "\n\n".join(["Parameters of each --kind, each as --param NAME=VALUE:", *kinds])


@analysis_app.command(epilog=analysis_parameters_help())
def analyse(  # noqa: PLR0917 - typer calls it; every parameter is an option of the command
    job: JobArgument,
    kind: Annotated[Kind, typer.Option(help="What to compute.")] = "map",
    param: AnalysisParamOption = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it ends; --out waits too.")] = False,
    out: Annotated[Path | None, typer.Option(help="A .json or .npz file.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Compute neighbours, clusters or a map of an encode job, in the background of the service."""
    with connected(as_json=as_json) as (client, _):
        body = client.analyse(job, kind, **parse_params(param))
        if wait or out is not None:
            with reporting(as_json=as_json) as reporter:
                body = client.wait_analysis(job, body["id"], on_update=lambda now: tell(reporter, now))
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
    on_invalid: RowsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Attach columns of values to a job's items, to colour its map by."""
    with connected(as_json=as_json) as (client, _):
        show(client.upload_columns(job, file, sheet=sheet, on_invalid=on_invalid), column_lines, as_json=as_json)


@analysis_app.command()
def assay(  # noqa: PLR0917 - typer calls it; every parameter is an option of the command
    job: JobArgument,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="CSV or XLSX with a column of variants and one of measurements.")
    ],
    variant_column: Annotated[str, typer.Option(help="Else mutant, variant, hgvs_pro or the like.")] = "",
    value_column: Annotated[str, typer.Option(help="Else DMS_score, score, fitness or the like.")] = "",
    item: Annotated[int | None, typer.Option(min=0, help="Of a scan: the item, counted from 0.")] = None,
    offset: Annotated[
        int | None, typer.Option(help="Added to positions of the parent; else the numbering of the job.")
    ] = None,
    numbering: NumberingOption = None,
    numbering_column: NumberingColumnOption = "",
    numbering_chain: NumberingChainOption = "",
    sheet: SheetOption = "",
    on_invalid: RowsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Compare measured values with the scores of a job of score or scan."""
    with connected(as_json=as_json) as (client, _):
        stored = client.upload_assay(
            job, file, variant_column=variant_column, value_column=value_column, item=item, offset=offset,
            numbering=chosen(numbering, numbering_column, numbering_chain), sheet=sheet, on_invalid=on_invalid,
        )  # fmt: skip
        show(stored, assay_lines, as_json=as_json)


def tell(reporter: JsonReporter | BarReporter, body: Mapping[str, Any]) -> None:
    """Show the stage of an analysis that is being computed."""
    if body["state"] == "building":
        reporter.stage(body["stage"], body["fraction"])


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


METRICS = {"spearman": "Spearman", "ndcg": "NDCG@10", "top_recall": "top-10 % recall"}


def assay_lines(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield an assay: its columns, how many rows match, how well the scores rank them, and what was changed."""
    yield f"assay {body['id']} {plain(body['name'])!r}"
    yield f"  columns     {plain(body['variant_column'])}, {plain(body['value_column'])}"
    counts = body["counts"]
    yield f"  rows        {counts['rows']:,}, {counts['matched']:,} with a score"
    for kind, number in counts["left_out"].items():
        yield f"  left out    {number:,} {plain(kind)}"
    for name, words in METRICS.items():
        value = body["metrics"][name]
        yield f"  {words:<11} {'not defined' if value is None else f'{value:.3f}'}"
    for problem in [*body["notes"], *body["warnings"]][:PROBLEMS_SHOWN]:
        yield "  note      " + "\n".join(problem_lines(problem))
