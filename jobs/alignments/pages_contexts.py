"""Pages of contexts: what is stored, and the forms that add alignments, searches and plain homologs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from jobs.alignments.bodies import alignment_asked, check_size, parent_of, upload_store
from jobs.alignments.searches import search_cancel, search_settings, search_start
from jobs.alignments.selectors import alignments_of, database_named, search_of, searches_of
from jobs.contexts.api import name_of_file
from jobs.contexts.selectors import context_set_of, context_sets_of, members_of
from jobs.contexts.services import SET_RULES, context_set_create, context_set_delete, file_provenance
from jobs.errors import InvalidInput, NotFound, Problem, ServiceError
from jobs.library.sharing import Right, open_to
from jobs.models import Alignment, HomologSearch, SequenceDatabase
from jobs.models.states import WorkState
from jobs.parsing import read_context
from jobs.parsing.asked import layout_of
from jobs.parsing.context import LAYOUT
from jobs.parsing.upload import context_bytes
from jobs.science.alignments.homologs import SearchSettings
from jobs.web.access import page, user_of
from jobs.web.fragments import fragment
from jobs.web.numbers import typed
from jobs.web.refusals import Refusal

SHOWN = 100
"""Rows of a table. The REST interface and the command list all."""


_PAGE_WORDS = {
    "or have it added (add_parent)": "or tick “If the first row is another sequence, put the parent before it”",
    "or have such rows skipped (skip_empty)": "or tick “Leave out rows without letters”",
    "send plain homologs as a context set": "store plain homologs with the form below",
}
"""Remedies of REST, and what they are on the page."""


@page
@require_http_methods(["GET", "HEAD", "POST"])
def contexts_page(request: HttpRequest) -> HttpResponse:
    """Show the user's sets, alignments and searches, and three forms."""
    owner = user_of(request)
    if request.headers.get("HX-Target") == "searches":
        return fragment(request, "jobs/alignments/_searches.html", {"searches": _searches(request)})
    refusal = None
    if request.method == "POST":
        form = request.POST.get("do", "")
        forms = {"upload": _upload, "search": _search, "homologs": _homologs}
        if form not in forms:
            raise Http404("there is no such form")
        try:
            return forms[form](request)
        except ServiceError as error:
            refusal = Refusal(form, error)
    context = {
        "sets": context_sets_of(owner).order_by("-created_at")[:SHOWN],
        "alignments": alignments_of(owner).order_by("-created_at")[:SHOWN],
        "searches": _searches(request),
        "databases": SequenceDatabase.objects.order_by("name"),
        "defaults": SearchSettings(),
        "refusal": refusal,
        "given": request.POST,
    }
    return render(request, "jobs/contexts/contexts.html", context, status=refusal.error.status_code if refusal else 200)


def _searches(request: HttpRequest) -> list[HomologSearch]:
    return list(searches_of(user_of(request)).order_by("-created_at")[:SHOWN])


def _upload(request: HttpRequest) -> HttpResponse:
    """Store an alignment from the form. Raises ServiceError."""
    file = request.FILES.get("file")
    if file is None:
        what = "no file was chosen"
        raise InvalidInput.one("no_file", what, "Choose an alignment.", path="file")
    check_size(file.size or 0)
    asked = alignment_asked(file.read(), request.POST.dict(), file.name or "")
    try:
        stored = upload_store(user_of(request), asked)
    except InvalidInput as error:
        error.problems = tuple(map(_on_page, error.problems))
        raise
    return redirect("alignment-page", stored.pk)


def _on_page(problem: Problem) -> Problem:
    """Return a problem with the remedy that the page offers."""
    remedy = problem.remedy
    for words, offered in _PAGE_WORDS.items():
        remedy = remedy.replace(words, offered)
    return replace(problem, remedy=remedy)


def _search(request: HttpRequest) -> HttpResponse:
    """Start a search from the form. Raises ServiceError."""
    given = {name: value for name, value in request.POST.dict().items() if value.strip()}
    settings = {name: typed(given[name]) for name in ("iterations", "evalue", "min_coverage") if name in given}
    try:
        database = database_named(given.get("database", ""))
    except NotFound as error:
        raise InvalidInput.one("unknown_database", error.detail, "Choose one.", path="database") from None
    search = search_start(
        owner=user_of(request),
        database=database,
        parent=parent_of(given.get("parent", "")),
        name=given.get("name", "").strip(),
        settings=search_settings(settings | ({"tool": given["tool"]} if "tool" in given else {})),
    )
    return redirect("search-page", search.pk)


def _homologs(request: HttpRequest) -> HttpResponse:
    """Store plain homologs from the form as a set of one context. Raises ServiceError."""
    file, text = request.FILES.get("file"), request.POST.get("sequences", "")
    if file is not None and text.strip():
        what = "there are a file and pasted sequences"
        raise InvalidInput.one("two_contexts", what, "Give one of the two.", path="file")
    data = context_bytes(file) if file is not None else text.encode()
    name = request.POST.get("name", "").strip() or name_of_file(file.name or "" if file is not None else "")
    notes: list[Problem] = []
    filename = file.name or "" if file is not None else ""
    context = read_context(data, SET_RULES, filename=filename, layout=layout_of(request.POST, LAYOUT), notes=notes)
    provenance = file_provenance(notes)
    made = context_set_create(owner=user_of(request), name=name, contexts=[context], provenance=provenance)
    return redirect("context-set-page", made.name)


@page
@require_http_methods(["GET", "HEAD", "POST"])
def context_set_page(request: HttpRequest, name: str) -> HttpResponse:
    """Show one set: its contexts and their origin. A POST deletes it."""
    right = Right.OWN if request.method == "POST" else Right.VIEW
    one = context_set_of(user_of(request), name, right)
    if request.method == "POST":
        context_set_delete(owner=user_of(request), name=one.name)
        messages.add_message(request, messages.SUCCESS, f"The context set {one.name} is deleted.", "notice")
        return redirect("contexts-page")
    origin = one.provenance.get("contexts") or []
    rows = [
        {"facts": facts, "origin": origin[at] if at < len(origin) else None} for at, facts in enumerate(members_of(one))
    ]
    alignment = one.provenance.get("alignment")
    own = one.owner_id == user_of(request).pk
    context: dict[str, Any] = {"set": one, "rows": rows, "origin": alignment, "own": own}
    if alignment is not None:
        found = open_to(Alignment.objects.filter(pk=alignment["id"]), user_of(request))
        context["there"] = found.exists()
    return render(request, "jobs/contexts/context_set.html", context)


@page
@require_http_methods(["GET", "HEAD", "POST"])
def search_page(request: HttpRequest, search_id: UUID) -> HttpResponse:
    """Show one search with its progress. A POST stops it."""
    search = search_of(user_of(request), search_id)
    if request.method == "POST":
        try:
            search_cancel(search)
        except ServiceError as error:
            messages.add_message(request, messages.ERROR, error.detail, "problem")
        return redirect("search-page", search.pk)
    context = {"search": search, "final": search.state not in WorkState.unfinished()}
    if request.headers.get("HX-Target") == "live":
        return fragment(request, "jobs/alignments/_search_live.html", context)
    return render(request, "jobs/alignments/search.html", context)
