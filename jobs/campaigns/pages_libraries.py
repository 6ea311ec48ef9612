"""The page that designs a library. The answer renews while the form is filled in.

The design is in the address: it can be sent to a colleague, and nothing is stored.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from math import prod
from typing import Any
from uuid import UUID, uuid4

from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from jobs.actions.score import METHODS
from jobs.campaigns.forms import library_body as body_of
from jobs.campaigns.forms import listed, site_field
from jobs.campaigns.libraries import (
    BUDGETS,
    MINIMAL,
    MOST_SITES,
    SCHEME_NAMES,
    Library,
    check_size,
    library_asked,
    library_of,
    places_of,
)
from jobs.campaigns.library_bodies import library_figures, mutations_of
from jobs.campaigns.library_scores import MOST_SCORED, members_score, scored_count
from jobs.campaigns.library_tables import KINDS, MEMBERS, library_name, site_bodies, table_blocks
from jobs.campaigns.priors import Prior, prior_at_hand
from jobs.campaigns.selections import LARGEST, MOST
from jobs.campaigns.selectors import campaign_of, numbering_of_campaign
from jobs.errors import InvalidInput, ServiceError
from jobs.files.names import attachment
from jobs.learning.dna import DEFAULT_HOST, hosts
from jobs.learning.libraries import best_positions
from jobs.library.sharing import right_on
from jobs.models import Campaign, PropertyModel
from jobs.models.states import WorkState
from jobs.variants.scan_pages import METHODS as METHOD_WORDS
from jobs.web.access import needed, page, user_of
from jobs.web.links import changed
from jobs.web.refusals import Refusal

LIVE = "design"
"""The id of the part that renews."""
SHOWN_POSITIONS, SHOWN_MODELS = 12, 3
SCHEME_WORDS = {
    "NNK": "NNK: all twenty",
    "22c": "22c: all, no stop",
    "NDT": "NDT: twelve, no stop",
    MINIMAL: "Minimal: wanted only",
}
FILES = {
    "sites.csv": "Sites as CSV",
    "order.xlsx": "Sites and synthesis order as XLSX",
    "order.csv": "Synthesis order as CSV",
    "members.csv": "Members as CSV",
    "members.xlsx": "Members as XLSX",
    "members.fasta": "Members as FASTA",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A site in the form: its label, its own wanted residues and scheme as text, and what it has in the design."""

    label: str
    wild: str
    wanted: str
    scheme: str
    design: dict[str, Any] | None


@page
@require_http_methods(["GET", "HEAD", "POST"])
def library_page(request: HttpRequest, campaign_id: UUID) -> HttpResponseBase:
    """Show the form with the design in the address, or a file of it. A POST scores the members in a job."""
    user, query = user_of(request), request.GET
    campaign = campaign_of(user, campaign_id, needed(request))
    prior = prior_at_hand(campaign, by=user)
    if request.method == "POST":
        try:
            library = library_of(campaign, body_of(query, _labels(campaign, query)), prior.tables.prior)
            key = request.POST.get("key", "") or uuid4().hex
            method = query.get("method", "")
            made = members_score(campaign=campaign, library=library, method=method, key=key, by=user)
        except ServiceError as error:
            return _answer(request, campaign, prior, Refusal("job", error), status=error.status_code)
        return redirect("job-page", made.pk)
    if name := query.get("file", ""):
        try:
            return _file(campaign, query, prior, name)
        except ServiceError as error:
            return _answer(request, campaign, prior, Refusal("file", error), status=error.status_code)
    if request.headers.get("HX-Target") == LIVE:
        return render(request, "jobs/campaigns/_library.html", _context(request, campaign, prior))
    return _answer(request, campaign, prior)


def _answer(
    request: HttpRequest, campaign: Campaign, prior: Prior, failed: Refusal | None = None, *, status: int = 200
) -> HttpResponse:
    query = request.GET
    context = {
        **_context(request, campaign, prior),
        "failed": failed,
        "asked": {name: query.get(name, "") for name in ("sites", "wanted", "best", "budget", "budget_of", "host")},
        "scheme": query.get("scheme") or SCHEME_NAMES[0],
        "budgets": BUDGETS,
        "hosts": hosts(),
        "own_host": campaign.host,
        "default_host": DEFAULT_HOST,
        "most_sites": MOST_SITES,
        "key": uuid4().hex,
    }
    return render(request, "jobs/campaigns/library.html", context, status=status)


