"""Projects as text for people: pure functions from JSON to lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from e1client.render import plain

Body = Mapping[str, Any]


def project_lines(body: Body) -> Iterator[str]:
    """Yield a project with what it holds, and its notes."""
    yield f"project {body['id']} {plain(body['name'])!r}"
    if body.get("description"):
        yield f"  about       {plain(body['description'])}"
    yield f"  owner       {plain(body['owner'])}; you may {body['access']}"
    held = f"{body['jobs']:,} jobs, {body['alignments']:,} alignments, {body['contexts']:,} context sets"
    yield f"  holds       {held}, {body['campaigns']:,} campaigns"
    yield f"  members     {body['members']:,}"
    if body.get("archived_at"):
        yield "  archived"
    if body.get("restorable_until"):
        yield f"  deleted     restorable until {plain(body['restorable_until'])[:10]}"
    for line in (body.get("notes") or "").splitlines():
        yield f"  | {plain(line)}"


def table_of_projects(bodies: Iterable[Body]) -> Iterator[str]:
    """Yield a heading and a line per project, with names last because they may be long."""
    yield f"{'project':36}  {'jobs':>6}  {'owner':12}  {'created':10}  name"
    for body in bodies:
        row = f"{body['id']}  {body['jobs']:>6,}  {plain(body['owner'])[:12]:12}"
        yield f"{row}  {plain(body['created_at'] or '')[:10]:10}  {plain(body['name'])}"


def member_lines(body: Body) -> Iterator[str]:
    """Yield who may see a project."""
    yield f"{plain(body['owner'])}  owner"
    for member in body["results"]:
        yield f"{plain(member['user'])}  {member['role']}" + (" (by the link)" if member["by_link"] else "")
