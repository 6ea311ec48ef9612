"""Stored alignments, and the counts of neighbours that sampling weighs rows by."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

import numpy as np
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from e1protocol import EXTENDED, NEIGHBOUR_THRESHOLD
from jobs.alignments.leased import Progress, failure_stored
from jobs.background.leases import work_claim, work_finish, work_publish, work_retry
from jobs.errors import InvalidInput, Problem
from jobs.library.alignments import alignment_load
from jobs.models import Alignment, AlignmentBlock, NeighbourCount
from jobs.models.states import WorkState
from jobs.parsing.letters import check_letters
from jobs.parsing.records import Place
from jobs.quotas import usage
from jobs.quotas.admission import quota_admit_work, quota_lock
from jobs.quotas.rules import Amounts, Need, refusal
from jobs.science.alignments import reading as science
from jobs.science.alignments.packed import alignment_digest, counts_packed, counts_unpacked, packed
from jobs.science.alignments.sampling import Sampler, neighbour_counts, pair_words, similarities

BLOCK = 4 * 1024 * 1024
BINS = 20
"""Number of bins of the histogram of similarities."""
INLINE_PAIR_WORDS = 250_000_000
"""Steps up to which neighbours are counted inside the request: 5 to 8 ns each on one core, two seconds at most.

Two alignments of enzymes with 4,501 rows of 286 columns and 8,159 rows of 91 columns take 51 and 67 million steps.
"""
LISTED_SKIPPED = 100

# A process reads one alignment at a time, since the largest takes half a gigabyte meanwhile.
_reading = threading.Lock()


def alignment_read(
    data: bytes,
    *,
    filename: str = "",
    parent: str | None = None,
    add_parent: bool = False,
    skip_empty: bool = False,
) -> science.Alignment:
    """Check the parent's letters, then call `jobs.science.alignments.reading.read_alignment`; one at a time."""
    if parent is not None:
        problems = list(check_letters(parent, EXTENDED, Place(path="parent")))
        if not parent:
            problems = [Problem("empty_parent", "the parent has no residues", "Leave it out, or give it.", "parent")]
        if problems:
            raise InvalidInput.of(*problems)
    with _reading:
        return science.read_alignment(
            data, filename=filename, parent=parent, add_parent=add_parent, skip_empty=skip_empty
        )


def alignment_store(
    *, owner: User, name: str, source: str, rows: science.Alignment, admitted: bool = False
) -> Alignment:
    """Store `rows`, or return the owner's alignment that has the same rows.

    Neighbours are counted at once if that is quick, otherwise by the service worker. Raises TooLarge if the owner's
    storage is full, and TooManyRequests if too much of the owner's work is unfinished, unless it is `admitted`.
    """
    digest = alignment_digest(rows)
    with transaction.atomic():  # an alignment whose count is refused is not stored either
        stored = Alignment.objects.filter(owner=owner, digest=digest).first()
        if stored is None:
            stored = _created(owner, name, source, digest, rows)
        else:
            _note(stored, rows)
        count, asked = _asked(stored, NEIGHBOUR_THRESHOLD, admitted=admitted)
    if asked:
        _begin(count, rows)
    return stored


def _facts(rows: science.Alignment) -> dict[str, Any]:
    """Return what was left out and changed in a file, as `Alignment` stores it."""
    return {
        "skipped": [problem.as_dict() for problem in rows.skipped[:LISTED_SKIPPED]],
        "skipped_count": len(rows.skipped),
        "notes": [problem.as_dict() for problem in rows.notes],
    }


def _note(stored: Alignment, rows: science.Alignment) -> None:
    """Store what was left out and changed in another file with the same rows, so that its owner sees it."""
    for name, value in _facts(rows).items():
        setattr(stored, name, value)
    stored.save(update_fields=["skipped", "skipped_count", "notes"])


def _created(owner: User, name: str, source: str, digest: str, rows: science.Alignment) -> Alignment:
    histogram, _ = np.histogram(similarities(rows)[1:], bins=BINS, range=(0.0, 1.0))
    blocks = list(_blocks(packed(rows)))
    size = sum(map(len, blocks))
    try:
        with transaction.atomic():
            _admit(owner.pk, size)
            stored = Alignment.objects.create(
                owner=owner,
                name=name[:200],
                source=source,
                digest=digest,
                parent=rows.parent,
                depth=rows.depth,
                columns=rows.columns.shape[1],
                histogram=histogram.tolist(),
                size=size,
                **_facts(rows),
            )
            for number, block in enumerate(blocks):
                AlignmentBlock.objects.create(alignment=stored, number=number, data=block)
    except IntegrityError:  # the same file was sent twice at once
        return Alignment.objects.get(owner=owner, digest=digest)
    stored.refresh_from_db()
    return stored


