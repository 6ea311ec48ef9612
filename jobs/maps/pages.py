"""The page of the maps of an encode job: their builds, one as a picture and as a table, and uploaded columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import numpy as np
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from jobs.background.artefacts import artefact_cancel, artefact_delete
from jobs.contexts.shared import contexts_of_job
from jobs.errors import InvalidInput, Problem, ServiceError
from jobs.limits import MAX_COLUMNS_FILE
from jobs.maps.column_files import matching_sentence
from jobs.maps.columns import column_of, column_values, columns_add, columns_of_job
from jobs.maps.params import check_embeddings
from jobs.maps.reading import MapRow, MapTable
from jobs.maps.serializers import AnalysisBody, ColumnBody
from jobs.maps.services import analyses_of, analysis_of, analysis_request
from jobs.models import Artefact, Job, JobColumn
from jobs.models.states import WorkState
from jobs.parsing.asked import skips_bad
from jobs.parsing.numbers import whole
from jobs.queue import progress
from jobs.science.maps.groups import NO_GROUP
from jobs.web.access import open_job, page, sent_from, user_of
from jobs.web.fragments import fragment
from jobs.web.links import paged, searched
from jobs.web.numbers import FORM_LIMIT, typed
from jobs.web.rest.forms import file_of

LISTED = 20
"""Maps on the page. They are numbered among the maps of their job, since other files share the ids."""
OWN_COLOURS = {"cluster": "Cluster", "residues": "Length"}
METHODS = {
    "umap": "UMAP: keeps neighbours together",
    "pca": "PCA: keeps the largest differences",
}


@page
@require_safe
def map_page(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Show the newest ready map, or `?analysis=N`. htmx gets only the list of maps."""
    job = open_job(request, job_id)
    maps, context = _maps(request, job)
    if request.headers.get("HX-Target") == "builds":
        return fragment(request, "jobs/maps/_map_builds.html", context)
    return _answer(request, job, maps, context)


def _maps(request: HttpRequest, job: Job) -> tuple[list[Artefact], dict[str, Any]]:
    """Return the newest maps, and the context of their list."""
    found = analyses_of(job, user_of(request)).filter(kind="map")
    maps, newest = list(found[:LISTED]), found.count()
    shown = [one | {"number": newest - at} for at, one in enumerate(AnalysisBody(maps, many=True).data)]
    return maps, {"job": job, "maps": shown, "live": _is_moving(maps)}


