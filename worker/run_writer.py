"""The contract of the writers of `e1 run`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

from jobs.actions import Action, ItemView, Stored
from jobs.actions.base import Array, Outputs
from jobs.actions.columns import Column, keys_in
from jobs.errors import Problem
from jobs.files.tables import ItemRows, Table


@dataclass(frozen=True, slots=True)
class Finished:
    """One record of the input with its arrays, or with the reason why it has none."""

    index: int
    name: str
    state: str
    view: ItemView
    stored: Sequence[Stored] = ()
    problem: Problem | None = None

    @property
    def outputs(self) -> Outputs:
        return {(stored.kind, stored.layer): stored.array for stored in self.stored}


class Writer(AbstractContextManager["Writer"], ABC):
    """Takes the records in input order. Without `close`, the file is incomplete."""

    def __init__(
        self,
        path: Path,
        columns: Sequence[Column],
        *,
        action: Action,
        params: Mapping[str, Any],
        tables: Sequence[Table] = (),
    ) -> None:
        self.path = path
        self.file: IO[bytes] = path.open("wb")
        self.columns = columns
        self.action = action
        self.params = params
        self.tables = tables
        self.start()

    def start(self) -> None:
        """Write or open what comes before the first record."""

    def foresee(self, sequences: Iterable[str]) -> None:
        """Refuse what the file could not hold of these items, before any is computed. Raises InvalidInput."""

    @abstractmethod
    def write(self, item: Finished) -> None: ...

    def close(self, *, manifest: Mapping[str, Any]) -> None:
        """Complete the file."""
        self.file.flush()

    def arrays(self, item: Finished) -> list[Array]:
        """Return the item's array in each column. Raises ValueError if one is not as wide as its column."""
        outputs = item.outputs
        arrays = [outputs[column.kind, column.layer] for column in self.columns]
        for column, array in zip(self.columns, arrays, strict=True):
            if array.shape[1] != column.width:
                raise ValueError(f"{column.name} of item {item.index} has rows of {array.shape[1]}, not {column.width}")
        return arrays

    def keys(self, item: Finished) -> tuple[str, ...] | None:
        """Return the texts that name the item beside its name, or None if its action has none."""
        keys = keys_in(self.columns)
        return keys.texts(item.view.sequence) if keys else None

    def rows(self, table: Table, item: Finished) -> ItemRows:
        """Return the item's rows in a table."""
        error = item.problem.as_dict() if item.problem else None
        arrays = [] if error else self.arrays(item)
        return table.item(
            item.index,
            item.name,
            item.state,
            sequence=item.view.sequence,
            arrays=[arrays[place] for place in table.places] if arrays else [],
            error=error,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