def _admit(user_id: int, size: int) -> None:
    """Check an alignment against its owner's quota of stored bytes. Raises TooLarge."""
    if not usage.limits_of(user_id).stored_bytes:
        return
    limits = Amounts(stored_bytes=quota_lock(user_id=user_id).stored_bytes)
    refused = refusal(limits, usage.use_of(user_id), Need(stored_bytes=size, jobs=0))
    if refused is not None:
        raise refused


def _blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the same bytes in blocks of `BLOCK`. The last may be shorter."""
    held = bytearray()
    for piece in pieces:
        held += piece
        while len(held) >= BLOCK:
            yield bytes(held[:BLOCK])
            del held[:BLOCK]
    if held:
        yield bytes(held)


def alignment_delete(*, alignment_id: UUID) -> None:
    """Delete an alignment. Context sets that were drawn from it stay."""
    with transaction.atomic():
        AlignmentBlock.objects.filter(alignment_id=alignment_id).delete()
        NeighbourCount.objects.filter(alignment_id=alignment_id).delete()
        Alignment.objects.filter(pk=alignment_id).delete()


def neighbour_count(stored: Alignment, threshold: float) -> NeighbourCount:
    """Return the count of neighbours at this threshold, whose work is done or begins now.

    A failure is reported once; the next request retries. Raises TooManyRequests if too much of the owner's work is
    unfinished.
    """
    with transaction.atomic():
        count, asked = _asked(stored, threshold)
    if asked:
        _begin(count)
    return count


def _asked(stored: Alignment, threshold: float, *, admitted: bool = False) -> tuple[NeighbourCount, bool]:
    """Return the count at this threshold and whether it is new. The caller begins a new one after the transaction."""
    if known := NeighbourCount.objects.filter(alignment=stored, threshold=threshold).first():
        return known, False
    if not admitted and not _is_quick(stored):
        quota_admit_work(user_id=stored.owner_id)
    return NeighbourCount.objects.get_or_create(alignment=stored, threshold=threshold)


def _begin(count: NeighbourCount, rows: science.Alignment | None = None) -> None:
    """Count now if that is quick; otherwise notify the service worker. `rows` are the alignment's, if already read."""
    if _is_quick(count.alignment):
        aligned = rows or alignment_load(count.alignment)
        if (claimed := work_claim(NeighbourCount, count.pk)) is not None:
            _finish(claimed, neighbour_counts(aligned, count.threshold))
    else:
        work_publish(count)
    count.refresh_from_db()


def _is_quick(stored: Alignment) -> bool:
    return pair_words(stored.depth, stored.columns) <= INLINE_PAIR_WORDS


def neighbours_count(*, count_id: int) -> bool:
    """Claim a count, compute it and store it: the job of the service worker. Return whether its numbers are stored."""
    count = work_claim(NeighbourCount, count_id)
    if count is None:
        return False
    with failure_stored(count):
        rows = alignment_load(count.alignment)
        return _finish(count, neighbour_counts(rows, count.threshold, report=Progress(count)))
    return False


def _finish(count: NeighbourCount, numbers: np.typing.NDArray[np.int64]) -> bool:
    return work_finish(count, counts=counts_packed(numbers), effective_depth=float((1.0 / numbers).sum()))


def sampler_of(stored: Alignment, thresholds: Iterable[float]) -> Sampler | NeighbourCount:
    """Return the sampler of a stored alignment, or the first count at these thresholds that is not done yet."""
    counts = [neighbour_count(stored, threshold) for threshold in dict.fromkeys(thresholds)]
    waiting = next((count for count in counts if count.state != WorkState.DONE), None)
    if waiting is not None:
        if waiting.state == WorkState.FAILED:  # the failure is reported once
            work_retry(waiting)
        return waiting
    return Sampler(alignment_load(stored), {count.threshold: counts_unpacked(bytes(count.counts)) for count in counts})
