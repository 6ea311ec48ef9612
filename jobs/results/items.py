"""Results of single items, for synchronous answers and item pages. `jobs.results.export` reads whole jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from e1protocol import MODELS
from jobs.actions import ACTIONS, ItemView
from jobs.actions.base import Array
from jobs.actions.columns import result_bytes
from jobs.errors import TooLarge
from jobs.library.outputs import ALL_ITEMS, unpack
from jobs.library.selectors import context_at, context_sequences
from jobs.limits import MAX_ANSWER_BYTES
from jobs.models import Item, Job, Output
from jobs.web.places import answer_in_turn


def results_of(job: Job, indices: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Return the results of the succeeded items among `indices`, by index.

    Use it for a few items: it reads all rows that they share with other items of their chunks.
    """
    action = ACTIONS[job.action]
    own = Item.objects.filter(job=job, index__in=indices, error_code__isnull=True)
    rows = list(
        Item.objects.filter(chunk_id__in=own.values("chunk_id"), error_code__isnull=True)
        .order_by("index")
        .values_list("index", "chunk_id", "sequence", "context_id")
    )
    members: dict[int, list[int]] = {}
    for index, chunk_id, *_ in rows:
        if chunk_id is not None:
            members.setdefault(chunk_id, []).append(index)
    wanted = [row for row in rows if row[0] in indices]
    contexts = context_sequences(context_id for *_, context_id in wanted)
    arrays = _arrays(members, indices)
    results: dict[int, dict[str, Any]] = {}
    for index, _, sequence, context_id in wanted:
        if index in arrays:
            view = ItemView(sequence, context_at(contexts, context_id))
            results[index] = action.result(view, job.params, arrays[index])
    return results


def result_of(job: Job, item: Item) -> dict[str, Any] | None:
    """Return the result of one item that succeeded, for one answer. Raises TooLarge `results_too_large`."""
    # Layers times residues have no other limit, and contexts multiply them.
    columns = ACTIONS[job.action].columns(job.params, MODELS[job.model])
    size = result_bytes(columns, item.sequence)
    check_answer_size(
        size,
        f"Download the results of the job: /api/jobs/{job.pk}/results/?format=npz, or another format on its page.",
    )
    answer_in_turn(job.owner_id, size)
    return results_of(job, [item.index]).get(item.index)


def check_answer_size(size: int, remedy: str) -> None:
    """Raise TooLarge `results_too_large` if results of `size` bytes are too many for one JSON answer."""
    if size > MAX_ANSWER_BYTES:
        what = f"the results take {size:,} bytes, and one answer holds at most {MAX_ANSWER_BYTES:,}"
        raise TooLarge.one("results_too_large", what, remedy)


def stored_array(job: Job, index: int, kind: str, layer: int) -> Array | None:
    """Return one stored array of an item that succeeded, without reading the others; None if it has none."""
    item = Item.objects.filter(job=job, index=index, error_code__isnull=True, chunk__isnull=False).first()
    if item is None or item.chunk_id is None:
        return None
    rows = Item.objects.filter(chunk_id=item.chunk_id, error_code__isnull=True).order_by("index")
    members = {item.chunk_id: list(rows.values_list("index", flat=True))}
    return _arrays(members, [index], kind=kind, layer=layer).get(index, {}).get((kind, layer))


def _arrays(
    members: Mapping[int, Sequence[int]], indices: Sequence[int], **which: str | int
) -> dict[int, dict[tuple[str, int], Array]]:
    """Return stored arrays by item index, then (kind, layer), from the rows of these items and the shared ones.

    `members` are the indices of the items without an error, by chunk.
    """
    found: dict[int, dict[tuple[str, int], Array]] = {}
    if not members:
        return found
    for output in Output.objects.filter(chunk_id__in=members, item_index__in=[ALL_ITEMS, *indices], **which):
        shared = members[output.chunk_id] if output.item_index == ALL_ITEMS else [output.item_index]
        pieces = unpack(bytes(output.data), output.dtype, output.width, output.rows)
        for index, array in zip(shared, pieces, strict=True):
            found.setdefault(index, {})[output.kind, output.layer] = array
    return found
