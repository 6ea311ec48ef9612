"""Synchronous calls: a handful of items, answered at once, eight to a request.

A request that takes longer than the server waits becomes a job. Its results are then fetched.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any
from urllib.parse import quote

import httpx

from e1client.errors import ApiError, ServerTrouble, UsageError
from e1client.items import ItemLike, items_of
from e1client.transport import Transport, decoded, not_the_service

BATCH = 8
"""Most items of a synchronous request."""
ANSWER_SECONDS = 300.0
"""Read limit of an answer: longer than a server waits before it answers 504 and goes on in the background."""

Result = dict[str, Any]
FetchRows = Callable[[str], Iterable[Mapping[str, Any]]]
"""Waits for the job at a URL and returns its rows, as JSONL has them."""


def action_path(model: str, action: str) -> str:
    return f"{quote(model, safe='')}/{quote(action, safe='')}/"


def ask(
    transport: Transport,
    model: str,
    action: str,
    *,
    items: Iterable[ItemLike],
    params: Mapping[str, Any] | None,
    fetch_rows: FetchRows,
) -> list[Result]:
    """Return a result for every item, in their order.

    Raises ApiError if an item is refused or fails. Its problems count items from the first of all batches.
    """
    path = f"/api/v3/{action_path(model, action)}"
    results: list[Result] = []
    for batch in _batches(items_of(items)):
        _check_numbers(batch, len(results))
        try:
            results += _post(transport, path, {"params": dict(params or {}), "items": batch}, fetch_rows)
        except ApiError as error:
            if results:
                _count_from(error, len(results), len(batch))
            raise
    return results


def _check_numbers(batch: list[Any], start: int) -> None:
    """Raise UsageError `bad_item` for an item that JSON cannot hold, such as one with NaN."""
    for place, item in enumerate(batch, start):
        try:
            json.dumps(item, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise UsageError(f"items[{place}] does not fit into JSON: {error}", code="bad_item") from error


def _batches(items: Iterator[Any]) -> Iterator[list[Any]]:
    while batch := list(islice(items, BATCH)):
        yield batch


def _post(transport: Transport, path: str, body: Mapping[str, Any], fetch_rows: FetchRows) -> list[Result]:
    try:
        response = transport.request("POST", path, json=body, seconds=ANSWER_SECONDS)
    except ServerTrouble as error:
        job = error.body.get("job")
        if error.status_code != httpx.codes.GATEWAY_TIMEOUT or not job:
            raise
        return [_result_of(row, error) for row in fetch_rows(str(job))]
    results = decoded(response).get("results")
    if not isinstance(results, list) or len(results) != len(body["items"]):
        raise not_the_service(response)
    return results


def _result_of(row: Mapping[str, Any], late: ServerTrouble) -> Result:
    """Return the result in a row of JSONL. Raises `late`, with the row's reason, if the item has none."""
    if "result" in row:
        result: Result = row["result"]
        return result
    problem = row.get("error") or {}
    late.detail = f"items.{row.get('index')}: {problem.get('message', row.get('state'))}"
    late.code = str(problem.get("code", "items_failed"))
    raise late


def _count_from(error: ApiError, start: int, count: int) -> None:
    """Renumber the items in an error of a later batch: the server counts from the batch's first."""
    error.problems = [_moved(problem, start) for problem in error.problems]
    error.detail = f"of items {start} to {start + count - 1}: {error.detail}"
    error.body = error.body | {"detail": error.detail, "errors": error.problems}


def _moved(problem: Mapping[str, Any], start: int) -> dict[str, Any]:
    """Return the problem with `index` and `path` (items.3.sequence) counted from the first item of all."""
    moved = dict(problem)
    if isinstance(problem.get("index"), int):
        moved["index"] = problem["index"] + start
    match str(problem.get("path") or "").split("."):
        case ["items", place, *rest] if place.isdecimal():
            moved["path"] = ".".join(["items", str(int(place) + start), *rest])
    return moved
