"""Stored alignments, and the counts of neighbours that contexts are drawn by."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Iterator
from uuid import UUID

import numpy as np
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from e1protocol import EXTENDED
from jobs.background.leases import (
    RENEW_SECONDS,
    work_claim,
    work_fail,
    work_finish,
    work_publish,
    work_renew,
    work_retry,
)
from jobs.errors import InvalidInput, NotFound, Problem, ServiceError
from jobs.models import Alignment, AlignmentBlock, NeighbourCount
from jobs.models.states import WorkState
from jobs.parsing.letters import check_letters
from jobs.parsing.records import Place
from jobs.quotas import usage
from jobs.quotas.admission import quota_admit_work, quota_lock
from jobs.quotas.rules import Amounts, Need, refusal
from jobs.science.alignments import reading as science
from jobs.science.alignments.packed import alignment_digest, counts_packed, counts_unpacked, packed, unpacked
from jobs.science.alignments.sampling import NEIGHBOUR_THRESHOLD, Sampler, neighbour_counts, pair_words, similarities

log = logging.getLogger(__name__)

BLOCK = 4 * 1024 * 1024
BINS = 20
"""Of the histogram of similarities."""
INLINE_PAIR_WORDS = 250_000_000
"""Neighbours of smaller alignments are counted inside the request: 5 to 8 ns a step on one core, two seconds at most.
Two alignments of enzymes with 4,501 rows of 286 columns and 8,159 rows of 91 columns take 51 and 67 million steps.
"""
LISTED_SKIPPED = 100

_reading = threading.Lock()
"""One alignment at a time is read in a process: the largest takes half a gigabyte while it is."""


class AlignmentDamaged(ServiceError):
    """The stored rows are not what was stored."""

    code = "alignment_damaged"


class _LeaseLost(Exception):
    """Somebody else counts, or the alignment is gone."""


def alignment_read(
    data: bytes, *, parent: str | None = None, add_parent: bool = False, skip_empty: bool = False
) -> science.Alignment:
    """Check the parent's letters, then call `jobs.science.alignments.reading.read_alignment`; one at a time."""
    if parent is not None:
        problems = list(check_letters(parent, EXTENDED, Place(path="parent")))
        if not parent:
            problems = [Problem("empty_parent", "the parent has no residues", "Leave it out, or give it.", "parent")]
        if problems:
            raise InvalidInput.of(*problems)
    with _reading:
        return science.read_alignment(data, parent=parent, add_parent=add_parent, skip_empty=skip_empty)


def alignment_store(
    *, owner: User, name: str, source: str, rows: science.Alignment, admitted: bool = False
) -> Alignment:
    """Keep `rows`; the same rows again are the alignment that is there. Neighbours are counted at once where that is
    quick, else by the service worker. Raises TooLarge where the owner's storage is full; TooManyRequests where too much
    of the owner's work is unfinished, unless it is `admitted`.
    """
    digest = alignment_digest(rows)
    with transaction.atomic():  # what may not be counted is not kept either
        stored = Alignment.objects.filter(owner=owner, digest=digest).first()
        if stored is None:
            stored = _created(owner, name, source, digest, rows)
        count, asked = _asked(stored, NEIGHBOUR_THRESHOLD, admitted=admitted)
    if asked:
        _begin(count, rows)
    return stored


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
                skipped=[problem.as_dict() for problem in rows.skipped[:LISTED_SKIPPED]],
                skipped_count=len(rows.skipped),
                size=size,
            )
            for number, block in enumerate(blocks):
                AlignmentBlock.objects.create(alignment=stored, number=number, data=block)
    except IntegrityError:  # the same file, sent twice at once
        return Alignment.objects.get(owner=owner, digest=digest)
    stored.refresh_from_db()
    return stored


def _admit(user_id: int, size: int) -> None:
    """Hold an alignment against its owner's quota of stored bytes. Raises TooLarge."""
    if not usage.limits_of(user_id).stored_bytes:
        return
    limits = Amounts(stored_bytes=quota_lock(user_id=user_id).stored_bytes)
    refused = refusal(limits, usage.use_of(user_id), Need(stored_bytes=size, jobs=0))
    if refused is not None:
        raise refused


