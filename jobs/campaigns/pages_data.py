"""The page of a campaign's data: by position and residue, plates as plates, and wells by variant."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from jobs.campaigns.datasheet import RESIDUES, Datasheet, PlateName
from jobs.campaigns.selectors import campaign_of
from jobs.library.sharing import right_on
from jobs.models import Campaign, Property
from jobs.web.access import page, user_of
from jobs.web.links import changed, paged


@page
@require_safe
def data_page(request: HttpRequest, campaign_id: UUID) -> HttpResponse:
    """Show the measurements of one property. The address names it, and the plate."""
    campaign = campaign_of(user_of(request), campaign_id)
    context = {
        "right": right_on(campaign, user_of(request)).name,
        "base": reverse("campaign-page", args=[campaign.pk]),
        **data_context(request.GET, campaign),
    }
    return render(request, "jobs/campaigns/data.html", context)


def data_context(query: QueryDict, campaign: Campaign) -> dict[str, Any]:
    """Return what the page shows of a campaign's measurements, to members and by a public link."""
    properties = list(Property.objects.filter(campaign=campaign).select_related("campaign").order_by("id"))
    asked = query.get("property", "")
    found = next((one for one in properties if one.name == asked), properties[0] if properties else None)
    context: dict[str, Any] = {"campaign": campaign, "properties": properties, "property": found}
    if found is not None:
        sheet = Datasheet(found)
        plate = _plate(sheet, query.get("plate", ""))
        matrix, matrix_links = paged(query, sheet.positions, name="positions", anchor="#matrix")
        variants, variant_links = paged(query, sheet.variants, name="variants", anchor="#variants")
        grid = sheet.plate(plate.key) if plate else []
        context |= {
            "sheet": sheet,
            "letters": RESIDUES,
            "matrix": sheet.matrix(list(matrix)),
            "matrix_page": matrix,
            "matrix_links": matrix_links,
            "plate": plate,
            "plates": [(one, changed(query, plate=one.key) + "#plates") for one in sheet.plates],
            "grid": grid,
            "columns": range(1, len(grid[0].cells) + 1) if grid else [],
            "variants": variants,
            "variant_links": variant_links,
            "wells": len(sheet.rows),
            "failed": sum(one.failed for one in sheet.rows),
            "censored": sum(bool(one.censored) for one in sheet.rows),
            "outliers": sum(sheet.marked),
        }
    return context


def _plate(sheet: Datasheet, key: str) -> PlateName | None:
    """Return the plate with this key, or the first one."""
    return next((one for one in sheet.plates if one.key == key), sheet.plates[0] if sheet.plates else None)
