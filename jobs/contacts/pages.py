"""A contact map as a picture and a table on the page of its item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from django.http import HttpRequest

from jobs.contacts.serializers import StructureBody
from jobs.contacts.services import judged, structures_of
from jobs.models import Item, Job
from jobs.parsing.numbers import whole
from jobs.results.page import ResultPage
from jobs.science.contacts.precision import CONTACT_DISTANCE, MIN_SEPARATION
from jobs.science.contacts.tables import SHORTEST, ContactTable
from jobs.web.links import paged

SEPARATIONS = {SHORTEST: "6 or more", 12: "12 or more", MIN_SEPARATION: "24 or more (long-range)"}
"""Labels of the least separations along the chain by which pairs are filtered."""


def contacts_context(request: HttpRequest, job: Job, item: Item, result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the template's context for the separation, structure and page that the address asks for."""
    query = request.GET
    asked = whole(query.get("separation"))
    separation = asked if asked in SEPARATIONS else SHORTEST
    structures = [judged(one) for one in structures_of(job, item.index)]
    newest = structures[0].structure.pk if structures else None
    wanted = whole(query.get("structure"))
    wanted = newest if wanted is None else wanted
    shown = next((one for one in structures if one.structure.pk == wanted), None)
    scores = np.asarray(result["contacts"], dtype=np.float64)
    table = ContactTable(item.sequence, scores, shown.distances if shown else None)
    ranked = table.ranked(separation=separation)
    marked = table.marked(ranked)
    page, links = paged(query, ranked.tolist())
    return {
        "separation": separation,
        "separations": SEPARATIONS,
        "pairs": list(table.pairs(np.array(list(page), dtype=np.intp).reshape(-1, 2), marked)),
        "marked": len(marked),
        "pairs_page": page,
        "links": links,
        "structure": StructureBody(shown).data if shown else None,
        "structures": StructureBody(structures, many=True).data,
        "distance": CONTACT_DISTANCE,
        "long_range": MIN_SEPARATION,
        "length": len(item.sequence),
        "contexts": len(job.params.get("contexts") or ()),
    }


RESULT_PAGE = ResultPage(
    "contacts",
    "jobs/contacts/_result_contacts.html",
    contacts_context,
    script="src/contacts.ts",
    form="jobs/contacts/_structure_form.html",
    picture="contact map",
)
