"""The cost of a job as lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
        yield from _earlier_lines(cost)
    yield f"  tokens      {cost['tokens']:,}"
    yield f"  results     {cost['output_bytes']:,} bytes; {cost['stored_bytes']:,} with the library"
    yield f"  computing   {_time(cost)}"
    yield from _pool_lines(cost.get("pools") or [])
    for name, words in QUOTAS.items():
        quota = (cost.get("quota") or {}).get(name) or {}
        if quota.get("limit") is not None:
            yield f"  quota       {quota['left']:,} of {quota['limit']:,} {words} left"
    refusal = cost.get("refusal")
    if refusal:
        yield f"  It would be refused now: {plain(refusal['detail'])} [{plain(refusal['code'])}]"
    else:
        yield "  It would be accepted."


def _earlier_lines(cost: Mapping[str, Any]) -> Iterator[str]:
    """Yield how many passes need not be computed. Services before 0.1.0 do not say it."""
    earlier = cost.get("earlier_jobs") or {}
    if units := earlier.get("units"):
        whole = earlier.get("seconds_without")
        otherwise = "" if whole is None else f"; without those jobs computing takes about {duration(float(whole))}"
        yield f"  earlier     {units:,} of {cost['units']:,} passes are there from earlier jobs{otherwise}"
    if rest := earlier.get("not_looked_at"):
        yield f"              {rest:,} of further proteins were not looked up, and count as to be computed"


def _time(cost: Mapping[str, Any]) -> str:
    if cost.get("seconds") is None:
        return f"not known: {plain(cost.get('seconds_reason') or 'no rate is measured')}"
    text = _limits(cost)
    ahead = (cost.get("waiting") or {}).get("seconds")
    return f"{text}; {duration(float(ahead))} of others' work waits as well" if ahead else text


def _limits(cost: Mapping[str, Any]) -> str:
    if span := cost.get("seconds_range"):
        least, most = (duration(float(limit)) for limit in span)
        return f"between {least} and {most}"
    return f"about {duration(float(cost['seconds']))}"


def _pool_lines(pools: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the time in each pool of workers, if there are several."""
    if len(pools) < 2:
        return
    for pool in pools:
        time = "not known" if pool.get("seconds") is None else _limits(pool)
        workers = "1 worker" if pool["workers"] == 1 else f"{pool['workers']} workers"
        yield f"    {plain(pool['precision']):<10}{time}, by {workers}"
    yield "    The first worker that takes a part of the job decides; --param precision=... chooses."
