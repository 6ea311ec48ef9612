"""Finished files of background work, in blocks: stored under a lease, and read while they are sent (docs/adr/0004)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from jobs.background.leases import work_finish, work_renew
from jobs.errors import ServiceError
from jobs.models import Artefact, ArtefactBlock, PredictionBlock, PredictionFile
from jobs.models.states import WorkState
from jobs.quotas.admission import quota_admit_bytes

BLOCK = 4 * 1024 * 1024
Filed = Artefact | PredictionFile
"""Work that ends in files."""


class ArtefactFailed(ServiceError):
    """The file could not be built; the next request tries again."""

    status_code = 500
    code = "artefact_failed"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file of finished work; `block` is the number of its first block."""

    format: str
    size: int
    sha256: str
    block: int


def files_store(work: Filed, *, paths: Mapping[str, Path], charged_to: int | None = None, **changes: Any) -> bool:
    """Copy the files, by format, into blocks and finish the work; return False if the lease is lost.

    Each block commits by itself. `changes` are stored with the result. Raises TooLarge if the files exceed the storage
    of the user `charged_to`.
    """
    if (token := work.token) is None:
        return False
    if charged_to is not None:
        with transaction.atomic():
            quota_admit_bytes(user_id=charged_to, size=sum(path.stat().st_size for path in paths.values()))
    files: list[StoredFile] = []
    number = 0
    for format, path in paths.items():
        stored = _store(work, token, format, path, number)
        if stored is None:
            return False
        files.append(stored)
        number += -(-stored.size // BLOCK)
    size = sum(file.size for file in files)
    with transaction.atomic():
        if charged_to is not None:
            # Checked again: the user may have stored something else during the copy.
            quota_admit_bytes(user_id=charged_to, size=size)
        listed = [asdict(file) for file in files]
        finished = work_finish(work, build=token, size=size, sha256=files[0].sha256, files=listed, **changes)
        if finished:
            work.blocks.exclude(build=token).delete()
    return finished


def _store(work: Filed, token: UUID, format: str, path: Path, first: int) -> StoredFile | None:
    digest, number, size = hashlib.sha256(), first, 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
            size += len(block)
            if not work_renew(work):
                return None
            try:
                work.blocks.create(build=token, number=number, data=block)
            except IntegrityError:  # what the file belongs to has been deleted
                return None
            number += 1
    return StoredFile(format, size, digest.hexdigest(), first)


def blocks_sweep() -> None:
    """Delete the blocks of files that failed or were stopped: a lost worker, or one that stops late, leaves some."""
    ended = (WorkState.FAILED, WorkState.CANCELLED)
    ArtefactBlock.objects.filter(artefact__state__in=ended).delete()
    PredictionBlock.objects.filter(file__state__in=ended).delete()


def files_of(work: Filed) -> dict[str, StoredFile]:
    """Return the files of finished work by format, in their order."""
    return {file["format"]: StoredFile(**file) for file in work.files}


def file_blocks(work: Filed, format: str | None = None) -> Iterator[bytes]:
    """Yield the bytes of a finished file, by default of the first format, block by block.

    Raises ArtefactFailed `artefact_gone` if the file is deleted meanwhile.
    """
    files = files_of(work)
    file = next(iter(files.values())) if format is None else files[format]
    sent = 0
    number = file.block
    while sent < file.size:
        wanted = {"build": work.build, "number": number}
        found = list(work.blocks.filter(**wanted).values_list("data", flat=True))
        if not found:
            raise ArtefactFailed("the file was deleted while it was sent", code="artefact_gone")
        block = bytes(found[0])
        yield block
        sent += len(block)
        number += 1
