"""The cost of a job as lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from e1client.job import unit_words
from e1client.render import duration, plain

QUOTAS = {"active_jobs": "unfinished jobs", "queued_tokens": "queued tokens", "stored_bytes": "stored bytes"}


def estimate_lines(cost: Mapping[str, Any]) -> Iterator[str]:
    """Yield size, time and the rest of the quotas from the answer of `POST /api/estimate/`."""
    skipped = f", {cost['skipped']:,} skipped" if cost.get("skipped") else ""
    yield f"{plain(cost.get('action'))} with {plain(cost.get('model'))}: {cost['items']:,} items{skipped}"
    yield f"  residues    {cost['residues']:,}"
    if cost.get("units"):
        yield f"  units       {cost['units']:,} {unit_words(cost.get('action'))}, in {cost['chunks']:,} chunks"
    yield f"  tokens      {cost['tokens']:,}"
    yield f"  results     {cost['output_bytes']:,} bytes; {cost['stored_bytes']:,} with the library"
    yield f"  computing   {_time(cost)}"
    for name, words in QUOTAS.items():
        quota = (cost.get("quota") or {}).get(name) or {}
        if quota.get("limit") is not None:
            yield f"  quota       {quota['left']:,} of {quota['limit']:,} {words} left"
    refusal = cost.get("refusal")
    if refusal:
        yield f"  It would be refused now: {plain(refusal['detail'])} [{plain(refusal['code'])}]"
    else:
        yield "  It would be accepted."


def _time(cost: Mapping[str, Any]) -> str:
    if cost.get("seconds") is None:
        return f"not known: {plain(cost.get('seconds_reason') or 'no rate is measured')}"
    text = f"about {duration(float(cost['seconds']))}"
    if span := cost.get("seconds_range"):
        least, most = (duration(float(limit)) for limit in span)
        text = f"between {least} and {most}"
    ahead = (cost.get("waiting") or {}).get("seconds")
    return f"{text}; {duration(float(ahead))} of others' work waits as well" if ahead else text
