"""The contract of an action: pure functions from items to engine queries, and from encodings to results.

`DirectAction` (jobs.actions.direct): an item is a few queries of one chunk. `LongAction`: an item is many work units,
computed in chunks of their own and put together at the end (docs/adr/0005). Queries and what becomes of them are the
worker's side, `result` is where results are read. None of them touches a database or a device.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from e1protocol import CANONICAL, EXTENDED, Encoding, ModelFacts, Query
from jobs.actions.columns import Column
from jobs.errors import Problem, Problems
from jobs.limits import MAX_CONTEXTS, MAX_RESIDUES, SHOWN_NAME, SYNC_ITEMS
from jobs.parsing import ItemRules

Array = NDArray[np.floating[Any]]

DTYPE = "dtype"
"""The parameter of encode and predict that chooses between float32 and float16 (jobs.actions.dtypes)."""


Context = tuple[str, ...]
"""Context sequences of one query, in their order."""


@dataclass(frozen=True, slots=True)
class ItemView:
    """What an action may know of an item, checked already: its letters, and its own context or the several contexts of
    its job (`params.contexts`), never both.
    """

    sequence: str
    context: Context = ()
    contexts: tuple[Context, ...] = ()

    @property
    def each_context(self) -> tuple[Context, ...]:
        """The contexts that the item is computed under, at least one; `()` stands for none."""
        return self.contexts or (self.context,)


@dataclass(frozen=True, slots=True)
class Stored:
    """One array of one item, as it is stored: `kind` and `layer` (-1 where there is none), array [rows, width]."""

    kind: str
    layer: int
    array: Array


Outputs = Mapping[tuple[str, int], Array]
"""An item's stored arrays by (kind, layer), each [rows, width]."""


class Action(ABC):
    """One thing that can be asked of a model. What other packages must know of it are attributes and methods here: they
    never ask for its name.
    """

    name: str
    summary: str
    param_names: tuple[str, ...] = ()
    """Parameters beside `contexts`, as the form for a new job names its fields."""
    sequence_letters: str = EXTENDED
    context_letters: str = EXTENDED
    needs_mask: bool = False
    per_token_kinds: frozenset[str] = frozenset()
    """Kinds whose arrays are large enough to be stored one row per item."""
    long: bool = False
    """Whether items are computed in work units."""
    unit_words: tuple[str, str] = ("pass through the network", "passes through the network")
    """What one work unit is, and several are."""
    takes_variants: bool = False
    """Whether items are variants of `params.parent`."""
    scores_variants: bool = False
    """Whether results are scores of variants."""
    residues_setting: str = ""
    """The setting of the service that limits the residues of an item further."""
    example_format: str = "fasta"
    example_params: Mapping[str, Any] = MappingProxyType({})
    """Parameters that the example needs beside the defaults."""

    @property
    def example(self) -> str:
        """A small library of real proteins to try the action with."""
        return files(__package__).joinpath("examples", f"{self.name}.{self.example_format}").read_text("ascii")

    def rules(self, model: ModelFacts) -> ItemRules:
        """What an item may look like."""
        return ItemRules(
            sequence=self.sequence_letters,
            context=self.context_letters,
            needs_mask=self.needs_mask,
            max_residues=min(MAX_RESIDUES, model.max_residues),
            max_contexts=min(MAX_CONTEXTS, model.max_contexts),
            max_tokens=model.max_global_positions,
        )

    def rules_for(self, model: ModelFacts, params: Mapping[str, Any]) -> ItemRules:
        """What an item may look like under these parameters, as `check_params` gives them."""
        return self.rules(model)

    @abstractmethod
    def check_params(self, raw: Mapping[str, Any], model: ModelFacts) -> dict[str, Any]:
        """Normalised parameters with every default filled in. Raises InvalidInput with the field's path."""

    @abstractmethod
    def columns(self, params: Mapping[str, Any], model: ModelFacts) -> tuple[Column, ...]:
        """The arrays that every succeeded item has, in the order of files. `params` as `check_params` returns them,
        with the `contexts` of the job.
        """

    @abstractmethod
    def result(self, item: ItemView, params: Mapping[str, Any], outputs: Outputs) -> dict[str, Any]:
        """The item's result as the REST interface shows it; arrays are numpy arrays."""

    @abstractmethod
    def params_schema(self, model: ModelFacts) -> dict[str, Any]:
        """JSON schema of `params`."""

    def request_schema(self, model: ModelFacts) -> dict[str, Any]:
        """JSON schema of a synchronous request, in the form that published clients read. How numbers are stored is
        none of its parameters: its answer is JSON.
        """
        params = self.params_schema(model)
        params["properties"].pop(DTYPE, None)
        letters = "".join(sorted(self.sequence_letters.replace("?", "")))
        mask = r"\?" if "?" in self.sequence_letters else ""
        context = "".join(sorted(self.context_letters))
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": f"{model.slug} {self.name}",
            "description": self.summary,
            "type": "object",
            "required": ["items"],
            "properties": {
                "params": params,
                "items": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": SYNC_ITEMS,
                    "items": {
                        "type": "object",
                        "required": ["sequence"],
                        "additionalProperties": False,
                        "properties": {
                            "name": {"type": "string"},
                            "sequence": {
                                "type": "string",
                                "minLength": 1,
                                "maxLength": MAX_RESIDUES,
                                "pattern": f"^[{letters}{mask}]+$",
                            },
                            "context_sequences": {
                                "type": ["array", "null"],
                                "maxItems": MAX_CONTEXTS,
                                "items": {
                                    "type": "string",
                                    "minLength": 1,
                                    "maxLength": MAX_RESIDUES,
                                    "pattern": f"^[{context}]+$",
                                },
                            },
                        },
                    },
                },
            },
        }


