"""The contract of an action: pure functions from items to engine queries, and from stored arrays to results.

`DirectAction` (jobs.actions.direct) answers an item with a few queries of one chunk. `LongAction` (jobs.actions.units)
cuts an item into work units (docs/adr/0005). No action touches a database or a device.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from e1protocol import EXTENDED, PRECISIONS, Encoding, ModelFacts
from e1protocol.parameters import parameter_text
from jobs.actions.columns import Column
from jobs.actions.contexts import SCHEMA, Context, Contexts, longest_context
from jobs.errors import UNBOX, InvalidInput, Problem, Problems, is_boxed
from jobs.limits import MAX_CONTEXTS, MAX_RESIDUES, SHOWN_NAME
from jobs.parsing import ItemRules

Array = NDArray[np.floating[Any]]
Params = Mapping[str, Any]
"""Parameters of a job as `check_params` returns them; `contexts` describes the contexts of all items."""
Outputs = Mapping[tuple[str, int], Array]
"""An item's stored arrays by (kind, layer), each [rows, width]."""

DTYPE = "dtype"
"""The parameter of encode and predict that chooses between float32 and float16 (jobs.actions.dtypes)."""


PRECISION = "precision"
"""The parameter of every action that chooses the type of the products. Jobs that do not ask for one are without it."""
AUTO = PRECISIONS[0]


@dataclass(frozen=True, slots=True)
class ItemView:
    """What an action sees of an item that has passed all checks.

    An item has a context of its own, or its job has several (`params.contexts`), never both.
    """

    sequence: str
    context: Context = ()
    contexts: Contexts = ()

    @property
    def each_context(self) -> Contexts:
        """The contexts that the item is computed under, at least one. `()` means no context."""
        return self.contexts or (self.context,)


@dataclass(frozen=True, slots=True)
class Stored:
    """One array [rows, width] of one item as it is stored. `layer` is -1 if the array belongs to no layer."""

    kind: str
    layer: int
    array: Array


class Action(ABC):
    """One thing that can be asked of a model.

    Other packages don't compare names of actions: they read the attributes and call the methods below.
    """

    name: str
    title: str = ""
    """What its jobs are called after, such as "embeddings"; else its name."""
    summary: str
    param_names: tuple[str, ...] = ()
    """Parameters beside `contexts`. Fields of the form for a new job have the same names."""
    required_params: tuple[str, ...] = ()
    sequence_letters: str = EXTENDED
    context_letters: str = EXTENDED
    needs_mask: bool = False
    per_token_kinds: frozenset[str] = frozenset()
    """Kinds of arrays so large that each item has a row of its own in the database."""
    long: bool = False
    """Whether items are computed in work units."""
    unit_words: tuple[str, str] = ("pass through the network", "passes through the network")
    """What one work unit is, and what several are."""
    takes_variants: bool = False
    """Whether items are variants of `params.parent`."""
    scores_variants: bool = False
    """Whether results are scores of variants."""
    residues_setting: str = ""
    """The setting of the service that lowers the limit of residues."""
    example_format: str = "fasta"
    example_params: Params = MappingProxyType({})
    """Parameters that the example needs beside the defaults."""

    @property
    def example(self) -> str:
        """A small library of real proteins to try the action with."""
        return files(__package__).joinpath("examples", f"{self.name}.{self.example_format}").read_text("ascii")

    @property
    def example_body(self) -> dict[str, Any]:
        """Parameters and items of a small request, as the REST interface takes them."""
        if self.takes_variants:
            items = [{"variant": code} for code in self.example.split()[1:4]]
        else:
            records = (record.splitlines() for record in self.example.removeprefix(">").split("\n>"))
            items = [{"name": header.split()[0], "sequence": "".join(lines)} for header, *lines in records][:2]
        return {"params": dict(self.example_params), "items": items}

    def rules(self, model: ModelFacts) -> ItemRules:
        """Return the rules that every item must follow."""
        return ItemRules(
            sequence=self.sequence_letters,
            context=self.context_letters,
            needs_mask=self.needs_mask,
            max_residues=min(MAX_RESIDUES, model.max_residues),
            max_contexts=min(MAX_CONTEXTS, model.max_contexts),
            max_tokens=model.max_global_positions,
        )

    def rules_for(self, model: ModelFacts, params: Params) -> ItemRules:
        """Return the rules for items of a job with these parameters."""
        return self.rules(model)

    def rules_under(self, model: ModelFacts, params: Params, contexts: Contexts) -> ItemRules:
        """Return `rules_for` items without a context of their own if the job has contexts, which take tokens."""
        rules = self.rules_for(model, params)
        if not contexts:
            return rules
        return replace(rules, context_allowed=False, max_tokens=rules.max_tokens - longest_context(contexts))

    def check_params(self, raw: Params, model: ModelFacts) -> dict[str, Any]:
        """Return the normalised parameters, with every default filled in. A parameter that is None is left out.

        Raises InvalidInput with the path of each fault.
        """
        known_only(raw, (*self.param_names, PRECISION))
        plain_only(raw, {**self.properties(model), PRECISION: PRECISION_SCHEMA})
        given = {name: value for name, value in raw.items() if value is not None and name != PRECISION}
        precision = check_precision(raw.get(PRECISION))
        return self.checked(given, model) | ({} if precision == AUTO else {PRECISION: precision})

    def checked(self, raw: Params, model: ModelFacts) -> dict[str, Any]:
        """Do the work of `check_params`, on known names only."""
        return {}

    def properties(self, model: ModelFacts) -> dict[str, Any]:
        """Return the JSON schema of each parameter; `params_schema` adds what it means."""
        return {}

    def text_of(self, name: str) -> str:
        """Return what a parameter means, as schemas, documents and the command show it."""
        return parameter_text(self.name, name)

    def params_schema(self, model: ModelFacts) -> dict[str, Any]:
        """Return the JSON schema of `params`."""
        required = {"required": list(self.required_params)} if self.required_params else {}
        properties = {
            name: {"description": self.text_of(name), **schema}
            for name, schema in {**self.properties(model), PRECISION: PRECISION_SCHEMA, "contexts": SCHEMA}.items()
        }
        return {"type": "object", "additionalProperties": False, **required, "properties": properties}

    @abstractmethod
    def columns(self, params: Params, model: ModelFacts) -> tuple[Column, ...]:
        """Return the arrays that every succeeded item has, in the order of files."""

    @abstractmethod
    def result(self, item: ItemView, params: Params, outputs: Outputs) -> dict[str, Any]:
        """Return the item's result as the REST interface shows it; arrays are numpy arrays."""


