"""The ledger: every item of a job with its state, and a checksum of its stored numbers. No item may be missing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from jobs.actions.base import Array
from jobs.files.lines import BOM
from jobs.files.pieces import in_blocks, text_cell
from jobs.models import Chunk, Job
from jobs.models.states import ItemState
from jobs.results.export.columns import columns_of
from jobs.results.export.reading import ItemRow, groups, item_pages, load, place
from jobs.results.export.rows import CANCELLED

HEADER = ("index", "name", "state", "code", "reason", "attempts", "worker", "checksum")


class Attempt(NamedTuple):
    """How a chunk was computed: attempts since its items were last queued, and the last worker."""

    attempts: int
    worker: str
    last_error: str


NONE = Attempt(0, "", "")
"""The attempt of a skipped item."""


def ledger_blocks(job: Job, *, bom: bool = False) -> Iterator[bytes]:
    """Yield CSV: a header and one line per item in input order, with pending ones; a byte-order mark if asked for.

    `checksum` is BLAKE2b with a digest of 16 bytes over the stored numbers of the item, in the order of files. It is
    empty if the item has none. Stored rows are checked against their own checksums. Raises
    ExportBroken if numbers are missing or damaged, or if the job is deleted.
    """
    return in_blocks(chain([BOM] if bom else [], _lines(job)))


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
    """Yield the checksum of each item, in order."""
    for group in groups(place(succeeded, columns_of(job))):
        for arrays in load(group):
            yield checksum_of(arrays)


def checksum_of(arrays: Sequence[Array]) -> str:
    """Return 32 hexadecimal digits over the arrays of an item."""
    total = hashlib.blake2b(digest_size=16)
    for array in arrays:
        total.update(array.tobytes())
    return total.hexdigest()


def _reason(item: ItemRow, attempt: Attempt) -> tuple[str, str]:
    """Return code and message of an item without a result, or the last error of a pending one."""
    if item.state == ItemState.CANCELLED:
        return CANCELLED["code"], CANCELLED["message"]
    if item.state == ItemState.PENDING:
        return "", attempt.last_error
    problem = item.problem or {}
    return str(problem.get("code", "")), str(problem.get("message", ""))