def _answer(
    request: HttpRequest, job: Job, maps: list[Artefact], context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """Render the whole page. `context` holds the maps, and the problems of a form."""
    context |= {
        "refused": _refusal(job),
        "methods": METHODS,
        "layers": job.params.get("repr_layers", []),
        "done": progress.job_counts(job)["succeeded"],
    }
    chosen = _chosen(request, maps)
    if chosen is not None:
        context |= _picture(request, job, chosen)
    return render(request, "jobs/maps/map.html", context, status=status)


def _is_moving(maps: list[Artefact]) -> bool:
    return any(one.state in WorkState.unfinished() for one in maps)


def _refusal(job: Job) -> Problem | None:
    try:
        check_embeddings(job)
    except InvalidInput as error:
        return error.problems[0]
    return None


def _chosen(request: HttpRequest, maps: list[Artefact]) -> Artefact | None:
    wanted = request.GET.get("analysis", "")
    ready = [one for one in maps if one.state == WorkState.DONE]
    named = [one for one in ready if str(one.pk) == wanted]
    return next(iter(named or ready), None)


def _picture(request: HttpRequest, job: Job, chosen: Artefact) -> dict[str, Any]:
    """Return the context of the chosen map: its colours, and a page of its table."""
    columns = columns_of_job(job)
    colours = dict(OWN_COLOURS) if chosen.params["clusters"] else {"residues": OWN_COLOURS["residues"]}
    colours |= {reverse("job-column", args=[job.pk, one.pk]): one.name for one in columns}
    asked = request.GET.get("colour", "")
    colour = asked if asked in colours else next(iter(colours))
    found: dict[str, Any] = {
        "map": AnalysisBody(chosen).data,
        "shared": contexts_of_job(job, user_of(request)),
        "colours": colours,
        "colour": colour,
        "columns": ColumnBody(columns, many=True).data,
    }
    try:
        table = MapTable(chosen)
    except ServiceError as error:
        return found | {"too_large": error.detail}
    search = searched(request.GET)
    cluster = whole(request.GET.get("cluster"), NO_GROUP, FORM_LIMIT)
    rows, links = paged(request.GET, table.narrowed(cluster=cluster, search=search), anchor="#table")
    shown = [table.row(place) for place in rows]
    column = next((one for one in columns if reverse("job-column", args=[job.pk, one.pk]) == colour), None)
    return found | {
        "rows": list(zip(shown, _values(column, shown), strict=True)),
        "column": colours[colour] if column else "",
        "page": rows,
        "cluster": "" if cluster is None else str(cluster),
        "clusters": _cluster_names(chosen.facts),
        "search": search,
        "links": links,
    }


def _cluster_names(facts: Mapping[str, Any]) -> dict[str, str]:
    sizes = facts.get("cluster_sizes", [])
    names = {str(number): f"cluster {number} ({size:,})" for number, size in enumerate(sizes)}
    return names | ({"-1": f"in no cluster ({facts['without_cluster']:,})"} if facts.get("without_cluster") else {})


def _values(column: JobColumn | None, rows: list[MapRow]) -> list[str]:
    """Return the values of an uploaded column for these rows, as text."""
    if column is None:
        return [""] * len(rows)
    values, is_numeric = column_values(column), column.kind == "numeric"
    found = [values[row.index] if row.index < len(values) else np.nan if is_numeric else -1 for row in rows]
    if is_numeric:
        return ["" if np.isnan(value) else f"{value:.6g}" for value in found]
    return [column.categories[value] if value >= 0 else "" for value in found]


# --- what can be done -----------------------------------------------------------------------------------------------


def _build(request: HttpRequest, job: Job, number: int) -> tuple[str, str]:
    params: dict[str, Any] = {"method": request.POST.get("method"), "clusters": "clusters" in request.POST}
    for name in ("seed", "neighbours", "layer"):
        if text := request.POST.get(name, "").strip():
            params[name] = typed(text)
    artefact = analysis_request(job=job, kind="map", params=params, by=user_of(request))
    if artefact.state == WorkState.DONE:
        return "This map is there already.", f"?analysis={artefact.pk}"
    return "The map is being built; when it is ready, the list below shows it.", ""


def _cancel(request: HttpRequest, job: Job, number: int) -> tuple[str, str]:
    stopped = artefact_cancel(analysis_of(job, user_of(request), number))
    return "The map is no longer built." if stopped else "The map was ready already.", ""


def _delete(request: HttpRequest, job: Job, number: int) -> tuple[str, str]:
    artefact_delete(analysis_of(job, user_of(request), number))
    return "The map is deleted.", ""


def _upload(request: HttpRequest, job: Job, number: int) -> tuple[str, str]:
    content, _ = file_of(request.FILES, MAX_COLUMNS_FILE)
    stored, report = columns_add(
        job=job,
        data=content,
        sheet=request.POST.get("sheet", ""),
        skip_bad=skips_bad(request.POST),
        by=user_of(request),
    )
    address = reverse("job-column", args=[job.pk, stored[0].pk])
    return matching_sentence(report), f"?colour={address}"


def _delete_column(request: HttpRequest, job: Job, number: int) -> tuple[str, str]:
    column_of(job, number).delete()
    return "The column is deleted.", ""


def _wanted(text: str) -> tuple[str, int]:
    """Return the act of a button and the number of its object, which one value holds, such as cancel-12."""
    act, _, number = text.rpartition("-")
    of = whole(number)
    return (text, 0) if of is None else (act, of)


ACTS: Mapping[str, Callable[[HttpRequest, Job, int], tuple[str, str]]] = {
    "build": _build,
    "cancel": _cancel,
    "delete": _delete,
    "upload": _upload,
    "delete-column": _delete_column,
}
"""Acts of the page. Each returns a sentence about what it did, and the query of the page to return to."""


FORMS = ("build", "upload")
"""Acts of forms that keep what was typed, and show their problems beside it."""


@page
@sent_from("map-page", "job_id")
def map_act(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Do one of `ACTS` and redirect to the page, which shows a sentence about it."""
    job = open_job(request, job_id)
    back = reverse("map-page", args=[job.pk])
    act, number = _wanted(request.POST.get("do", ""))
    try:
        said, query = ACTS[act](request, job, number) if act in ACTS else ("", "")
    except ServiceError as error:
        remedy = error.problems[0].remedy if error.problems else ""
        if act in FORMS:
            maps, context = _maps(request, job)
            context |= {"asked": request.POST, "wrong": act, "mistake": error.detail, "remedy": remedy}
            return _answer(request, job, maps, context, status=error.status_code)
        said = f"{error.sentence} {remedy}"
        messages.add_message(request, messages.ERROR, said, "problem")
        return redirect(back)
    if said:
        messages.add_message(request, messages.SUCCESS, said, "notice")
    return redirect(f"{back}{query}")
