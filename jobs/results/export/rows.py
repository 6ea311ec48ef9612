"""JSON lines, with a line for each finished item, and the rows of a table. Failed items have their reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jobs.actions import ItemView, get_action
from jobs.actions.base import Array
from jobs.actions.columns import Column
from jobs.files.lines import json_line
from jobs.files.pieces import in_blocks
from jobs.files.tables import ItemRows, Table
from jobs.library.selectors import context_at, context_sequences
from jobs.models import Job
from jobs.models.states import ItemState
from jobs.results.export.columns import columns_of
from jobs.results.export.reading import ItemRow, Placed, groups, item_pages, load, place

CANCELLED = {
    "code": "cancelled",
    "message": "the job was cancelled before this item was computed",
    "remedy": "Submit the item again in a new job.",
}
Loaded = tuple[ItemRow, tuple[Array, ...]]


def jsonl_blocks(job: Job) -> Iterator[bytes]:
    """Yield one line of JSON per finished item: index, name, state, and `result` or `error`."""
    return in_blocks(_json_lines(job, columns_of(job)))


def table_rows(job: Job, table: Table, only: int | None = None) -> Iterator[ItemRows]:
    """Yield the rows of each finished item in a table, with its numbers or its error; or of the item `only`."""
    for group in _finished(job, table.columns, sequences=table.needs_sequences, only=only):
        for item, arrays in group:
            error = None if item.succeeded else _error(item)
            yield table.item(item.index, item.name, item.state, sequence=item.sequence, arrays=arrays, error=error)


def _json_lines(job: Job, columns: Sequence[Column]) -> Iterator[bytes]:
    action = get_action(job.action)
    contexts: Mapping[int, tuple[str, ...]] = {}
    for group in _finished(job, columns, sequences=True):
        contexts = _contexts(group, contexts)
        for item, arrays in group:
            if item.succeeded:
                view = ItemView(item.sequence, context_at(contexts, item.context_id))
                outputs = {(c.kind, c.layer): array for c, array in zip(columns, arrays, strict=True)}
                rest = {"result": action.result(view, job.params, outputs)}
            else:
                rest = {"error": _error(item)}
            yield json_line(item.index, item.name, item.state, **rest)


def _finished(
    job: Job, columns: Sequence[Column], *, sequences: bool, only: int | None = None
) -> Iterator[list[Loaded]]:
    """Yield finished items in input order, in groups of bounded size. Items without results have no arrays."""
    for page in item_pages(job, sequences=sequences, only=only):
        finished = [item for item in page if item.state != ItemState.PENDING]
        placed = iter(place([item for item in finished if item.succeeded], columns))
        merged = [next(placed) if item.succeeded else Placed(item, ()) for item in finished]
        for group in groups(merged):
            yield [(one.item, arrays) for one, arrays in zip(group, load(group), strict=True)]


def _contexts(group: Sequence[Loaded], known: Mapping[int, tuple[str, ...]]) -> dict[int, tuple[str, ...]]:
    """Return the contexts that this group needs. Those in `known` are not read again."""
    needed = {item.context_id for item, _ in group if item.succeeded and item.context_id is not None}
    found = {context_id: known[context_id] for context_id in needed & known.keys()}
    if missing := needed - known.keys():
        found.update(context_sequences(missing))
    return found


def _error(item: ItemRow) -> dict[str, Any]:
    """Return the first problem of an item without a result, with the line of the input if it is known."""
    error = dict(CANCELLED if item.state == ItemState.CANCELLED else item.problem or {})
    if item.line is not None:
        error.setdefault("line", item.line)
    return error
