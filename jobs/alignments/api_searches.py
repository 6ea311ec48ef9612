"""Searches for homologs in the libraries of the service."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.alignments import serializers as shapes
from jobs.alignments.bodies import parent_of
from jobs.alignments.searches import search_cancel, search_settings, search_start
from jobs.alignments.selectors import database_named, search_of, searches_of
from jobs.contexts.api import SetPages
from jobs.errors import InvalidInput, NotFound
from jobs.files.pieces import iso
from jobs.models import HomologSearch, SequenceDatabase
from jobs.models.states import WorkState
from jobs.web.rest import serializers as docs
from jobs.web.rest.views import COMMON_ERRORS, JobView

RETRY_AFTER_SECONDS = 2
_FIELDS = ("database", "parent", "name")


class DatabaseList(JobView):
    @extend_schema(operation_id="databases_list", responses={200: shapes.DatabasePage, 401: docs.ErrorBody})
    def get(self, request: Request) -> Response:
        """The libraries that homologs can be searched in; an administrator installs them."""
        rows = SequenceDatabase.objects.order_by("name")
        return Response({"results": [present_database(row) for row in rows]})


class SearchList(JobView):
    @extend_schema(
        operation_id="searches_list",
        parameters=[OpenApiParameter("cursor", str), OpenApiParameter("page_size", int)],
        responses={200: shapes.SearchPage, 401: docs.ErrorBody},
    )
    def get(self, request: Request) -> Response:
        """Your searches, newest first."""
        pages = SetPages()
        page = pages.paginate_queryset(searches_of(self.owner()), request, view=self) or []
        return pages.get_paginated_response([present_search(one) for one in page])

    @extend_schema(
        operation_id="searches_create",
        request=shapes.SearchRequest,
        responses={
            202: shapes.SearchBody,
            400: docs.ErrorBody,
            401: docs.ErrorBody,
            429: docs.ErrorBody,
            503: docs.ErrorBody,
        },
    )
    def post(self, request: Request) -> Response:
        """Search homologs of a parent; what is found becomes an alignment, which contexts are drawn from."""
        data: Any = request.data
        for field in ("parent", "database"):
            if not isinstance(data.get(field), str) or not data[field].strip():
                raise InvalidInput.one("missing_field", f"the field {field} is missing", path=field)
        name = data.get("name") or ""
        if not isinstance(name, str) or not name.isprintable():
            raise InvalidInput.one("bad_name", "name must be printable text", path="name")
        settings = search_settings({key: value for key, value in data.items() if key not in _FIELDS})
        search = search_start(
            owner=self.owner(),
            database=_database(data["database"]),
            parent=parent_of(data["parent"]),
            name=name,
            settings=settings,
        )
        body = present_search(search)
        return Response(body, status=202, headers={"Location": body["url"], "Retry-After": str(RETRY_AFTER_SECONDS)})


def _database(name: str) -> SequenceDatabase:
    try:
        return database_named(name)
    except NotFound as error:
        remedy = "GET /api/databases/ lists them; an administrator adds one by `e1 database add`."
        raise InvalidInput.one("unknown_database", error.detail, remedy, path="database") from None


class SearchDetail(JobView):
    @extend_schema(operation_id="searches_show", responses={200: shapes.SearchBody, **COMMON_ERRORS})
    def get(self, request: Request, search_id: UUID) -> Response:
        """A search: state, progress over all its iterations, and the alignment once it is done."""
        search = search_of(self.owner(), search_id)
        unfinished = search.state in WorkState.unfinished()
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if unfinished else {}
        return Response(present_search(search), headers=headers)

    @extend_schema(operation_id="searches_delete", responses={204: None, **COMMON_ERRORS})
    def delete(self, request: Request, search_id: UUID) -> Response:
        """Forget a search, stopped where it still runs. Its alignment stays."""
        search_of(self.owner(), search_id).delete()
        return Response(status=204)


class SearchCancel(JobView):
    @extend_schema(
        operation_id="searches_cancel",
        request=None,
        responses={200: shapes.SearchBody, 409: docs.ErrorBody, **COMMON_ERRORS},
    )
    def post(self, request: Request, search_id: UUID) -> Response:
        """Stop a search within seconds; nothing of it is kept."""
        search_cancel(search_of(self.owner(), search_id))
        return Response(present_search(search_of(self.owner(), search_id)))


def present_database(row: SequenceDatabase) -> dict[str, Any]:
    return {
        "name": row.name,
        "sequences": row.sequences,
        "residues": row.residues,
        "digest": row.digest,
        "created_at": iso(row.created_at),
    }


def present_search(search: HomologSearch) -> dict[str, Any]:
    """A search as JSON."""
    alignment = search.alignment_id
    body: dict[str, Any] = {
        "id": str(search.pk),
        "url": reverse("search-detail", args=[search.pk]),
        "name": search.name,
        "state": search.state,
        "progress": round(search.progress, 3),
        "iteration": search.iteration,
        "database": {"name": search.database_name, "digest": search.database_digest},
        "parent": search.parent,
        "settings": search.settings,
        "hits": search.hits,
        "converged": search.converged,
        "alignment": None if alignment is None else reverse("alignment-detail", args=[alignment]),
        "created_at": iso(search.created_at),
        "started_at": iso(search.started_at),
        "finished_at": iso(search.finished_at),
        "links": {"cancel": reverse("search-cancel", args=[search.pk])},
    }
    if search.reason:
        body["reason"] = search.reason
    return body
