"""Writes of campaigns and their properties."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from e1protocol import CANONICAL
from jobs.actions.numbered import checked_numbering
from jobs.alignments.selectors import alignment_of
from jobs.campaigns.asked import choice, flag, number, text, wrong
from jobs.contexts.selectors import context_set_of
from jobs.errors import Conflict, InvalidInput, Problem
from jobs.intake.requests import enabled_model
from jobs.learning.dna import checked_cds, favourites
from jobs.learning.normalising import METHODS
from jobs.library.moving import thing_move
from jobs.library.sharing import project_chosen
from jobs.limits import MAX_RESIDUES
from jobs.models import Alignment, Campaign, Project, Property
from jobs.parsing.bodies import only_fields
from jobs.parsing.letters import check_letters
from jobs.parsing.records import Place
from jobs.quotas.admission import quota_admit_bytes
from jobs.science.variants.numbering import Numbering
from jobs.science.variants.numbering_forms import json_of, numbering_of

FIELDS = ("name", "parent", "model", "context_set", "alignment", "numbering", "cds", "host", "exclude")
"""Fields of a campaign itself. A request may also name its `project`, which is not part of an export."""
PROPERTY_FIELDS = ("name", "unit", "higher_is_better", "log", "limits", "threshold", "normalisation")
MOST_PROPERTIES = 50
MOST_RANGES = 200
_RANGE = re.compile(r"\s*(-?[0-9]{1,7})(?:\s*-\s*(-?[0-9]{1,7}))?\s*")


def campaign_create(*, owner: User, data: Mapping[str, Any]) -> Campaign:
    """Create a campaign from a body. Raises InvalidInput, NotFound, Forbidden, TooLarge."""
    only_fields(data, (*FIELDS, "project"))
    name = text(data, "name", most=200, needed=True)
    parent = _parent(data)
    model = enabled_model(text(data, "model", most=40, needed=True)).slug
    numbering = _numbering(data.get("numbering"), parent)
    context_set = text(data, "context_set", most=200)
    if context_set:
        context_set_of(owner, context_set)
    host = text(data, "host", most=40)
    if host:
        favourites(host)
    cds = data.get("cds")
    if cds is not None and not isinstance(cds, str):
        raise wrong("cds", cds, "Give a text.")
    ranges, excluded = excluded_of(data.get("exclude"), numbering, len(parent))
    made = Campaign(
        owner=owner,
        project=project_chosen(owner, data.get("project")),
        name=name,
        parent=parent,
        model=model,
        context_set=context_set,
        alignment=_alignment(owner, data.get("alignment"), parent),
        numbering=json_of(numbering),
        cds=checked_cds(cds, parent) if cds else "",
        host=host,
        exclude=ranges,
        excluded=excluded,
    )
    with transaction.atomic():
        quota_admit_bytes(user_id=owner.pk, size=len(made.parent) + len(made.cds))
        made.save(force_insert=True)
    made.refresh_from_db()
    return made


def _parent(data: Mapping[str, Any]) -> str:
    parent = data.get("parent")
    if not isinstance(parent, str) or not parent.strip():
        raise InvalidInput.one("missing_field", "the field parent is missing", "Give its residues.", path="parent")
    parent = "".join(parent.split()).upper()
    if len(parent) > MAX_RESIDUES:
        what = f"the parent has {len(parent):,} residues, and the limit is {MAX_RESIDUES:,}"
        raise InvalidInput.one("sequence_too_long", what, "Cut it into domains.", path="parent")
    if problems := list(check_letters(parent, CANONICAL, Place(path="parent"))):
        raise InvalidInput.of(*problems)
    return parent


def _numbering(raw: object, parent: str) -> Numbering:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return numbering_of(checked_numbering({"offset": raw}, len(parent), prefix=""))
    return numbering_of(checked_numbering({"numbering": raw}, len(parent), prefix=""))


def _alignment(owner: User, raw: object, parent: str) -> Alignment | None:
    if raw is None or raw == "":
        return None
    try:
        wanted = UUID(str(raw))
    except ValueError:
        raise wrong("alignment", raw, "Give the id of one of your alignments.", code="bad_value") from None
    found = alignment_of(owner, wanted)
    if found.parent != parent:
        what = "the first row of the alignment is not the parent of this campaign"
        remedy = "Choose an alignment of this parent, or upload it with `add_parent`."
        raise InvalidInput.one("wrong_parent", what, remedy, path="alignment")
    return found


def excluded_of(raw: object, numbering: Numbering, length: int) -> tuple[list[str], list[int]]:
    """Return ranges such as "1-25", in the user's numbering, and the positions that they are. Raises InvalidInput."""
    if raw is None:
        return [], []
    if not isinstance(raw, list) or len(raw) > MOST_RANGES:
        raise wrong("exclude", raw, 'Give a list such as ["1-25", "70"].', code="bad_exclude")
    found: set[int] = set()
    for at, one in enumerate(raw):
        match = _RANGE.fullmatch(one) if isinstance(one, str) else None
        if match is None:
            raise wrong(f"exclude.{at}", one, "Give a number or a range, such as 70 or 1-25.", code="bad_exclude")
        low, high = int(match[1]), int(match[2] or match[1])
        here = [place for place in range(1, length + 1) if low <= numbering.label(place).number <= high]
        if not here:
            raise wrong(
                f"exclude.{at}", one, "Give numbers of residues, in the campaign's numbering.", code="bad_exclude"
            )
        found.update(here)
    return list(raw), sorted(found)


