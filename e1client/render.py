"""Jobs and errors as text for people: pure functions from values to lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from e1client.errors import ApiError, ClientError
from e1client.job import FINISHED, Job

PROBLEMS_SHOWN = 20
ITEMS_SHOWN = 5


def plain(value: object) -> str:
    """Return text that is safe on a terminal: control characters become visible escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(value))


def error_lines(error: ClientError) -> Iterator[str]:
    """Yield the error's sentence, then the first places with remedies, then the number of others."""
    problems = [list(problem_lines(problem)) for problem in error.problems[:PROBLEMS_SHOWN]]
    detail, first = plain(error.detail), plain(error.problems[0].get("message", "")) if problems else ""
    if first and error.problem_count <= 1 and detail == first:
        yield f"e1: {problems[0][0].strip()}"  # the same sentence, with its place
        yield from problems[0][1:]
        return
    if first and detail.endswith(f" First: {first}"):  # it is the next line
        detail = detail.removesuffix(f" First: {first}").rstrip(".;") + ":"
    yield f"e1: {detail} [{plain(error.code)}]"
    for lines in problems:
        yield from lines
    more = error.problem_count - min(len(error.problems), PROBLEMS_SHOWN)
    if more > 0:
        yield f"  ... and {more:,} more"
    if isinstance(error, ApiError) and error.status_code == 401:
        yield "  -> set E1_TOKEN: make a token on the page API tokens, or ask your administrator for one;"
        yield "     on the service's machine, the file `token` of its data folder has one"
    if error.code == "invalid_records" and (hint := skip_hint(detail)):
        yield f"  -> {hint}"


def skip_hint(detail: str) -> str:
    """Return what `--on-invalid skip` does for a refusal such as `1 of 12 records is not valid`.

    Empty if no record is good.
    """
    counts = re.match(r"([\d,]+) of ([\d,]+) records ", detail)
    if counts is None:
        return ""
    bad, total = (int(text.replace(",", "")) for text in counts.groups())
    left_out, good = "it" if bad == 1 else "them", total - bad
    return f"mend {left_out}, or leave {left_out} out: `--on-invalid skip` runs the other {good:,}" if good else ""


def problem_lines(problem: Mapping[str, Any]) -> Iterator[str]:
    """Yield a problem: its place, what is wrong, its code, and on another line what to do."""
    words = {"line": "line", "column": "column", "record": "record", "path": "field"}
    place = ", ".join(f"{word} {plain(problem[key])}" for key, word in words.items() if problem.get(key) is not None)
    if not place and problem.get("index") is not None:
        place = f"item {int(problem['index']) + 1}"
    code = f" [{plain(problem['code'])}]" if problem.get("code") else ""
    message = plain(problem.get("message", ""))
    # Most messages of the service begin with their place.
    path = plain(problem.get("path"))
    if place and not message.startswith(("line ", "record ", f"{path}:", f"{path},")):
        message = f"{place}: {message}"
    yield f"  {message}{code}"
    if problem.get("remedy"):
        yield f"    -> {plain(problem['remedy'])}"


def job_lines(job: Job) -> Iterator[str]:
    """Yield a job in full."""
    data = job.data
    name = f" {data['name']!r}" if data.get("name") else ""
    yield f"job {job.id}{plain(name)}: {plain(data.get('action'))} with {plain(data.get('model'))}"
    stage = f", {plain(data['stage'])}" if data.get("stage") else ""
    yield f"  state       {plain(job.state)}{stage}"
    yield f"  items       {counts_text(job)}"
    if job.units:
        yield f"  computed    {job.units[0]:,} of {job.units[1]:,} {job.unit_words}"
    throughput = data.get("throughput")
    if throughput and throughput.get("units_per_second"):
        yield f"  speed       {float(throughput['units_per_second']):.3g} {job.unit_words} a second"
    elif throughput:
        items, residues = (float(throughput.get(f"{what}_per_second") or 0) for what in ("items", "residues"))
        yield f"  speed       {items:.3g} items/s, {residues:,.0f} residues/s"
    if data.get("eta_seconds") is not None:
        yield f"  ready in    about {duration(float(data['eta_seconds']))}"
    queue = data.get("queue")
    if queue:
        yield f"  queue       {plain(queue_text(queue))}"
    cleaned = {k: v for k, v in (data.get("cleaning") or {}).items() if v}
    if cleaned:
        yield "  cleaned     " + ", ".join(f"{plain(k).replace('_', ' ')} {v}" for k, v in cleaned.items())
    for warning in data.get("warnings") or ():
        yield "  warning   " + "\n".join(problem_lines(warning))
    yield from failure_lines(data.get("failures") or ())
    if data.get("attribution"):
        yield f"  {plain(data['attribution'])}"
    if data.get("demonstration") and "demonstration" not in str(data.get("attribution")):
        yield "  These numbers come from the demonstration network, not from E1-600M."