PRECISION_SCHEMA: Mapping[str, Any] = MappingProxyType({"type": "string", "enum": list(PRECISIONS), "default": AUTO})


def check_precision(raw: Any) -> str:
    """Return the name of a precision, `auto` for None. Raises InvalidInput `bad_precision`."""
    if raw is None:
        return AUTO
    if not isinstance(raw, str) or raw not in PRECISIONS:
        choice = f"Choose from {', '.join(PRECISIONS)}."
        raise InvalidInput.one("bad_precision", f"precision is {raw!r}", choice, path=f"params.{PRECISION}")
    return raw


def no_precision() -> Problem:
    """Return the problem of a `params.precision` of a synchronous request."""
    message = "precision chooses the workers of a job; a synchronous request takes the first worker that is free"
    return Problem("precision_not_offered", message, "Leave it out, or submit a job.", path=f"params.{PRECISION}")


def plain_only(raw: Params, properties: Mapping[str, Any]) -> None:
    """Raise InvalidInput for a value in a list of its own if no list is allowed there, as R sends plain values."""
    problems = Problems()
    boxed = [path for name, value in raw.items() for path in _boxed(value, [properties.get(name, {})], name)]
    problems.each(boxed, _unbox)
    if problems:
        raise problems.refusal()


def _boxed(value: Any, schemas: Sequence[Mapping[str, Any]], path: str) -> Iterator[str]:
    """Yield the paths of values in a list of their own that none of the schemas allows."""
    options = [option for schema in schemas for option in schema.get("oneOf", [schema])]
    if is_boxed(value):
        if options and not any("array" in option.get("type", "array") for option in options):
            yield path
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            known = [option["properties"][name] for option in options if name in option.get("properties", ())]
            yield from _boxed(inner, known, f"{path}.{name}")


def _unbox(path: str) -> Problem:
    return Problem("wrong_type", f"{path} is a list with one value, not the value", UNBOX, path=f"params.{path}")


def known_only(raw: Params, names: Sequence[str]) -> None:
    """Raise InvalidInput for parameters that don't exist, because a misspelt one must not be ignored."""
    unknown = [name for name in raw if name not in names]
    if unknown:
        choice = f"Choose from {', '.join(names)}."
        problems = Problems()
        problems.each(unknown, lambda name: no_dtype() if name == DTYPE else _unknown(name[:SHOWN_NAME], choice))
        raise problems.refusal()


def _unknown(name: str, choice: str) -> Problem:
    return Problem("unknown_parameter", f"there is no parameter {name!r}", choice, path=f"params.{name}")


def no_dtype() -> Problem:
    """Return the problem of a `params.dtype` that has no meaning."""
    message = "dtype chooses how a job of encode or predict stores its arrays; here numbers are kept as they are"
    return Problem("dtype_not_offered", message, "Leave dtype out.", path=f"params.{DTYPE}")


def required(encoding: Encoding) -> Array:
    """Return the logits of an encoding. Raises ValueError if the query didn't ask for them."""
    if encoding.logits is None:
        raise ValueError("the encoding carries no logits")
    return encoding.logits
