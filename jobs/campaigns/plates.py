"""The plate of a proposal, from a request."""

from __future__ import annotations

from jobs.campaigns.asked import whole_number, wrong
from jobs.campaigns.selectors import numbering_of_campaign
from jobs.errors import InvalidInput
from jobs.learning.composing import Plan
from jobs.models import Campaign
from jobs.parsing.bodies import only_fields
from jobs.science.variants.codes import Variant, read_variant

NUMBERS = {
    "wells": 96, "wild_type": 4, "dead": 0, "blanks": 2, "replicates": 1, "retests": 0, "bridging": 0, "random": 0,
}  # fmt: skip
"""The fields of a plate, with their defaults."""
FIELDS = (*NUMBERS, "dead_variant")


def asked_plate(campaign: Campaign, raw: object) -> tuple[Plan | None, Variant | None]:
    """Return the plan of a plate and the dead control, or None without a plate. Raises InvalidInput."""
    if raw is None:
        return None, None
    if not isinstance(raw, dict):
        raise wrong("plate", raw, 'Give {"wells": 96, "wild_type": 4, "blanks": 2}.', code="bad_plate")
    only_fields(raw, FIELDS)
    found = {
        name: whole_number(raw, name, default, low=0, high=384, prefix="plate.") for name, default in NUMBERS.items()
    }
    plan = Plan(**found)
    plan.check()
    return plan, _dead(campaign, raw.get("dead_variant"))


def _dead(campaign: Campaign, raw: object) -> Variant | None:
    """Return the dead control, which has the campaign's numbering."""
    if raw is None or raw == "":
        return None
    if not isinstance(raw, str):
        raise wrong("plate.dead_variant", raw, "Give a code such as S70A.", code="bad_variant")
    try:
        return read_variant(raw, campaign.parent, numbering=numbering_of_campaign(campaign))
    except InvalidInput as error:
        problem = error.problems[0]
        raise InvalidInput.one(problem.code, problem.message, problem.remedy, path="plate.dead_variant") from error