def _blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in blocks of `BLOCK`, but for the last one."""
    held = bytearray()
    for piece in pieces:
        held += piece
        while len(held) >= BLOCK:
            yield bytes(held[:BLOCK])
            del held[:BLOCK]
    if held:
        yield bytes(held)


def alignment_load(stored: Alignment) -> science.Alignment:
    """The rows of a stored alignment. Raises NotFound where it was deleted meanwhile, AlignmentDamaged."""
    blocks = AlignmentBlock.objects.filter(alignment=stored).order_by("number").values_list("data", flat=True)
    try:
        return unpacked((bytes(block) for block in blocks.iterator(4)), depth=stored.depth)
    except ValueError as error:
        if not Alignment.objects.filter(pk=stored.pk).exists():
            raise NotFound(f"there is no alignment {stored.pk}") from error
        raise AlignmentDamaged(f"the alignment {stored.pk} cannot be read: {error}") from error


def alignment_delete(*, alignment_id: UUID) -> None:
    """Remove an alignment. Context sets that were drawn from it stay as they are."""
    with transaction.atomic():
        AlignmentBlock.objects.filter(alignment_id=alignment_id).delete()
        NeighbourCount.objects.filter(alignment_id=alignment_id).delete()
        Alignment.objects.filter(pk=alignment_id).delete()


def neighbour_count(stored: Alignment, threshold: float) -> NeighbourCount:
    """The count of neighbours at this threshold: done, or asked for. Raises TooManyRequests where too much of the
    owner's work is unfinished.

    A failed one is asked for again by the next request after the one that was told of it.
    """
    with transaction.atomic():
        count, asked = _asked(stored, threshold)
    if asked:
        _begin(count)
    return count


def _asked(stored: Alignment, threshold: float, *, admitted: bool = False) -> tuple[NeighbourCount, bool]:
    """The count at this threshold, and whether it is new: then the caller begins it once the transaction has ended."""
    if known := NeighbourCount.objects.filter(alignment=stored, threshold=threshold).first():
        return known, False
    if not admitted and not _is_quick(stored):
        quota_admit_work(user_id=stored.owner_id)
    return NeighbourCount.objects.get_or_create(alignment=stored, threshold=threshold)


def _begin(count: NeighbourCount, rows: science.Alignment | None = None) -> None:
    """Count now where that is quick, else tell the service worker. `rows` are those of the alignment, where at hand."""
    if _is_quick(count.alignment):
        aligned = rows or alignment_load(count.alignment)
        if (claimed := work_claim(NeighbourCount, count.pk)) is not None:
            _finish(claimed, neighbour_counts(aligned, count.threshold))
    else:
        work_publish(count)
    count.refresh_from_db()


def neighbour_count_retry(count: NeighbourCount) -> None:
    work_retry(count)


def _is_quick(stored: Alignment) -> bool:
    return pair_words(stored.depth, stored.columns) <= INLINE_PAIR_WORDS


def neighbours_count(*, count_id: int) -> bool:
    """What the service worker does: claim, count with progress, store. True where this call's numbers count."""
    count = work_claim(NeighbourCount, count_id)
    if count is None:
        return False
    written = time.monotonic()

    def report(share: float) -> None:
        nonlocal written
        if time.monotonic() - written >= RENEW_SECONDS:
            if not work_renew(count, progress=share):
                raise _LeaseLost
            written = time.monotonic()

    try:
        return _finish(count, neighbour_counts(alignment_load(count.alignment), count.threshold, report=report))
    except _LeaseLost:
        return False
    except (ServiceError, MemoryError) as error:
        log.exception("the neighbours of alignment %s could not be counted", count.alignment_id)
        work_fail(count, reason=getattr(error, "detail", "the machine has too little memory"))
        return False


def _finish(count: NeighbourCount, numbers: np.typing.NDArray[np.int64]) -> bool:
    return work_finish(count, counts=counts_packed(numbers), effective_depth=float((1.0 / numbers).sum()))


def sampler_of(stored: Alignment, thresholds: Iterable[float]) -> Sampler | NeighbourCount:
    """What draws contexts from a stored alignment; or the count that is not done yet at one of these thresholds."""
    counts = [neighbour_count(stored, threshold) for threshold in dict.fromkeys(thresholds)]
    waiting = next((count for count in counts if count.state != WorkState.DONE), None)
    if waiting is not None:
        return waiting
    return Sampler(alignment_load(stored), {count.threshold: counts_unpacked(bytes(count.counts)) for count in counts})
