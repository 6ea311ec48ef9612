"""Cost centres with workers of their own: whose work a worker may compute (docs/accounts.md).

A worker of a cost centre computes only its work. Any other worker computes the work of everyone else. Membership and
the tick at the cost centre are read whenever work is handed out, so a change counts at once.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Case, F, Subquery, Value, When
from django.db.models.functions import Coalesce

from jobs.models import CostCentre

CENTRE_OF_JOB = """
    coalesce((
        SELECT CASE WHEN centre.own_workers THEN centre.code ELSE '' END FROM jobs_costcentre centre
        JOIN auth_user_groups member ON member.group_id = centre.group_id AND member.user_id = job.owner_id
        ORDER BY centre.code, centre.own_workers DESC LIMIT 1
    ), '')
"""
"""The cost centre whose workers compute a `job`; "" if those of no cost centre do. Of several, the charged one."""


def centre_of(owner: Any) -> Coalesce:
    """Return the same as an expression; `owner` is a user's id, or an expression with it."""
    own = Case(When(own_workers=True, then=F("code")), default=Value(""))
    charged = CostCentre.objects.filter(group__user=owner).order_by("code", "-own_workers")
    return Coalesce(Subquery(charged.values_list(own)[:1]), Value(""))


def centre_name(user_id: int) -> str:
    """Return the cost centre whose workers compute this user's work; "" if those of no cost centre do."""
    charged = CostCentre.objects.filter(group__user=user_id).order_by("code", "-own_workers")
    own, code = charged.values_list("own_workers", "code").first() or (False, "")
    return str(code) if own else ""


def centre_has_workers(code: str) -> bool:
    """Return whether a group's work is left to workers of this cost centre."""
    return CostCentre.objects.filter(code=code, own_workers=True).exists()
