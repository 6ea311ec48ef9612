"""score: how much a model prefers variants to their parent, or how likely it finds sequences of any length."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from e1protocol import EXTENDED, ModelFacts
from jobs.actions import numbered
from jobs.actions.base import ItemView, Outputs, Params
from jobs.actions.columns import DOUBLE, Column, number_column
from jobs.actions.contexts import Contexts, count_of
from jobs.actions.item_keys import VariantKeys
from jobs.actions.marginal_units import MarginalUnits, PseudoLikelihoodUnits
from jobs.actions.units import LongAction, UnitPlan
from jobs.errors import InvalidInput
from jobs.parsing import ItemRules
from jobs.parsing.letters import check_letters, clean_sequence
from jobs.parsing.records import Place
from jobs.science.variants.codes import Variant, is_full_sequence, read_variant
from jobs.science.variants.marginals import NO_CONTEXT, MarginalPlan, PseudoLikelihoodPlan
from jobs.science.variants.numbering_forms import numbering_of
from jobs.science.variants.rules import VariantRules

METHODS = ("masked_marginal", "wildtype_marginal", "pseudo_log_likelihood")
UBIQUITIN = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG"
"""One repeat of human polyubiquitin-C (UniProt P0CG48, residues 1-76)."""


class Score(LongAction):
    name = "score"
    title = "variant scores"
    summary = "Fitness scores of variants of a parent: log p(mutant) - log p(wild type), or pseudo-log-likelihoods."
    param_names = ("parent", "method", *numbered.NAMES)
    required_params = ("parent",)
    takes_variants = scores_variants = True
    example_format = "csv"
    example_params = MappingProxyType({"parent": UBIQUITIN})

    def rules_for(self, model: ModelFacts, params: Params) -> ItemRules:
        variants = VariantRules(params["parent"], numbering_of(params), lengths=_is_likelihood(params))
        return replace(self.rules(model), context_allowed=False, variants=variants)

    def checked(self, raw: Params, model: ModelFacts) -> dict[str, Any]:
        parent = _parent(raw.get("parent"), self.rules(model).max_residues)
        method = method_of(raw.get("method"), METHODS)
        return {"parent": parent, "method": method, **numbered.checked_numbering(raw, len(parent))}

    def shares_units(self, params: Params) -> bool:
        return not _is_likelihood(params)

    def positions(self, item: ItemView, params: Params) -> Iterable[int]:
        return (mutation.position - 1 for mutation in _variant(item, params).mutations)

    def plan(
        self, params: Params, contexts: Contexts, *, item: ItemView | None = None, positions: Sequence[int] = ()
    ) -> UnitPlan:
        contexts = contexts or NO_CONTEXT
        if item is not None and _is_likelihood(params):
            return PseudoLikelihoodUnits(PseudoLikelihoodPlan(_full_sequence(item, params), contexts))
        plan = MarginalPlan(params["method"], params["parent"], contexts, tuple(positions))
        return MarginalUnits(plan, lambda view: _variant(view, params))

    def columns(self, params: Params, model: ModelFacts) -> tuple[Column, ...]:
        each = Column("scores", "scores", dtype=DOUBLE, width=max(1, count_of(params)))
        keys = VariantKeys(params["parent"], numbering_of(params))
        return (number_column("score", keys), number_column("spread"), each)

    def result(self, item: ItemView, params: Params, outputs: Outputs) -> dict[str, Any]:
        return {
            **_named(item, params),
            "score": float(outputs["score", -1][0, 0]),
            "spread": float(outputs["spread", -1][0, 0]),
            "scores": outputs["scores", -1][0],
        }

    def properties(self, model: ModelFacts) -> dict[str, Any]:
        return {
            "parent": {"type": "string", "minLength": 1},
            "method": {"type": "string", "enum": list(METHODS), "default": METHODS[0]},
            **numbered.SCHEMAS,
        }


def method_of(raw: object, methods: Sequence[str]) -> str:
    """Return the method, by default the first of `methods`. Raises InvalidInput `bad_method`."""
    if raw is None:
        return methods[0]
    if raw not in methods:
        choice = f"Choose from {', '.join(methods)}."
        raise InvalidInput.one("bad_method", f"method is {raw!r}", choice, path="params.method")
    return str(raw)


def _parent(raw: object, longest: int) -> str:
    place = Place(path="params.parent")
    if raw is not None and not isinstance(raw, str):
        what = f"the parent is not text but {str(raw)[:60]!r}"
        raise InvalidInput.one("missing_parent", what, "Give the parent's residues as text.", path=place.path)
    if raw is None or not raw.strip():
        what = "the parent is missing"
        raise InvalidInput.one("missing_parent", what, "Give the parent's residues.", path=place.path)
    parent, _ = clean_sequence(raw)
    problems = list(check_letters(parent, EXTENDED, place))
    if len(parent) > longest:
        what = f"the parent has {len(parent):,} residues, and the limit is {longest:,}"
        problems.append(place.problem("sequence_too_long", what, "Cut it into domains."))
    if problems:
        raise InvalidInput.of(*problems)
    return parent


def _is_likelihood(params: Params) -> bool:
    return bool(params["method"] == "pseudo_log_likelihood")


def _variant(item: ItemView, params: Params) -> Variant:
    return read_variant(item.sequence, params["parent"], numbering=numbering_of(params))


def _full_sequence(item: ItemView, params: Params) -> str:
    if is_full_sequence(item.sequence):
        return item.sequence
    return _variant(item, params).sequence(params["parent"])


def _named(item: ItemView, params: Params) -> dict[str, Any]:
    """Return the code of the variant in the numbering of the job, its mutated positions and their numbers.

    A sequence whose length differs from the parent's is its own code and has no positions.
    """
    if is_full_sequence(item.sequence) and len(item.sequence) != len(params["parent"]):
        return {"variant": item.sequence, "positions": None, "numbers": None}
    variant, numbering = _variant(item, params), numbering_of(params)
    positions = [mutation.position for mutation in variant.mutations]
    numbers = [str(numbering.label(position)) for position in positions]
    return {"variant": variant.code(numbering), "positions": positions, "numbers": numbers}
