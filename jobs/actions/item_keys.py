"""Cells that name an item beside its index and name: of a variant its code, positions and their numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from jobs.science.variants.codes import is_full_sequence, read_variant
from jobs.science.variants.numbering import Numbering

Cells = tuple[int | str, ...]


class ItemKeys(ABC):
    """What names an item. `heads` are the titles of the cells; in files of arrays each is an array of text."""

    heads: ClassVar[tuple[str, ...]]

    @abstractmethod
    def cells(self, sequence: str) -> Cells:
        """Return the cells of an item that is valid."""

    def texts(self, sequence: str) -> tuple[str, ...]:
        """Return the cells as text."""
        return tuple(map(str, self.cells(sequence)))


@dataclass(frozen=True, slots=True)
class VariantKeys(ItemKeys):
    """The code of a variant in the numbering of the job, its mutated positions from 1, and their numbers.

    Several positions have blanks between them, because Excel reads `2:4` as a time. A sequence whose length differs
    from the parent's is its own code and has no positions.
    """

    parent: str
    numbering: Numbering

    heads = ("variant", "positions", "numbers")

    def cells(self, sequence: str) -> Cells:
        if is_full_sequence(sequence) and len(sequence) != len(self.parent):
            return (sequence, "", "")
        variant = read_variant(sequence, self.parent, numbering=self.numbering)
        labels = [self.numbering.label(mutation.position) for mutation in variant.mutations]
        code = variant.code(self.numbering)
        if len(labels) == 1:
            (label,) = labels
            return (code, variant.mutations[0].position, str(label) if label.letter else label.number)
        return (
            code,
            " ".join(str(mutation.position) for mutation in variant.mutations),
            " ".join(map(str, labels)),
        )
