"""Bodies of the REST interface about the comparison of models, and the same as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rest_framework import serializers as s

from jobs.campaigns.asked import finite
from jobs.campaigns.comparing import Comparison, Pair
from jobs.campaigns.serializers import RANKS_BY, ModelBody
from jobs.files.lines import BOM, csv_head
from jobs.files.pieces import text_cell
from jobs.learning.comparing import BETTER, MIXED, NONE, WORSE, Difference
from jobs.learning.folds import KINDS
from jobs.learning.gains import CLAIM
from jobs.learning.training import LEAST
from jobs.web.rest.fields import Shape

FIGURES, VARIANTS = "figures", "variants"
HEADS = ("model", "against", "folds", "ranking", "metric", "n", "value", "low", "high", "detectable")


class DifferenceBody(Shape):
    value = s.FloatField(allow_null=True)
    low = s.FloatField(allow_null=True)
    high = s.FloatField(allow_null=True)
    detectable = s.FloatField(allow_null=True, help_text="The smallest difference that is shown in 80 % of such cases.")


class DifferencesBody(Shape):
    """Each is positive if `model` is better than `against`."""

    squared_error = DifferenceBody(help_text="The share of the squared error of `against` that `model` removes.")
    spearman = DifferenceBody()
    ndcg = DifferenceBody()
    top_recall = DifferenceBody()


class PairBody(Shape):
    model = s.IntegerField()
    against = s.IntegerField()
    n = s.IntegerField(help_text="Variants that both predicted out of fold.")
    changed = s.IntegerField(help_text="Those whose value has changed since the older model. The newer value counts.")
    groups = s.IntegerField(allow_null=True, help_text="Independent groups of variants, which the bootstrap draws.")
    level = s.FloatField()
    difference = s.ChoiceField(
        [BETTER, WORSE, MIXED, NONE],
        allow_null=True,
        help_text="none: no difference shown. mixed: errors differ, and the order does not follow.",
    )
    reason = s.CharField(required=False, help_text="Why they are not compared.")
    differences = DifferencesBody(allow_null=True)


class AdviceBody(Shape):
    model = s.IntegerField()
    by = s.ChoiceField(RANKS_BY)
    reason = s.CharField()


class ModelComparisonBody(Shape):
    property = s.CharField()
    folds = s.ChoiceField(KINDS, allow_null=True)
    least = s.IntegerField(help_text="The fewest common variants that are compared.")
    main = s.IntegerField()
    models = ModelBody(many=True, help_text="Newest first, as the address of each shows it.")
    pairs = PairBody(many=True, help_text="`main` against each other model.")
    ranks_next = AdviceBody(help_text="What should rank the next plate.")


def comparison_body(found: Comparison, models: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the body of a comparison. `models` are the bodies of its models."""
    advice = found.advice
    return {
        "property": found.main.model.property.name,
        "folds": found.kind,
        "least": LEAST,
        "main": found.main.n,
        "models": models,
        "pairs": [pair_body(one) for one in found.pairs],
        "ranks_next": {"model": advice.model, "by": advice.by, "reason": advice.reason},
    }


def pair_body(pair: Pair) -> dict[str, Any]:
    """Return the body of a pair."""
    found = pair.found
    body = {
        "model": pair.one,
        "against": pair.other,
        "n": pair.n,
        "changed": pair.changed,
        "groups": None if found is None else found.units,
        "level": CLAIM,
        "difference": None if found is None else found.verdict,
        "differences": None if found is None else {name: _body(one) for name, one in found.differences.items()},
    }
    return body | ({"reason": pair.reason} if pair.reason else {})


def _body(one: Difference) -> dict[str, float | None]:
    figure = one.figure
    values = {"value": figure.value, "low": figure.low, "high": figure.high, "detectable": one.detectable}
    return {name: finite(value) for name, value in values.items()}


def figure_lines(found: Comparison) -> Iterator[bytes]:
    """Yield every figure as CSV, one a line: those of each model, then the paired differences."""
    yield BOM
    yield csv_head(HEADS)
    for side in found.sides:
        for kind, rankings in side.model.card["cross_validation"].items():
            for ranking, metrics in (rankings or {}).items():
                for metric, figure in metrics.items():
                    yield _line([side.n, "", kind, text_cell(ranking), metric, len(side.model.training)], figure)
    for pair in found.pairs:
        for metric, one in (pair.found.differences if pair.found else {}).items():
            yield _line([pair.one, pair.other, found.kind, "difference", metric, pair.n], _body(one))


def _line(cells: Sequence[object], figure: Mapping[str, float | None]) -> bytes:
    """Return the cells, and the numbers of a figure."""
    numbers = ("" if (value := figure.get(name)) is None else f"{value:.6g}" for name in HEADS[len(cells) :])
    return (",".join([*map(str, cells), *numbers]) + "\n").encode()


def variant_lines(found: Comparison) -> Iterator[bytes]:
    """Yield every held-out variant as CSV, with what each model predicted; empty for what it did not test."""
    yield BOM
    yield csv_head(["variant", "measured", *(f"model_{one.n}" for one in found.sides)])
    for row in found.rows():
        numbers = [f"{row.measured:.6g}", *("" if one is None else f"{one:.6g}" for _, one in row.predicted)]
        yield (",".join([text_cell(row.variant), *numbers]) + "\n").encode()
