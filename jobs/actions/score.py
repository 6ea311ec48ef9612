"""score: how much a model prefers variants to their parent, or how likely it finds sequences of any length."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from e1protocol import EXTENDED, ModelFacts
from jobs.actions.base import Context, ItemView, LongAction, Outputs, UnitPlan, known_only
from jobs.actions.columns import DOUBLE, Column, number_column
from jobs.actions.contexts import SCHEMA
from jobs.actions.marginal_units import MarginalUnits, PseudoLikelihoodUnits
from jobs.errors import InvalidInput, Problem
from jobs.parsing import ItemRules
from jobs.parsing.letters import check_letters, clean_sequence
from jobs.parsing.records import Place
from jobs.science.variants.codes import Variant, VariantRules, is_full_sequence, read_variant
from jobs.science.variants.marginals import NO_CONTEXT, MarginalPlan, PseudoLikelihoodPlan

METHODS = ("masked_marginal", "wildtype_marginal", "pseudo_log_likelihood")
LARGEST_OFFSET = 1_000_000
UBIQUITIN = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG"
"""One repeat of human polyubiquitin-C (UniProt P0CG48, residues 1-76)."""


class Score(LongAction):
    name = "score"
    summary = "Fitness scores of variants of a parent: log p(mutant) - log p(wild type), or pseudo-log-likelihoods."
    param_names = ("parent", "method", "offset")
    takes_variants = scores_variants = True
    example_format = "csv"
    example_params = MappingProxyType({"parent": UBIQUITIN})

    def rules_for(self, model: ModelFacts, params: Mapping[str, Any]) -> ItemRules:
        """`rules` with what a variant of this parent may be."""
        variants = VariantRules(params["parent"], params["offset"], lengths=_is_likelihood(params))
        return replace(self.rules(model), context_allowed=False, variants=variants)

    def check_params(self, raw: Mapping[str, Any], model: ModelFacts) -> dict[str, Any]:
        known_only(raw, self.param_names)
        return {
            "parent": _parent(raw.get("parent"), self.rules(model).max_residues),
            "method": method_of(raw.get("method"), METHODS),
            "offset": _offset(raw.get("offset")),
        }

    def shares_units(self, params: Mapping[str, Any]) -> bool:
        return not _is_likelihood(params)

    def positions(self, item: ItemView, params: Mapping[str, Any]) -> Iterable[int]:
        return (mutation.position - 1 for mutation in _variant(item, params).mutations)

    def plan(
        self,
        params: Mapping[str, Any],
        contexts: tuple[Context, ...],
        *,
        item: ItemView | None = None,
        positions: Sequence[int] = (),
    ) -> UnitPlan:
        contexts = contexts or NO_CONTEXT
        if item is not None and _is_likelihood(params):
            return PseudoLikelihoodUnits(PseudoLikelihoodPlan(_full_sequence(item, params), contexts))
        plan = MarginalPlan(params["method"], params["parent"], contexts, tuple(positions))
        return MarginalUnits(plan, lambda view: _variant(view, params))

    def columns(self, params: Mapping[str, Any], model: ModelFacts) -> tuple[Column, ...]:
        contexts = max(1, len(params.get("contexts", ())))
        each = Column("scores", "scores", dtype=DOUBLE, width=contexts)
        return (number_column("score"), number_column("spread"), each)

    def result(self, item: ItemView, params: Mapping[str, Any], outputs: Outputs) -> dict[str, Any]:
        return {
            "variant": _code(item, params),
            "score": float(outputs["score", -1][0, 0]),
            "spread": float(outputs["spread", -1][0, 0]),
            "scores": outputs["scores", -1][0],
        }

    def params_schema(self, model: ModelFacts) -> dict[str, Any]:
        return {
            "type": "object",
            "additionalProperties": False,
            "required": ["parent"],
            "properties": {
                "parent": {"type": "string", "minLength": 1},
                "method": {"type": "string", "enum": list(METHODS), "default": METHODS[0]},
                "offset": {"type": "integer", "default": 0},
                "contexts": SCHEMA,
            },
        }


def method_of(raw: object, methods: Sequence[str]) -> str:
    """The method, the first of `methods` by default; raises InvalidInput `bad_method`."""
    if raw is None:
        return methods[0]
    if raw not in methods:
        raise InvalidInput.of(
            Problem("bad_method", f"method is {raw!r}", f"Choose from {', '.join(methods)}.", path="params.method")
        )
    return str(raw)


def _parent(raw: object, longest: int) -> str:
    place = Place(path="params.parent")
    if raw is not None and not isinstance(raw, str):
        what = f"the parent is no text, but {str(raw)[:60]!r}"
        raise InvalidInput.of(Problem("missing_parent", what, "Give the parent's residues as text.", path=place.path))
    if raw is None or not raw.strip():
        raise InvalidInput.of(
            Problem("missing_parent", "the parent is missing", "Give the parent's residues.", path=place.path)
        )
    parent, _ = clean_sequence(raw)
    problems = list(check_letters(parent, EXTENDED, place))
    if len(parent) > longest:
        what = f"the parent has {len(parent):,} residues, and the limit is {longest:,}"
        problems.append(place.problem("sequence_too_long", what, "Cut it into domains."))
    if problems:
        raise InvalidInput.of(*problems)
    return parent


def _offset(raw: object) -> int:
    if raw is None:
        return 0
    if not isinstance(raw, int) or isinstance(raw, bool) or abs(raw) > LARGEST_OFFSET:
        remedy = "Give the whole number that is added to a position in the parent to get the number in a code."
        raise InvalidInput.of(Problem("bad_offset", f"offset is {raw!r}", remedy, path="params.offset"))
    return raw


def _is_likelihood(params: Mapping[str, Any]) -> bool:
    return bool(params["method"] == "pseudo_log_likelihood")


def _variant(item: ItemView, params: Mapping[str, Any]) -> Variant:
    return read_variant(item.sequence, params["parent"], offset=params["offset"])


def _full_sequence(item: ItemView, params: Mapping[str, Any]) -> str:
    if is_full_sequence(item.sequence):
        return item.sequence
    return _variant(item, params).sequence(params["parent"])


def _code(item: ItemView, params: Mapping[str, Any]) -> str:
    """The variant as a code with the job's numbering; a sequence of another length stands for itself."""
    if is_full_sequence(item.sequence) and len(item.sequence) != len(params["parent"]):
        return item.sequence
    return _variant(item, params).code(params["offset"])
