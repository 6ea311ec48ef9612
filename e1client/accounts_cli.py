"""`e1 usage`: what you used by month, model and project, and what your limits leave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from e1client.following import connected
from e1client.render import plain
from e1client.shell import JsonFlag, show, tell_file

accounts_app = typer.Typer()
NAMES = {"month": "month", "user": "user", "model": "model"}
PROJECT = {"project_name": "project"}
"""A column that is shown if anything was used in a project."""
COLUMNS = {
    "gpu_hours": "GPU-h",
    "cpu_hours": "CPU-h",
    "passes": "passes",
    "residues": "residues",
    "stored_byte_days": "byte-days",
}
PLACES = {"gpu_hours": 3, "cpu_hours": 3, "stored_byte_days": 0, "cost": 2}
"""Decimal places of what is no whole number."""


@accounts_app.command()
def usage(
    since: Annotated[str, typer.Option(metavar="MONTH", help="The first month, such as 2026-01.")] = "",
    until: Annotated[str, typer.Option(metavar="MONTH", help="The last month; the present one by default.")] = "",
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the rows as CSV instead.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what you used by month, model and project, deleted jobs included; administrators see everyone's use."""
    with connected(as_json=as_json) as (client, _):
        if out is None:
            show(client.usage_accounts(since, until), account_lines, as_json=as_json)
            return
        out.write_bytes(client.usage_csv(since, until))
        tell_file(out, as_json=as_json)


def account_lines(accounts: Mapping[str, Any]) -> Iterator[str]:
    """Yield a table of the rows and their sum, and the budget if there is one."""
    currency = accounts["currency"]
    # A service of an earlier version knows no projects.
    names = NAMES | (PROJECT if any(row.get("project") for row in accounts["results"]) else {})
    heads = {**names, **COLUMNS} if currency is None else {**names, **COLUMNS, "cost": f"cost {currency}".strip()}
    rows = [[_cell(name, row[name]) for name in heads] for row in accounts["results"]]
    if not rows:
        yield f"Nothing was used from {plain(accounts['since'])} to {plain(accounts['until'])}."
    else:
        total = {**dict.fromkeys(names, ""), "month": "total", **accounts["total"]}
        lines = [list(heads.values()), *rows, [_cell(name, total[name]) for name in heads]]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        for line in lines:
            left = [cell.ljust(width) for cell, width in zip(line[: len(names)], widths, strict=False)]
            right = [cell.rjust(width) for cell, width in zip(line[len(names) :], widths[len(names) :], strict=True)]
            yield "  ".join([*left, *right]).rstrip()
    if budget := accounts["budget"]:
        money = f"{budget['used']:.2f} of {budget['limit']:.2f} {currency or ''}".rstrip()
        yield f"Budget of this month: {plain(money)}."
        if budget["warning"]:
            yield plain(budget["warning"])


def _cell(name: str, value: Any) -> str:
    if name in PLACES:
        return "" if value is None else f"{value:,.{PLACES[name]}f}"
    return f"{value:,}" if isinstance(value, int) else plain(value)