def campaign_move(*, campaign: Campaign, asked: object, by: User) -> Project | None:
    """Put a campaign into the project with this id, or out of its project for None. Returns the project.

    The caller has checked that `by` may edit the campaign. Raises what `project_chosen` and `thing_move` raise.
    """
    project = project_chosen(by, asked)
    thing_move(campaign, project, by=by)
    return project


def campaign_delete(*, campaign: Campaign) -> None:
    """Delete a campaign with its properties, measurements, models and rounds. Alignment and jobs stay."""
    with transaction.atomic():
        campaign.delete()


def property_create(*, campaign: Campaign, data: Mapping[str, Any]) -> Property:
    """Add a property. Raises InvalidInput, and Conflict `property_exists`."""
    only_fields(data, PROPERTY_FIELDS)
    limits = data.get("limits")
    if limits is not None and (not isinstance(limits, list) or len(limits) != 2):
        raise wrong("limits", limits, "Give the lowest and the highest value, each a number or null.", code="bad_value")
    low, high = (number(one, f"limits.{at}") for at, one in enumerate(limits or [None, None]))
    if low is not None and high is not None and low >= high:
        raise wrong("limits", limits, "Give the lower limit first.", code="bad_value")
    made = Property(
        campaign=campaign,
        name=text(data, "name", most=100, needed=True),
        unit=text(data, "unit", most=40),
        higher_is_better=flag(data, "higher_is_better"),
        log=flag(data, "log", False),
        limit_low=low,
        limit_high=high,
        threshold=number(data.get("threshold"), "threshold"),
        normalisation=choice(data, "normalisation", METHODS, "none"),
    )
    if made.log and made.normalisation == "wild_type_difference":
        what = "the logarithm of a difference to the wild type"
        remedy = "Choose wild_type_ratio for a property with log, or leave log out."
        raise InvalidInput.of(Problem("bad_value", what, remedy, path="normalisation"))
    if Property.objects.filter(campaign=campaign).count() >= MOST_PROPERTIES:
        raise Conflict(f"a campaign has at most {MOST_PROPERTIES} properties", code="too_many_properties")
    try:
        with transaction.atomic():
            made.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict(f"the campaign has a property {made.name!r} already", code="property_exists") from error
    made.refresh_from_db()
    return made