def failure_lines(failures: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the reasons of failed and skipped items, each with its number of items."""
    for failure in failures[:PROBLEMS_SHOWN]:
        count, code = failure.get("count", 1), plain(failure.get("code", "failed"))
        yield f"  reason      {count} x {code}: {plain(failure.get('message', ''))}"
    if len(failures) > PROBLEMS_SHOWN:
        yield f"  ... and {len(failures) - PROBLEMS_SHOWN} more reasons"


def item_lines(items: Sequence[Mapping[str, Any]], count: int) -> Iterator[str]:
    """Yield the first failed items by name, and the number of others of `count`."""
    for item in items[:ITEMS_SHOWN]:
        place = f"line {item['line']}, " if item.get("line") is not None else ""
        name = item.get("name") or f"item {int(item.get('index', 0)) + 1}"
        reason = item.get("reason") or item.get("message") or ""
        yield f"    {place}{plain(name)}: {plain(reason)} [{plain(item.get('code', 'failed'))}]"
    if count > min(len(items), ITEMS_SHOWN):
        yield f"    ... and {count - min(len(items), ITEMS_SHOWN):,} more"


def queue_text(queue: Mapping[str, Any]) -> str:
    """Return text such as `starts in about 20 s: another job runs`; either half may be absent."""
    seconds, position, reason = queue.get("starts_in_seconds"), queue.get("position"), queue.get("reason")
    when = f"starts in about {duration(seconds)}" if seconds else ""
    if "starts_in_seconds" not in queue and position is not None:  # a service of an earlier version
        when = f"position {position}"
    halves = (when, str(reason or ""))
    return ": ".join(half for half in halves if half)


def counts_text(job: Job) -> str:
    """Return text such as `90 of 100 finished (89 succeeded, 1 failed)`."""
    parts = ", ".join(f"{job.counts[s]:,} {s}" for s in (*FINISHED, "cancelled") if job.counts.get(s))
    return f"{job.finished_items:,} of {job.total:,} finished" + (f" ({parts})" if parts else "")


def table_lines(jobs: Iterable[Job]) -> Iterator[str]:
    """Yield a heading and a line per job, with names last because they may be long. Without jobs, say how to begin."""
    jobs = list(jobs)
    if not jobs:
        yield "no jobs yet; `e1 submit FILE --action encode --model e1-demo` makes one"
        return
    yield f"{'job':36}  {'state':10}  {'finished':>17}  {'created':16}  {'model':8}  {'action':8}  name"
    for job in jobs:
        data = job.data
        finished = f"{job.finished_items:,} / {job.total:,}"
        if job.units:
            # Its items are assembled late: the share of the computing is more telling.
            finished += f" ({100 * job.units[0] // max(1, job.units[1])} %)"
        created = plain(data.get("created_at") or "")[:16].replace("T", " ")
        model, action, name = (plain(data.get(key) or "") for key in ("model", "action", "name"))
        row = f"{job.id:36}  {plain(job.state):10}  {finished:>17}  {created:16}"
        yield f"{row}  {model:8}  {action:8}  {name}".rstrip()


def duration(seconds: float) -> str:
    """Return text such as `1 h 02 min`, `3 min 20 s` or `12 s`."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 60} min {whole % 60:02} s" if whole >= 60 else f"{whole} s"
