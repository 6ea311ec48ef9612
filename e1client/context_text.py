"""Alignments and context sets as text for people: pure functions from JSON to lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from e1client.render import PROBLEMS_SHOWN, duration, plain, problem_lines
from e1protocol import NEIGHBOUR_THRESHOLD

Body = Mapping[str, Any]
BAR = 40
"""Characters of the longest bar of a histogram."""


def set_lines(body: Body) -> Iterator[str]:
    """Yield a context set: each context with its size, and its sampling if it was drawn."""
    yield f"context set {plain(body['name'])}: {body['count']} contexts, {body['tokens']:,} tokens"
    origin = body.get("provenance") or {}
    if alignment := origin.get("alignment"):
        drawn = f"{origin['preset']}, seed {origin['seed']}" if origin.get("preset") else f"seed {origin.get('seed')}"
        yield f"  drawn from  {plain(alignment['name'])} ({alignment['depth']:,} rows): {plain(drawn)}"
    else:
        yield f"  source      {plain(body.get('source'))}"
    for note in body.get("notes", ())[:PROBLEMS_SHOWN]:
        yield "  note      " + "\n".join(problem_lines(note))
    samplings = [entry["sampling"] for entry in origin.get("contexts") or ()]
    yield f"  {'context':>7}  {'sequences':>9}  {'residues':>8}  {'tokens':>7}" + ("  sampling" if samplings else "")
    for at, context in enumerate(body.get("contexts") or ()):
        row = f"  {at + 1:>7}  {context['sequences']:>9}  {context['residues']:>8,}  {context['tokens']:>7,}"
        yield row + (f"  {sampling_text(samplings[at])}" if samplings else "")


def sampling_text(sampling: Body) -> str:
    """Return text such as `12,288 residues, similarity 0 to 0.95, seed 3`."""
    window = f"similarity {sampling['min_similarity']:g} to {sampling['max_similarity']:g}"
    return f"{sampling['max_residues']:,} residues, {window}, seed {sampling['seed']}"


def alignment_lines(body: Body) -> Iterator[str]:
    """Yield an alignment with its histogram of similarities."""
    yield f"alignment {body['id']} {plain(body['name'])!r}"
    yield f"  rows        {body['depth']:,}, {body['columns']:,} columns"
    if body.get("effective_depth") is not None:
        yield f"  effective   {body['effective_depth']:,.1f} rows (each counts 1 / neighbours at {NEIGHBOUR_THRESHOLD})"
    elif body.get("state") == "failed":
        yield f"  neighbours  {plain(body.get('reason', 'could not be counted'))}"
    else:
        yield f"  neighbours  being counted: {100 * body['progress']:.0f} %"
    for problem in body.get("skipped", ())[:PROBLEMS_SHOWN]:
        yield "  left out  " + "\n".join(problem_lines(problem))
    if body.get("skipped_count", 0) > PROBLEMS_SHOWN:
        yield f"  left out    {body['skipped_count']:,} rows in all"
    for note in body.get("notes", ())[:PROBLEMS_SHOWN]:
        yield "  note      " + "\n".join(problem_lines(note))
    yield from histogram_lines(body.get("histogram") or ())


def histogram_lines(bins: Iterable[Body]) -> Iterator[str]:
    """Yield homologs by their similarity to the parent, without the empty bins at both ends."""
    rows = list(bins)
    filled = [at for at, row in enumerate(rows) if row["count"]]
    if not filled:
        return
    most = max(row["count"] for row in rows)
    yield "  similarity  homologs"
    for row in rows[filled[0] : filled[-1] + 1]:
        bar = "#" * -(-BAR * row["count"] // most)
        yield f"  {row['low']:.2f}-{row['high']:.2f}   {row['count']:>8,}  {bar}".rstrip()


def preview_lines(body: Body) -> Iterator[str]:
    """Yield the contexts that would be drawn, and what a job with them costs."""
    yield f"alignment {body['alignment']}: {body['depth']:,} rows, effective {body['effective_depth']:,.1f}"
    yield f"  {'context':>7}  {'eligible':>8}  {'sequences':>9}  {'tokens':>7}  sampling"
    for at, context in enumerate(body["contexts"]):
        row = f"  {at + 1:>7}  {context['eligible']:>8,}  {context['sequences']:>9}  {context['tokens']:>7,}"
        yield f"{row}  {sampling_text(context['sampling'])}"
    cost = body["cost"]
    time = f"about {duration(cost['seconds'])} at the measured rate" if cost.get("seconds") is not None else ""
    words = f"{cost['passes']:,} passes, {cost['tokens']:,} tokens"
    yield f"  a {plain(cost['action'])} with {plain(cost['model'])}: {words}" + (f", {time}" if time else "")


def table_of_sets(bodies: Iterable[Body]) -> Iterator[str]:
    """Yield a heading and a line per set."""
    yield f"{'contexts':>8}  {'tokens':>9}  {'source':10}  {'created':16}  name"
    for body in bodies:
        created = plain(body.get("created_at") or "")[:16].replace("T", " ")
        row = f"{body['count']:>8}  {body['tokens']:>9,}  {plain(body['source']):10}  {created:16}"
        yield f"{row}  {plain(body['name'])}"


def table_of_alignments(bodies: Iterable[Body]) -> Iterator[str]:
    """Yield a heading and a line per alignment, with names last because they may be long."""
    yield f"{'alignment':36}  {'rows':>7}  {'columns':>7}  {'created':16}  name"
    for body in bodies:
        created = plain(body.get("created_at") or "")[:16].replace("T", " ")
        yield f"{body['id']:36}  {body['depth']:>7,}  {body['columns']:>7,}  {created:16}  {plain(body['name'])}"
