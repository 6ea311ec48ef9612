"""Sequences of a program to send: as items of a request, or as a JSONL file of any size."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from e1client.errors import UsageError
from e1client.uploads import Named, open_upload

ItemLike = str | tuple[str, str] | Mapping[str, Any]
"""A sequence, a pair (name, sequence), or the item as the REST interface takes it."""
ContextLike = str | Path | Sequence[str]
"""A file of homologs, or a list of their sequences."""
IN_MEMORY = 1 << 20
"""Bytes of items that are kept in memory before they go to a temporary file."""


def item_of(value: ItemLike, place: int) -> dict[str, Any]:
    """Return the item as JSON has it. Raises UsageError `bad_item` with its 0-based place for anything else."""
    match value:
        case str():
            return {"sequence": value}
        case (str(name), str(sequence)):
            return {"name": name, "sequence": sequence}
        case Mapping():
            return dict(value)
        case (name, sequence):
            wrong, found = ("sequence", sequence) if isinstance(name, str) else ("name", name)
            raise UsageError(
                f"items[{place}] is a pair whose {wrong} is {found!r}, a {type(found).__name__}, and no text; an "
                "empty cell of a data frame is NaN: leave such rows out, for example with frame.dropna()",
                code="bad_item",
            )
    raise UsageError(
        f"items[{place}] is a {type(value).__name__}; "
        'give a sequence, a pair (name, sequence), or a dict such as {"sequence": "MKT"}',
        code="bad_item",
    )


def items_of(values: Iterable[ItemLike]) -> Iterator[dict[str, Any]]:
    """Yield each value as an item. Raises UsageError for one that is none, and for a single item instead of a list."""
    if isinstance(values, str | Mapping):
        raise UsageError(f"items is a {type(values).__name__}; put a single item into a list", code="bad_item")
    return (item_of(value, place) for place, value in enumerate(values))


@contextmanager
def open_items(values: Iterable[ItemLike]) -> Iterator[Named]:
    """Yield an open JSONL file with a line for every item, under a name that tells what is in it.

    Raises UsageError if there is no item, and for a value that does not fit into JSON.
    """
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as file:
        first, count = "", 0
        for place, item in enumerate(items_of(values)):
            try:
                line = json.dumps(item, allow_nan=False)
            except (TypeError, ValueError) as error:
                raise UsageError(f"items[{place}] does not fit into JSON: {error}", code="bad_item") from error
            file.write(line.encode() + b"\n")
            count = place + 1
            first = first if place else str(item.get("name") or "")
        if not file.tell():
            raise UsageError("items is empty; give at least one sequence", code="no_items")
        file.seek(0)
        yield f"{_title(first, count)}.jsonl", file


def _title(first: str, count: int) -> str:
    """Return a name for unnamed items: the first one and the number of others (`P12345-and-239-more`, `240-items`)."""
    kept = re.sub(r"[^0-9A-Za-z._-]", "_", first)[:60]
    if not kept.strip("._-"):
        return f"{count}-item{'s' if count > 1 else ''}"
    return f"{kept}-and-{count - 1}-more" if count > 1 else kept


@contextmanager
def open_context(context: ContextLike) -> Iterator[Named]:
    """Yield the file of this path, or a JSON list of these sequences."""
    if isinstance(context, str | Path):
        with open_upload(context, what="context") as upload:
            yield upload
        return
    with BytesIO(json.dumps(list(context)).encode()) as file:
        yield "context.json", file
