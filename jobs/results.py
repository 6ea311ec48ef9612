"""Results of single items, for synchronous answers and item pages; whole jobs go through `jobs.export`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jobs.actions import ACTIONS, ItemView
from jobs.actions.base import Array
from jobs.models import Item, Job, Output
from jobs.outputs import ALL_ITEMS, unpack
from jobs.selectors import context_at, context_sequences


def results_of(job: Job, indices: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Results by item index of those among `indices` that succeeded. Meant for a handful: reads whole chunks."""
    action = ACTIONS[job.action]
    wanted = list(
        Item.objects.filter(job=job, index__in=indices, error_code__isnull=True, chunk__isnull=False)
        .order_by("index")
        .values_list("index", "chunk_id", "sequence", "context_id")
    )
    contexts = context_sequences(context_id for *_, context_id in wanted)
    arrays = _arrays({chunk_id for _, chunk_id, _, _ in wanted if chunk_id is not None})
    results: dict[int, dict[str, Any]] = {}
    for index, _, sequence, context_id in wanted:
        if index in arrays:
            view = ItemView(sequence, context_at(contexts, context_id))
            results[index] = action.result(view, job.params, arrays[index])
    return results


def _arrays(chunk_ids: set[int]) -> dict[int, dict[tuple[str, int], Array]]:
    """Stored arrays by item index, then (kind, layer)."""
    members: dict[int, list[int]] = {}
    rows = Item.objects.filter(chunk_id__in=chunk_ids, error_code__isnull=True).order_by("index")
    for chunk_id, index in rows.values_list("chunk_id", "index"):
        if chunk_id is not None:
            members.setdefault(chunk_id, []).append(index)
    found: dict[int, dict[tuple[str, int], Array]] = {}
    for output in Output.objects.filter(chunk_id__in=chunk_ids):
        indices = members[output.chunk_id] if output.item_index == ALL_ITEMS else [output.item_index]
        pieces = unpack(bytes(output.data), output.dtype, output.width, output.rows)
        for index, array in zip(indices, pieces, strict=True):
            found.setdefault(index, {})[output.kind, output.layer] = array
    return found
