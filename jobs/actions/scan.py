"""scan: all single substitutions of a parent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from e1protocol import CANONICAL, ModelFacts
from jobs.actions import numbered
from jobs.actions.base import ItemView, Outputs, Params
from jobs.actions.columns import DOUBLE, SINGLE, SPREAD, Column
from jobs.actions.contexts import Contexts, count_of
from jobs.actions.layouts import Substitutions
from jobs.actions.marginal_units import MarginalUnits
from jobs.actions.score import method_of
from jobs.actions.units import LongAction, UnitPlan
from jobs.errors import InvalidInput
from jobs.parsing import ItemRules
from jobs.science.variants.marginals import NO_CONTEXT, MarginalPlan
from jobs.science.variants.numbering import Numbering
from jobs.science.variants.numbering_forms import numbering_of

METHODS = ("masked_marginal", "wildtype_marginal")


class Scan(LongAction):
    name = "scan"
    title = "scan"
    summary = "Scores of all single substitutions of a parent, L x 20."
    param_names = ("method", "positions", *numbered.NAMES)
    scores_variants = True

    def rules_for(self, model: ModelFacts, params: Params) -> ItemRules:
        rules = replace(self.rules(model), context_allowed=False, reach=max(params["positions"] or [1]))
        return replace(rules, labels=len(numbering_of(params).labels))

    def checked(self, raw: Params, model: ModelFacts) -> dict[str, Any]:
        if raw.get("method") == "pseudo_log_likelihood":
            what = "a scan compares residues at one position, and a pseudo-log-likelihood belongs to a whole sequence"
            remedy = "Choose masked_marginal or wildtype_marginal, or the action score."
            raise InvalidInput.one("bad_method", what, remedy, path="params.method")
        method, numbers = method_of(raw.get("method"), METHODS), numbered.checked_numbering(raw)
        return {"method": method, "positions": _positions(raw.get("positions"), numbering_of(numbers)), **numbers}

    def plan(
        self, params: Params, contexts: Contexts, *, item: ItemView | None = None, positions: Sequence[int] = ()
    ) -> UnitPlan:
        if item is None:
            raise ValueError("items of a scan share no units")
        wanted = range(len(item.sequence)) if params["positions"] is None else [n - 1 for n in params["positions"]]
        scanned = tuple(n for n in wanted if item.sequence[n] in CANONICAL)
        return MarginalUnits(MarginalPlan(params["method"], item.sequence, contexts or NO_CONTEXT, scanned))

    def columns(self, params: Params, model: ModelFacts) -> tuple[Column, ...]:
        positions, letters = params["positions"], len(CANONICAL)
        rows = Substitutions(len(positions) if positions else None, numbering_of(params))
        plain = Column("spread", "scores" + SPREAD, dtype=DOUBLE, width=letters, rows=rows)
        columns = (
            replace(plain, name="scores", kind="scores", cell="score", probabilities=True),
            plain,
            replace(plain, name="positions", kind="positions", width=1, position=True),
        )
        if (contexts := count_of(params)) > 1:
            return (*columns, replace(plain, name="single", kind="scores" + SINGLE, width=letters * contexts))
        return columns

    def result(self, item: ItemView, params: Params, outputs: Outputs) -> dict[str, Any]:
        positions, numbering = [int(position) for position in outputs["positions", -1][:, 0]], numbering_of(params)
        result = {
            "scores": outputs["scores", -1],
            "spread": outputs["scores" + SPREAD, -1],
            "positions": positions,
            "numbers": [str(numbering.label(position)) for position in positions],
            "vocab_tokens": list(CANONICAL),
        }
        if (count := count_of(params)) > 1:
            single = outputs["scores" + SINGLE, -1]
            by_context = single.reshape(len(single), count, len(CANONICAL)).transpose(1, 0, 2)
            result["single"] = np.ascontiguousarray(by_context)
        return result

    def properties(self, model: ModelFacts) -> dict[str, Any]:
        return {
            "method": {"type": "string", "enum": list(METHODS), "default": METHODS[0]},
            "positions": {
                "type": ["array", "null"],
                "minItems": 1,
                "items": {"oneOf": [{"type": "integer", "minimum": 1}, {"type": "string"}]},
            },
            **numbered.SCHEMAS,
        }


def _positions(raw: object, numbering: Numbering) -> list[int] | None:
    """Return the positions, counted from 1, ascending and each once; None for all. Text is a label."""
    if raw is None:
        return None
    if not isinstance(raw, list):
        raise _bad_positions(f"Positions are a list, and this is {str(raw)[:60]!r}")
    if not raw:
        raise _bad_positions("The list of positions is empty")
    return sorted({_position(one, numbering) for one in raw})


def _position(one: object, numbering: Numbering) -> int:
    if isinstance(one, str):
        if (position := numbering.position_of(one)) is None or position < 1:
            raise _bad_positions(f"{one[:60]!r} among the positions is not the number of a residue")
        return position
    if not isinstance(one, int) or isinstance(one, bool):
        raise _bad_positions(f"{str(one)[:60]!r} among the positions is not a whole number")
    if one < 1:
        raise _bad_positions(f"Positions count from 1, and {one} is among them")
    return one


def _bad_positions(what: str) -> InvalidInput:
    remedy = "Give whole numbers from 1, such as [24, 56], or leave the positions out for all."
    return InvalidInput.one("bad_positions", what, remedy, path="params.positions")
