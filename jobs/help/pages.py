"""The pages of `/help/`: the index with the search, a document, and the pictures of documents."""

from __future__ import annotations

from functools import cache

from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from jobs.help.rendering import headings, html_of, parsed
from jobs.help.searching import LONGEST, search
from jobs.help.sources import INDEX, documents, picture


@require_safe
def help_index(request: HttpRequest) -> HttpResponse:
    """Show the groups of documents, or what a search found."""
    asked = request.GET.get("q", "").strip()[:LONGEST]
    context = {"asked": asked, "hits": search(asked), "document": documents()[INDEX], "html": page_html(INDEX)}
    return render(request, "jobs/help/index.html", context)


@require_safe
def help_page(request: HttpRequest, name: str) -> HttpResponse:
    """Show a document."""
    document = documents().get(name)
    if document is None or name == INDEX:
        raise Http404
    sections = [one for one in headings(parsed(document.text)) if one.level == 2]
    context = {"document": document, "html": page_html(name), "sections": sections}
    return render(request, "jobs/help/page.html", context)


@require_safe
def help_picture(request: HttpRequest, name: str) -> FileResponse:
    """Send a picture of a document."""
    path = picture(name)
    if path is None:
        raise Http404
    response = FileResponse(path.open("rb"), content_type="image/png")
    response["Cache-Control"] = "public, max-age=3600"
    return response


@cache
def page_html(name: str) -> str:
    """Return a document as HTML, which is made once."""
    return html_of(name, documents()[name].text, address_of)


def address_of(path: str) -> str | None:
    """Return the address of a file of the documents, None if the service does not show it."""
    if path.startswith("images/") and picture(path.removeprefix("images/")):
        return reverse("help-picture", args=[path.removeprefix("images/")])
    name = path.removesuffix(".md")
    if name == path or name not in documents():
        return None
    return reverse("help") if name == INDEX else reverse("help-page", args=[name])
