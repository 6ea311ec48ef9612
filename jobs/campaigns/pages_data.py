"""The page of a campaign's data: by position and residue, plates as plates, and wells by variant."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from jobs.campaigns.datasheet import RESIDUES, Datasheet, PlateName
from jobs.campaigns.selectors import campaign_of
from jobs.library.sharing import right_on
from jobs.models import Property
from jobs.web.access import page, user_of
from jobs.web.links import changed, paged


@page
@require_safe
def data_page(request: HttpRequest, campaign_id: UUID) -> HttpResponse:
    """Show the measurements of one property. The address names it, and the plate."""
    campaign = campaign_of(user_of(request), campaign_id)
    properties = list(Property.objects.filter(campaign=campaign).select_related("campaign").order_by("id"))
    asked = request.GET.get("property", "")
    found = next((one for one in properties if one.name == asked), properties[0] if properties else None)
    context = {
        "campaign": campaign,
        "right": right_on(campaign, user_of(request)).name,
        "properties": properties,
        "property": found,
    }
    if found is not None:
        sheet = Datasheet(found)
        plate = _plate(sheet, request.GET.get("plate", ""))
        matrix, matrix_links = paged(request.GET, sheet.positions, name="positions", anchor="#matrix")
        variants, variant_links = paged(request.GET, sheet.variants, name="variants", anchor="#variants")
        grid = sheet.plate(plate.key) if plate else []
        context |= {
            "sheet": sheet,
            "letters": RESIDUES,
            "matrix": sheet.matrix(list(matrix)),
            "matrix_page": matrix,
            "matrix_links": matrix_links,
            "plate": plate,
            "plates": [(one, changed(request.GET, plate=one.key) + "#plates") for one in sheet.plates],
            "grid": grid,
            "columns": range(1, len(grid[0].cells) + 1) if grid else [],
            "variants": variants,
            "variant_links": variant_links,
            "wells": len(sheet.rows),
            "failed": sum(one.failed for one in sheet.rows),
            "censored": sum(bool(one.censored) for one in sheet.rows),
            "outliers": sum(sheet.marked),
        }
    return render(request, "jobs/campaigns/data.html", context)


def _plate(sheet: Datasheet, key: str) -> PlateName | None:
    """Return the plate with this key, or the first one."""
    return next((one for one in sheet.plates if one.key == key), sheet.plates[0] if sheet.plates else None)
