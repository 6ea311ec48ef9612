"""The ledger: every item of a job with its state, and of what was stored a checksum. Nothing may be missing from it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from jobs.actions.base import Array
from jobs.files.pieces import in_blocks, text_cell
from jobs.models import Chunk, Job
from jobs.models.states import ItemState
from jobs.results.export.columns import columns_of
from jobs.results.export.reading import ItemRow, groups, item_pages, load, place
from jobs.results.export.rows import CANCELLED

HEADER = ("index", "name", "state", "code", "reason", "attempts", "worker", "checksum")


class Attempt(NamedTuple):
    """What is known of the computing of a chunk: attempts since its items were last queued, and the last worker."""

    attempts: int
    worker: str
    last_error: str


NONE = Attempt(0, "", "")
"""Of a skipped item."""


def ledger_name(job: Job) -> str:
    """The name under which a browser keeps the ledger."""
    return f"ledger-{job.pk.hex[:8]}.csv"


def ledger_blocks(job: Job) -> Iterator[bytes]:
    """CSV: a header and one line per item in input order, pending ones included, read by keyset pages.

    `checksum` is BLAKE2b with a digest of 16 bytes over the item's own numbers as they are stored, array by array in
    the order of the other files; empty where there are none. The stored rows are held against their own checksums on
    the way. Raises ExportBroken where a succeeded item lacks its numbers, they are damaged, or the job is deleted.
    """
    return in_blocks(_lines(job))


def _lines(job: Job) -> Iterator[bytes]:
    yield ",".join(HEADER).encode() + b"\n"
    for page in item_pages(job, sequences=False):
        attempts = _attempts(page)
        checksums = _checksums(job, [item for item in page if item.succeeded])
        for item in page:
            attempt = attempts.get(item.chunk_id, NONE)
            code, reason = _reason(item, attempt)
            cells = (item.name, item.state, code, reason, str(attempt.attempts), attempt.worker)
            written = ",".join(text_cell(cell) for cell in cells)
            yield f"{item.index},{written},{next(checksums) if item.succeeded else ''}\n".encode()


def _attempts(page: Sequence[ItemRow]) -> dict[int | None, Attempt]:
    chunks = Chunk.objects.filter(pk__in={item.chunk_id for item in page if item.chunk_id is not None})
    rows = chunks.values_list("pk", "attempts", "worker", "last_error")
    return {pk: Attempt(attempts, worker, last_error) for pk, attempts, worker, last_error in rows}


def _checksums(job: Job, succeeded: Sequence[ItemRow]) -> Iterator[str]:
    """One for each of these items, in their order."""
    for group in groups(place(succeeded, columns_of(job))):
        for arrays in load(group):
            yield checksum_of(arrays)


def checksum_of(arrays: Sequence[Array]) -> str:
    """32 hexadecimal digits over an item's arrays."""
    total = hashlib.blake2b(digest_size=16)
    for array in arrays:
        total.update(array.tobytes())
    return total.hexdigest()


def _reason(item: ItemRow, attempt: Attempt) -> tuple[str, str]:
    """Code and sentence of what has no result; of a pending item what the last attempt ended with."""
    if item.state == ItemState.CANCELLED:
        return CANCELLED["code"], CANCELLED["message"]
    if item.state == ItemState.PENDING:
        return "", attempt.last_error
    problem = item.problem or {}
    return str(problem.get("code", "")), str(problem.get("message", ""))
