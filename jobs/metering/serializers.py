"""Bodies of the REST interface about accounts of use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from django.conf import settings
from rest_framework import serializers as s

from jobs.files.lines import BOM, csv_head
from jobs.files.pieces import text_cell
from jobs.metering.prices import CENT, Amount, total
from jobs.metering.selectors import Budget, Row, cost_of
from jobs.web.rest.fields import Shape

KEYS = ("month", "user", "model", "cost_centre", "project", "project_name")
COLUMNS = ("gpu_hours", "cpu_hours", "passes", "residues", "stored_byte_days")


class UsedBody(Shape):
    gpu_hours = s.FloatField(help_text="Hours in which a GPU computed.")
    cpu_hours = s.FloatField(help_text="Hours of single cores, on workers without a GPU.")
    passes = s.IntegerField(help_text="Sequences that went through the network.")
    residues = s.IntegerField(help_text="Residues of these sequences, without those of contexts.")
    stored_byte_days = s.FloatField(help_text="Bytes that were kept, times the days for which they were.")
    cost = s.FloatField(allow_null=True, help_text="By the price list; null without one.")


class AccountBody(UsedBody):
    month = s.CharField(help_text="In UTC, such as 2026-01.")
    user = s.CharField()
    model = s.CharField(allow_blank=True, help_text="Empty for what belongs to no model, such as alignments.")
    cost_centre = s.CharField(allow_blank=True)
    project = s.CharField(allow_blank=True, help_text="The id of a project; empty for what is in none.")
    project_name = s.CharField(allow_blank=True)

    def to_representation(self, instance: Any) -> dict[str, Any]:
        empty = dict.fromkeys(("model", "cost_centre", "project", "project_name"), "")
        return {**empty, **super().to_representation(instance)}


class BudgetBody(Shape):
    limit = s.FloatField()
    used = s.FloatField()
    left = s.FloatField()
    warning = s.CharField(allow_null=True, help_text="A sentence from 80 % on.")


class PricesBody(Shape):
    gpu_hour = s.FloatField()
    cpu_hour = s.FloatField()
    gigabyte_day = s.FloatField()


class AccountsBody(Shape):
    since = s.CharField()
    until = s.CharField()
    currency = s.CharField(allow_null=True)
    prices = PricesBody(allow_null=True)
    budget = BudgetBody(allow_null=True, help_text="Your own, for this month.")
    total = UsedBody()
    results = AccountBody(many=True)


def used(amount: Amount, cost: Decimal | None) -> dict[str, Any]:
    """Return the fields of `UsedBody`."""
    rounded = {"gpu_hours": round(amount.gpu_hours, 6), "cpu_hours": round(amount.cpu_hours, 6)}
    counts = {"passes": amount.passes, "residues": amount.residues}
    kept = {"stored_byte_days": round(amount.stored_byte_days, 1)}
    return {**rounded, **counts, **kept, "cost": None if cost is None else float(cost.quantize(CENT))}


def account_body(row: Row) -> dict[str, Any]:
    """Return the fields of `AccountBody`."""
    return {**{name: getattr(row, name) for name in KEYS}, **used(row.used, row.cost)}


def accounts_body(rows: Sequence[Row], since: str, until: str, budget: Budget | None) -> dict[str, Any]:
    """Return the fields of `AccountsBody`."""
    prices, whole = settings.E1_PRICES, total(row.used for row in rows)
    return {
        "since": since,
        "until": until,
        "currency": prices.currency if prices else None,
        "prices": prices,
        "budget": budget
        and {
            "limit": float(budget.limit),
            "used": float(budget.used),
            "left": float(budget.left),
            "warning": budget.warning or None,
        },
        "total": used(whole, cost_of(whole)),
        "results": [account_body(row) for row in rows],
    }


def accounts_csv(rows: Sequence[Row], *, bom: bool = False) -> Iterator[bytes]:
    """Yield the accounts as CSV, one row each, with the fields of `AccountBody`."""
    names = (*KEYS, *COLUMNS, "cost")
    if bom:
        yield BOM
    yield csv_head(names)
    for row in rows:
        body = account_body(row)
        cells = [body[name] for name in names]
        texts = ("" if cell is None else text_cell(cell) if isinstance(cell, str) else str(cell) for cell in cells)
        yield ",".join(texts).encode() + b"\n"