def _context(request: HttpRequest, campaign: Campaign, prior: Prior) -> dict[str, Any]:
    """Return what the part that renews shows: the design, or why it is refused."""
    query, user = request.GET.copy(), user_of(request)
    query.pop("file", None)
    labels: list[tuple[str, int]] = []
    library, refusal = None, None
    if query.get("sites", "").strip():
        try:
            labels = places_of(campaign, listed(query.get("sites", "")))
            library = library_asked(campaign, body_of(query, [label for label, _ in labels]), prior.tables.prior)
            check_size(library)
        except ServiceError as error:
            refusal = Refusal("library", error)
            labels = labels or _readable(campaign, listed(query.get("sites", "")))
    designs = {one["site"]: one for one in site_bodies(library)} if library else {}
    context = {
        "campaign": campaign,
        "right": right_on(campaign, user).name,
        "schemes": SCHEME_WORDS.items(),
        "rows": [_row(campaign, query, label, position, designs) for label, position in labels],
        "refusal": refusal,
        "fits": _fitting(library, query) if refusal and library else None,
        "positions": _positions(campaign, query, labels, prior),
        "prior": prior,
        "here": changed(query),
        "base": reverse("campaign-page", args=[campaign.pk]),
    }
    if library is None:
        return context
    figures = library_figures(library, prior)
    sizes = [one.scheme.size for one in library.sites]
    context |= {"figures": figures | {"stops": 1 - figures["without_stop"]}, "sizes": sizes}
    return context | (_sent_on(campaign, library, query) if refusal is None else {})


def _readable(campaign: Campaign, sites: list[str]) -> list[tuple[str, int]]:
    """Return those that can be read one by one. What is typed for them must not be lost while another is typed."""
    found: dict[str, int] = {}
    for site in sites[:MOST_SITES]:
        with suppress(ServiceError):
            found |= dict(places_of(campaign, [site]))
    return list(found.items())


def _labels(campaign: Campaign, query: QueryDict) -> list[str]:
    return [label for label, _ in places_of(campaign, listed(query.get("sites", "")))]


def _row(campaign: Campaign, query: QueryDict, label: str, position: int, designs: dict[str, dict[str, Any]]) -> Row:
    wanted, scheme = query.get(site_field("wanted", label), ""), query.get(site_field("scheme", label), "")
    return Row(label, campaign.parent[position - 1], wanted, scheme, designs.get(label))


def _fitting(library: Library, query: QueryDict) -> tuple[str, str] | None:
    """Return the largest design that fits the budget, in words, and the address that has it filled in."""
    if library.budget is None or library.needed <= library.budget or not library.largest:
        return None
    found = {one.label: one.choice for one in library.largest}
    own = {site_field("scheme", label): scheme for label, scheme in found.items()}
    words = ", ".join(f"{label} with {SCHEME_WORDS[scheme].partition(':')[0]}" for label, scheme in found.items())
    return words, changed(query, sites=", ".join(found), **own)


def _positions(
    campaign: Campaign, query: QueryDict, labels: list[tuple[str, int]], prior: Prior
) -> list[tuple[str, str, float, str]]:
    """Return the best positions by the prior: label, substitution, its score, and the address that adds the site."""
    if len(labels) >= MOST_SITES:
        return []
    numbering, chosen = numbering_of_campaign(campaign), [label for label, _ in labels]
    out = [*campaign.excluded, *(position for _, position in labels)]
    found = []
    for position, new, score in best_positions(prior.tables.prior, campaign.parent, out, SHOWN_POSITIONS):
        label = str(numbering.label(position))
        address = changed(query, sites=", ".join([*chosen, label]))
        found.append((label, f"{campaign.parent[position - 1]}{label}{new}", score, address))
    return found


def _sent_on(campaign: Campaign, library: Library, query: QueryDict) -> dict[str, Any]:
    """Return files, and what the members are sent on to: a job that scores them, and models that predict them."""
    ready = PropertyModel.objects.filter(campaign=campaign, state=WorkState.DONE).select_related("property")
    members, mutations = library.members, mutations_of(library)
    added = [one.label for one, of in zip(library.sites, members.sites, strict=True) if of.wild not in of.codons]
    sizes = [len(of.codons) + (of.wild not in of.codons) for of in members.sites]
    combinations = prod(sizes) - 1
    listable = members.count <= LARGEST
    files = [(words, changed(query, file=name)) for name, words in FILES.items()]
    return {
        "files": [one for one in files if listable or MEMBERS not in one[1]],
        "most_listed": None if listable else LARGEST,
        "scored": scored_count(library),
        "most_scored": MOST_SCORED,
        "methods": [(one, METHOD_WORDS[one]) for one in METHODS],
        "method": query.get("method") or METHODS[0],
        "models": ready.defer("tables", "fits", "training").order_by("-number")[:SHOWN_MODELS],
        "combinations": combinations,
        "too_many": not 1 <= combinations <= LARGEST,
        "as_file": combinations > MOST,
        "mutations": " ".join(mutations),
        "added": added,
    }


def _file(campaign: Campaign, query: QueryDict, prior: Prior, name: str) -> StreamingHttpResponse:
    """Return a file of the design. Raises InvalidInput, TooLarge."""
    if name not in FILES:
        raise InvalidInput.one("bad_format", f"file is {name[:40]!r}", f"Choose {', '.join(FILES)}.", path="file")
    table, _, format = name.partition(".")
    library = library_of(campaign, body_of(query, _labels(campaign, query)), prior.tables.prior)
    facts = library_figures(library, prior)
    blocks = table_blocks(campaign, library, table, format, prior=prior.tables, facts=facts)
    kind = KINDS[format] if format == "xlsx" else f"{KINDS[format]}; charset=utf-8"
    headers = {"Content-Disposition": attachment(library_name(campaign, table, format))}
    return StreamingHttpResponse(blocks, content_type=kind, headers=headers)
