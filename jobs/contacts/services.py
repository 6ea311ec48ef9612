"""Structures beside results: stored as files and distances, compared with contact maps, and drawn."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from django.contrib.auth.models import User
from django.db import transaction

from jobs.actions.contacts import Contacts
from jobs.actions.scan import Scan
from jobs.errors import Conflict, NotFound
from jobs.library.selectors import existing, parent_of
from jobs.limits import MIB
from jobs.models import Job, Structure, StructureBlock
from jobs.parsing.text import file_name
from jobs.quotas.admission import quota_admit_attachment
from jobs.results.items import results_of
from jobs.science.contacts.drawing import Drawn, drawn_chain
from jobs.science.contacts.precision import Floats, Precision, long_range_precision
from jobs.science.contacts.structures import map_structure
from jobs.science.contacts.tables import true_pairs
from jobs.web.turns import READING

WITH_STRUCTURES = (Scan.name, Contacts.name)
"""Actions whose results have a structure beside them."""
FILE_BLOCK = 4 * MIB
"""Bytes of a structure's file that are compressed and stored together."""


def structures_of(job: Job, item_index: int | None = None) -> list[Structure]:
    """Return the job's structures, or those of one item, newest first. Their distances are loaded on access."""
    found = Structure.objects.filter(job=job).defer("data").order_by("-id")
    return list(found if item_index is None else found.filter(item_index=item_index))


def structure_of(job: Job, structure_id: int) -> Structure:
    rows = Structure.objects.filter(job=job)
    return existing(rows, f"job {job.pk} has no structure {structure_id}", pk=structure_id)


def distances_of(structure: Structure) -> Floats:
    """Return distances [L, L] in Angstrom, NaN for residues that are not resolved."""
    flat = np.frombuffer(bytes(structure.data), dtype="<f4").astype(np.float64)
    length = round(len(flat) ** 0.5)
    return flat.reshape(length, length)


def structure_file(structure: Structure) -> Iterator[bytes]:
    """Yield the bytes of the file as it was sent, in order. Memory is bounded by `FILE_BLOCK`."""
    numbers = StructureBlock.objects.filter(structure=structure).order_by("number").values_list("number", flat=True)
    for number in list(numbers):
        block = StructureBlock.objects.get(structure=structure, number=number)
        yield zlib.decompress(bytes(block.data))


def structure_drawn(structure: Structure, user: User) -> Drawn:
    """Return the chain of a structure as it is drawn. Raises NotFound `no_structure_file` if its file was not kept."""
    if not structure.file_size:
        what = "the structure was sent before files were kept, so it cannot be drawn"
        raise NotFound(what, code="no_structure_file")
    # A page with a small file need not wait for the large ones of others.
    with READING.turn(user.pk) if structure.file_size > FILE_BLOCK else nullcontext():
        return _drawn(structure.pk)


# The page and its picture ask one after the other. A chain of 10,000 residues takes about 10 MB.
@lru_cache(maxsize=4)
def _drawn(structure_id: int) -> Drawn:
    structure = Structure.objects.select_related("job").defer("data").get(pk=structure_id)
    data = b"".join(structure_file(structure))
    return drawn_chain(data, parent_of(structure.job, structure.item_index), structure.chain, structure.name)


@dataclass(frozen=True, slots=True)
class Judged:
    """A structure, its distances, and the precision of the contact map, which is None before the map is computed."""

    structure: Structure
    distances: Floats
    precision: Precision | None

    @property
    def contacts(self) -> list[list[int]]:
        """Pairs of positions (1-based) that touch in the structure."""
        return true_pairs(self.distances)

    @property
    def unresolved(self) -> list[int]:
        """Positions (1-based) without coordinates."""
        found: list[int] = (np.flatnonzero(np.isnan(np.diagonal(self.distances))) + 1).tolist()
        return found


def judged(structure: Structure) -> Judged:
    distances = distances_of(structure)
    of_map = structure.job.action == Contacts.name
    result = results_of(structure.job, [structure.item_index]).get(structure.item_index) if of_map else None
    precision = long_range_precision(np.asarray(result["contacts"]), distances) if result else None
    return Judged(structure, distances, precision)


def structure_add(
    *,
    job: Job,
    data: bytes,
    name: str = "",
    item_index: int = 0,
    chain: str | None = None,
    by: User | None = None,
) -> Structure:
    """Store the file `data` (PDB or mmCIF) and its distances on the positions of an item's sequence.

    `by` sends it, by default the job's owner. Raises what `map_structure` raises. Raises Conflict for a job of another
    action or with too many structures.
    """
    if job.action not in WITH_STRUCTURES:
        raise Conflict(
            f"structures are shown beside {' and '.join(WITH_STRUCTURES)}, and this job's action is {job.action}",
            code="wrong_action",
        )
    user_id = job.owner_id if by is None else by.pk
    with READING.turn(user_id):
        mapped = map_structure(data, parent_of(job, item_index), chain=chain or None, filename=name)
    distances = mapped.distances.astype("<f4").tobytes()
    blocks = [zlib.compress(data[at : at + FILE_BLOCK]) for at in range(0, len(data), FILE_BLOCK)]
    size = len(distances) + sum(map(len, blocks))
    with transaction.atomic():
        quota_admit_attachment(job, Structure, size, user_id=user_id)
        made = Structure.objects.create(
            job=job,
            added_by_id=job.added_by(user_id),
            item_index=item_index,
            name=file_name(name, "structure"),
            sha256=hashlib.sha256(data).hexdigest(),
            chain=mapped.chain[:20],
            residues=int(mapped.resolved.sum()),
            aligned=mapped.aligned,
            identical=mapped.identical,
            virtual=mapped.virtual,
            data=distances,
            size=size,
            file_size=len(data),
        )
        for number, block in enumerate(blocks):
            StructureBlock.objects.create(structure=made, number=number, data=block)
    made.refresh_from_db()
    return made
