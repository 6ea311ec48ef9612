"""`e1 compare`: the scores of two jobs side by side."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from e1client.downloads import complete_file
from e1client.following import connected
from e1client.render import plain
from e1client.shell import JsonFlag, show, tell_file

comparison_app = typer.Typer()

SHOWN = 10
HEADS = ("variant", "first", "second", "difference")


@comparison_app.command()
def compare(  # noqa: PLR0917 - typer calls it; every parameter is an option of the command
    first: Annotated[str, typer.Argument(metavar="A", help="The first job's id, or its URL.")],
    second: Annotated[str, typer.Argument(metavar="B", help="The second job, of the same parent.")],
    item: Annotated[int, typer.Option(min=0, help="Of a scan: the item of A, from 0.")] = 0,
    other_item: Annotated[int, typer.Option(min=0, help="Of a scan: the item of B, from 0.")] = 0,
    out: Annotated[Path | None, typer.Option(help="A .csv file for all variants.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Compare the scores of two jobs, such as with and without contexts."""
    with connected(as_json=as_json) as (client, _):
        body = client.compare(first, second, item=item, other_item=other_item)
        show(body, comparison_lines, as_json=as_json)
        if out is not None:
            write_csv(body, out)
            tell_file(out, as_json=as_json)


def write_csv(body: Mapping[str, Any], out: Path) -> None:
    """Write the variants to `out`, which appears only when complete."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADS)
    writer.writerows([row[name] for name in HEADS] for row in body["variants"])
    with complete_file(out) as file:
        file.write(text.getvalue().encode())


def comparison_lines(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield the figures, and the variants that differ most."""
    for side in ("first", "second"):
        run = body[side]
        contexts = f"{run['contexts']} contexts" if run["contexts"] else "no contexts"
        yield f"{side:10}  {plain(run['name'] or run['job'])}: {run['action']} by {run['model']}, {contexts}"
    alone = f"{body['only_first']:,} only in the first, {body['only_second']:,} only in the second"
    yield f"variants    {body['pairs']:,} with both scores; {alone}"
    spearman, interval = body["spearman"], body["interval"]
    between = f" (95 % interval {interval['low']:.3f} to {interval['high']:.3f})" if interval else ""
    yield f"spearman    {'not defined' if spearman is None else f'{spearman:.3f}'}{between}"
    yield f"difference  {body['mean_difference']:+.3f} on average, second minus first"
    rows = sorted(body["variants"], key=lambda row: -abs(row["difference"]))[:SHOWN]
    for row in rows:
        yield f"  {plain(row['variant']):20} {row['first']:9.3f} {row['second']:9.3f} {row['difference']:+9.3f}"