class UnitPlan(Protocol):
    """The work units of an item, or of all items of a job that share them. Units are numbered from 0; any chunk of them
    can be computed by itself, in any order.
    """

    def __len__(self) -> int: ...

    def context_of(self, unit: int) -> int:
        """Which of the contexts the unit runs under."""

    def own_tokens(self, unit: int) -> int:
        """Tokens that the unit runs beside its context."""

    def queries(self, unit: int) -> list[Query]:
        """The passes of one unit."""

    def reduce(self, unit: int, encodings: Sequence[Encoding]) -> Array:
        """What is kept of a unit until its items are put together, [rows, width]."""

    def needed(self, item: ItemView) -> Sequence[int]:
        """The units that an item is made of, ascending."""

    def finish(self, item: ItemView, arrays: Iterator[Array]) -> list[Stored]:
        """The item's arrays, from what `reduce` gave for its `needed` units, in their order."""


class LongAction(Action):
    """An action whose items are put together from work units."""

    long = True

    def shares_units(self, params: Mapping[str, Any]) -> bool:
        """Whether all items of a job are made of the same units: those of a parent."""
        return False

    def positions(self, item: ItemView, params: Mapping[str, Any]) -> Iterable[int]:
        """Where units are shared: the 0-based positions of the parent that this item needs."""
        return ()

    @abstractmethod
    def plan(
        self,
        params: Mapping[str, Any],
        contexts: tuple[Context, ...],
        *,
        item: ItemView | None = None,
        positions: Sequence[int] = (),
    ) -> UnitPlan:
        """The units of `item`, or, where units are shared, those of all items together, which need `positions`."""


def known_only(raw: Mapping[str, Any], names: Sequence[str]) -> None:
    """Raise InvalidInput for parameters that the action does not have: a misspelt one must not be ignored."""
    unknown = [name for name in raw if name not in names]
    if unknown:
        choice = f"Choose from {', '.join(names)}." if names else "This action takes none."
        problems = Problems()
        problems.each(unknown, lambda name: no_dtype() if name == DTYPE else _unknown(name[:SHOWN_NAME], choice))
        raise problems.refusal()


def _unknown(name: str, choice: str) -> Problem:
    return Problem("unknown_parameter", f"there is no parameter {name!r}", choice, path=f"params.{name}")


def no_dtype() -> Problem:
    """What `params.dtype` is answered with where it has no meaning."""
    message = "dtype chooses how a job of encode or predict stores its arrays; here numbers are kept as they are"
    return Problem("dtype_not_offered", message, "Leave dtype out.", path=f"params.{DTYPE}")


def vocabulary() -> list[str]:
    """Column names of every logits array."""
    return list(CANONICAL)


def required(encoding: Encoding) -> Array:
    """The logits of an encoding that was asked for them."""
    if encoding.logits is None:
        raise ValueError("the encoding carries no logits")
    return encoding.logits
