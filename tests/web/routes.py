"""Every address of the service, from the URL resolver, and who may use it. `test_routes` walks them.

The tests fail until a new route is in `CLASSES`. All pages of the admin are for staff.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from django.http import QueryDict
from django.urls import URLPattern, URLResolver, get_resolver

PUBLIC = "public"
"""For everybody: only that the service runs, its health, and its interface."""
API = "api"
"""REST for users with a token or a session; shows and changes only their own objects."""
API_OBJECT = "api object"
"""REST about one object: 404 for everybody but its owner."""
PAGE = "page"
"""For logged-in users; shows only their own objects."""
PAGE_OBJECT = "page about an object"
"""The page of one object: 404 for everybody but its owner."""
PAGE_FORM = "form about an object"
"""For everybody but the owner, returns to a page with a message that there is no such object."""
BOARD = "administrators"
"""A page that only administrators have: 404 for other users."""
JOIN = "joins by a link"
"""For logged-in users; 404 for a wrong link, which is all that the walks have."""
LINK = "by a public link"
"""For everybody with the right token; 404 for a wrong one, which is all that the walks have."""
API_ADMIN = "api for administrators"
PAGE_ADMIN = "page for administrators"
"""404 for everybody but superusers."""
STAFF = "staff"
"""The admin, which redirects others to its login."""

CLASSES = {
    "livez": PUBLIC,
    "readyz": PUBLIC,
    "metrics": PUBLIC,
    "favicon": PUBLIC,
    "openapi": PUBLIC,
    "openapi-docs": PUBLIC,
    "help": PUBLIC,
    "help-page": PUBLIC,
    "help-picture": PUBLIC,
    "login": PUBLIC,
    "logout": PUBLIC,
    "job-list": API,
    "estimate": API,
    "proteins": API,
    "usage": API,
    "usage-accounts": API,
    "usage-page": PAGE,
    "usage-table": PAGE,
    "request-schema": API,
    "synchronous": API,
    "job-detail": API_OBJECT,
    "job-events": API_OBJECT,
    "job-items": API_OBJECT,
    "job-item": API_OBJECT,
    "job-results": API_OBJECT,
    "job-artefact": API_OBJECT,
    "job-manifest": API_OBJECT,
    "job-ledger": API_OBJECT,
    "job-bad-records": API_OBJECT,
    "job-analyses": API_OBJECT,
    "job-analysis": API_OBJECT,
    "job-analysis-cancel": API_OBJECT,
    "job-neighbours": API_OBJECT,
    "job-columns": API_OBJECT,
    "job-column": API_OBJECT,
    "job-assays": API_OBJECT,
    "job-comparison": API_OBJECT,
    "job-baselines": API_OBJECT,
    "job-assay-metrics": API_OBJECT,
    "job-assay": API_OBJECT,
    "job-structures": API_OBJECT,
    "job-annotations": API_OBJECT,
    "job-annotation": API_OBJECT,
    "job-structure": API_OBJECT,
    "job-structure-file": API_OBJECT,
    "job-structure-model": API_OBJECT,
    "job-cancel": API_OBJECT,
    "job-pause": API_OBJECT,
    "job-release": API_OBJECT,
    "job-resume": API_OBJECT,
    "job-retry": API_OBJECT,
    "job-extend": API_OBJECT,
    "job-keep": API_OBJECT,
    "database-list": API,
    "search-list": API,
    "search-detail": API_OBJECT,
    "search-cancel": API_OBJECT,
    "context-list": API,
    "context-detail": API_OBJECT,
    "campaign-list": API,
    "campaign-import": API,
    "campaign-detail": API_OBJECT,
    "campaign-export": API_OBJECT,
    "campaign-libraries": API_OBJECT,
    "campaign-properties": API_OBJECT,
    "campaign-measurements": API_OBJECT,
    "campaign-models": API_OBJECT,
    "campaign-model": API_OBJECT,
    "campaign-predictions": API_OBJECT,
    "campaign-prediction": API_OBJECT,
    "campaign-prediction-file": API_OBJECT,
    "campaign-prediction-cancel": API_OBJECT,
    "campaign-comparison": API_OBJECT,
    "campaign-proposals": API_OBJECT,
    "campaign-rounds": API_OBJECT,
    "campaign-round": API_OBJECT,
    "campaign-ordered": API_OBJECT,
    "campaign-measured": API_OBJECT,
    "campaigns-page": PAGE,
    "campaign-new-page": PAGE,
    "campaign-page": PAGE_OBJECT,
    "campaign-data-page": PAGE_OBJECT,
    "campaign-model-page": PAGE_OBJECT,
    "campaign-comparison-page": PAGE_OBJECT,
    "campaign-library-page": PAGE_OBJECT,
    "campaign-proposal-page": PAGE_OBJECT,
    "campaign-round-page": PAGE_OBJECT,
    "alignment-list": API,
    "alignment-detail": API_OBJECT,
    "alignment-sample": API_OBJECT,
    "job-public-link": API_OBJECT,
    "public-link-page": PAGE_OBJECT,
    "project-public-link": API_OBJECT,
    "campaign-public-link": API_OBJECT,
    "project-public-link-page": PAGE_OBJECT,
    "campaign-public-link-page": PAGE_OBJECT,
    "public-page": LINK,
    "public-download": LINK,
    "public-job": LINK,
    "public-job-download": LINK,
    "public-alignment": LINK,
    "public-assay": LINK,
    "public-structure": LINK,
    "public-campaign": LINK,
    "public-data": LINK,
    "public-measurements": LINK,
    "public-model": LINK,
    "public-round": LINK,
    "project-list": API,
    "project-join": JOIN,
    "project-join-page": JOIN,
    "project-detail": API_OBJECT,
    "project-restore": API_OBJECT,
    "project-add": API_OBJECT,
    "project-remove": API_OBJECT,
    "project-members": API_OBJECT,
    "project-member": API_OBJECT,
    "project-link": API_OBJECT,
    "project-hand-over": API_ADMIN,
    "hand-over-page": PAGE_ADMIN,
    "projects-page": PAGE,
    "proteins-page": PAGE,
    "project-page": PAGE_OBJECT,
    "project-act": PAGE_OBJECT,
    "project-share": PAGE_OBJECT,
    "job-bulk": PAGE,
    "webhook-list": API,
    "webhook-detail": API_OBJECT,
    "webhook-deliveries": API_OBJECT,
    "webhooks-page": PAGE,
    "webhook-act": PAGE_OBJECT,
    "job-list-page": PAGE,
    "job-new-page": PAGE,
    "job-new-cost": PAGE,
    "contexts-page": PAGE,
    "context-set-page": PAGE_OBJECT,
    "alignment-page": PAGE_OBJECT,
    "alignment-summary": PAGE_OBJECT,
    "alignment-a3m": PAGE_OBJECT,
    "alignment-fasta": PAGE_OBJECT,
    "search-page": PAGE_OBJECT,
    "service-page": PAGE,
    "operations-page": BOARD,
    "notices-page": PAGE,
    "notices-news": PAGE,
    "operations-act": BOARD,
    "quota-page": PAGE,
    "tokens-page": PAGE,
    "password_change": PAGE,
    "job-page": PAGE_OBJECT,
    "job-act": PAGE_OBJECT,
    "item-list-page": PAGE_OBJECT,
    "item-page": PAGE_OBJECT,
    "item-table": PAGE_OBJECT,
    "item-workbook": PAGE_OBJECT,
    "variants-page": PAGE_OBJECT,
    "variants-table": PAGE_OBJECT,
    "variants-workbook": PAGE_OBJECT,
    "likelihoods-page": PAGE_OBJECT,
    "likelihoods-table": PAGE_OBJECT,
    "likelihoods-book": PAGE_OBJECT,
    "assay-list-page": PAGE_OBJECT,
    "assay-page": PAGE_OBJECT,
    "structure-upload": PAGE_OBJECT,
    "annotation-upload": PAGE_OBJECT,
    "basket-page": PAGE_OBJECT,
    "basket-csv": PAGE_OBJECT,
    "basket-fasta": PAGE_OBJECT,
    "comparison-page": PAGE_OBJECT,
    "scan-substitutions": PAGE_OBJECT,
    "scan-workbook": PAGE_OBJECT,
    "comparison-csv": PAGE_OBJECT,
    "attachment-remove": PAGE_OBJECT,
    "map-page": PAGE_OBJECT,
    "map-act": PAGE_OBJECT,
    "picks-act": PAGE_OBJECT,
    "neighbours-page": PAGE_OBJECT,
    "token-revoke": PAGE_FORM,
}

QUERIES = {
    "job-results": ["format=jsonl", "format=csv", "format=xlsx", "format=npz", "format=parquet", "format=h5"],
    "job-items": ["state=pending", "page_size=1"],
    "item-list-page": ["state=pending", "search=a"],
    "job-list-page": ["search=secret", "state=unfinished", "select=yes", "tag=top-secret-library"],
    "job-list": ["state=queued", "page_size=1", "tag=top-secret-library"],
    "project-list": ["state=all", "state=deleted"],
    "campaign-round": ["format=csv", "format=xlsx"],
    "campaign-prediction-file": ["format=parquet"],
    "campaign-comparison": ["models=1", "format=csv&table=variants"],
    "campaign-comparison-page": ["models=1"],
    "campaign-data-page": ["property=unpublished-enzyme&plate=0/1"],
    "usage-accounts": ["since=2026-01", "until=2026-12", "own=true", "format=csv"],
    "usage-page": ["since=2026-01&until=2026-12", "who=everyone"],
    "usage-table": ["bom=true"],
    "context-detail": ["sequences=true"],
    "variants-page": ["search=a", "mutations=1"],
    "variants-table": ["sort=worst"],
    "likelihoods-page": ["search=a", "sort=total"],
    "basket-csv": ["most=2"],
    "basket-fasta": ["most=2"],
}
"""Further addresses of the same routes."""

OBJECT_QUERIES = {
    "job-new-page": ["from={job_id}", "ranked={scored_job}", "basket={job_id}"],
    "proteins-page": ["job={job_id}"],
    "campaign-new-page": ["from={job_id}", "from={scored_job}"],
}
"""Addresses that name an object in their query: 404 for everybody but its owner."""

BODIES: Mapping[str, dict[str, Any]] = {
    "job-detail": {"name": "taken"},
    "synchronous": {"items": [{"sequence": "MKT"}]},
    "alignment-sample": {"samplings": [{}], "preview": True},
    "job-analyses": {"kind": "map"},
    "job-neighbours": {"index": 0},
    "job-extend": {"items": [{"sequence": "MKT"}]},
}
"""Bodies for calls that refuse an empty body before they look for the object."""


@dataclass(frozen=True, slots=True)
class Route:
    """A route, with its parameters as `{name}` in `path`. `cls` is the class of a DRF view, None for a page."""

    name: str
    path: str
    callback: Callable[..., Any]

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.path)

    @property
    def cls(self) -> Any:
        return getattr(self.callback, "cls", None)

    @property
    def kind(self) -> str:
        """The class of the route, empty if it has none yet, which fails a test."""
        if self.name in ("admin:login", "admin:logout"):
            return PUBLIC
        return STAFF if self.path.startswith("/admin/") else CLASSES.get(self.name, "")

    @property
    def methods(self) -> list[str]:
        """The methods of a DRF view, or all methods for a page. DELETE is last."""
        every = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]
        if self.cls is None:
            return every
        return [method for method in every if hasattr(self.cls, method.lower()) or method in ("HEAD", "OPTIONS")]


def routes() -> list[Route]:
    return list(_walk(get_resolver().url_patterns, "/", ""))


def _walk(patterns: list[Any], prefix: str, namespace: str) -> Iterator[Route]:
    for pattern in patterns:
        path = prefix + _readable(pattern)
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from _walk(pattern.url_patterns, path, inner)
        else:
            assert isinstance(pattern, URLPattern)
            yield Route(f"{namespace}{pattern.name or path}", path, pattern.callback)


def _readable(pattern: Any) -> str:
    """Return `<uuid:job_id>` and `(?P<url>.*)$` as `{job_id}` and `{url}`."""
    text = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(pattern.pattern).replace("(?P<", "(<"))
    return re.sub(r"\({(\w+)}[^)]*\)", r"{\1}", text).replace("^", "").replace("$", "")


def read_names(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return a set that collects the names that views look up in queries from now on."""
    names: set[str] = set()
    for method in ("get", "getlist", "__getitem__", "__contains__"):
        real = getattr(QueryDict, method)

        def look(self, name, *rest, _real=real, **more):
            names.add(str(name))
            return _real(self, name, *rest, **more)

        monkeypatch.setattr(QueryDict, method, look)
    return names
