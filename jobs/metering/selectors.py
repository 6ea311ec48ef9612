"""Accounts of use, and the budget of a person. This module only reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from django.conf import settings
from django.contrib.auth.models import User

from jobs.errors import BudgetUsedUp, InvalidInput
from jobs.metering.prices import CENT, Amount, total
from jobs.models import Quota, UsageAccount

WARN_AT = Decimal("0.8")
"""The used share of a budget from which pages and clients warn."""
MONTHS = 12
"""Months that are shown by default, the present one included."""


@dataclass(frozen=True, slots=True)
class Row:
    """What one person used of one model in one month and project. `cost` is None without a price list."""

    month: str
    user: str
    model: str
    cost_centre: str
    project: str
    project_name: str
    used: Amount

    @property
    def cost(self) -> Decimal | None:
        return cost_of(self.used)


@dataclass(frozen=True, slots=True)
class Budget:
    """What a person may spend this month, and has spent."""

    limit: Decimal
    used: Decimal
    currency: str

    @property
    def left(self) -> Decimal:
        return max(Decimal(0), self.limit - self.used)

    @property
    def used_up(self) -> bool:
        return self.used >= self.limit

    @property
    def warning(self) -> str:
        """A sentence from 80 % on, else empty."""
        if self.used < WARN_AT * self.limit:
            return ""
        if self.used_up:
            return f"Your budget of this month is used up ({self.words}): new jobs are refused. Running jobs go on."
        return f"Your budget of this month is nearly used up ({self.words})."

    @property
    def words(self) -> str:
        return f"{self.used:.2f} of {self.limit:.2f} {self.currency}".rstrip()


def this_month() -> date:
    return datetime.now(UTC).date().replace(day=1)


def read_months(since: str | None, until: str | None) -> tuple[date, date]:
    """Return the first and the last month that are asked for. Raises InvalidInput `bad_month`."""
    last = _month("until", until) if until else this_month()
    if since:
        return _month("since", since), last
    number = last.year * 12 + last.month - MONTHS
    return date(max(1, number // 12), number % 12 + 1, 1), last


def _month(name: str, text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date()
    except ValueError:
        raise InvalidInput.one(
            "bad_month", f"{name} is {text[:40]!r}", "Write a month as 2026-01.", path=name
        ) from None


def accounts(since: date, until: date, *, owner_id: int | None = None) -> list[Row]:
    """Return the accounts of one person or of everyone, newest month first. Deleted people keep their last name."""
    found = UsageAccount.objects.filter(month__gte=since, month__lte=until)
    if owner_id is not None:
        found = found.filter(owner_id=owner_id)
    rows = list(found.order_by("-month", "owner_name", "owner_id", "model", "cost_centre", "project_name", "project"))
    names = dict(User.objects.filter(pk__in={row.owner_id for row in rows}).values_list("pk", "username"))
    return [
        Row(
            f"{row.month:%Y-%m}",
            names.get(row.owner_id, row.owner_name),
            row.model,
            row.cost_centre,
            row.project,
            row.project_name,
            _amount(row),
        )
        for row in rows
    ]


def _amount(row: UsageAccount) -> Amount:
    return Amount(
        row.gpu_seconds / 3600, row.cpu_seconds / 3600, row.passes, row.residues, stored_byte_days=row.stored_byte_days
    )


def cost_of(used: Amount) -> Decimal | None:
    """Return the cost by the price list, None without one."""
    return None if settings.E1_PRICES is None else settings.E1_PRICES.cost(used)


def cost_of_all(rows: Sequence[Row]) -> Decimal | None:
    return cost_of(total(row.used for row in rows))


def budget_of(user_id: int) -> Budget | None:
    """Return the budget of a person for this month; None if there is none, or no price list."""
    if settings.E1_PRICES is None:
        return None
    own = Quota.objects.filter(pk=user_id).values_list("budget", flat=True).first()
    limit = settings.E1_BUDGET if own is None else own
    if not limit:
        return None
    spent = cost_of_all(accounts(this_month(), this_month(), owner_id=user_id)) or Decimal(0)
    return Budget(Decimal(limit), spent.quantize(CENT), settings.E1_PRICES.currency)


def budget_refusal(user_id: int) -> BudgetUsedUp | None:
    """Return why new work of a person is refused, None unless their budget is used up."""
    budget = budget_of(user_id)
    if budget is None or not budget.used_up:
        return None
    return BudgetUsedUp(
        f"your budget of this month is used up ({budget.words}); wait for the next month, "
        "or ask an administrator for a larger one. Jobs that are queued already go on"
    )


def budget_check(user_id: int) -> None:
    """Refuse new work of a person whose budget is used up. Raises BudgetUsedUp."""
    if (refused := budget_refusal(user_id)) is not None:
        raise refused
