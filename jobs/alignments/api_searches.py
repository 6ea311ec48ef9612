"""REST of searches for homologs in the libraries of the service."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.alignments import serializers as shapes
from jobs.alignments.bodies import parent_of
from jobs.alignments.searches import search_cancel, search_settings, search_start
from jobs.alignments.selectors import database_named, search_of, searches_of
from jobs.errors import InvalidInput, NotFound
from jobs.models import SequenceDatabase
from jobs.models.states import WorkState
from jobs.web.rest.paging import NewestFirst
from jobs.web.rest.views import COMMON_ERRORS, JobView, refusals

RETRY_AFTER_SECONDS = 2
_FIELDS = ("database", "parent", "name")


class DatabaseList(JobView):
    @extend_schema(operation_id="databases_list", responses={200: shapes.DatabasePage, **refusals(401)})
    def get(self, request: Request) -> Response:
        """Return the libraries in which homologs can be searched. An administrator installs them."""
        rows = SequenceDatabase.objects.order_by("name")
        return Response(shapes.DatabasePage({"results": rows}).data)


class SearchList(JobView):
    @extend_schema(
        operation_id="searches_list",
        parameters=[OpenApiParameter("cursor", str), OpenApiParameter("page_size", int)],
        responses={200: shapes.SearchPage, **refusals(401)},
    )
    def get(self, request: Request) -> Response:
        """Return your searches, newest first."""
        return NewestFirst().answer(searches_of(self.owner()), self, shapes.SearchBody)

    @extend_schema(
        operation_id="searches_create",
        request=shapes.SearchRequest,
        responses={202: shapes.SearchBody, **refusals(400, 401, 429, 503)},
    )
    def post(self, request: Request) -> Response:
        """Search homologs of a parent. They become an alignment, from which contexts can be drawn."""
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
        body = shapes.SearchBody(search).data
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
        """Return a search: state, progress over all its iterations, and the alignment once it is done."""
        search = search_of(self.owner(), search_id)
        unfinished = search.state in WorkState.unfinished()
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if unfinished else {}
        return Response(shapes.SearchBody(search).data, headers=headers)

    @extend_schema(operation_id="searches_delete", responses={204: None, **COMMON_ERRORS})
    def delete(self, request: Request, search_id: UUID) -> Response:
        """Delete a search, and stop it if it still runs. Its alignment stays."""
        search_of(self.owner(), search_id).delete()
        return Response(status=204)


class SearchCancel(JobView):
    @extend_schema(
        operation_id="searches_cancel",
        request=None,
        responses={200: shapes.SearchBody, **refusals(401, 404, 409)},
    )
    def post(self, request: Request, search_id: UUID) -> Response:
        """Stop a search within seconds. Nothing of it is stored."""
        search_cancel(search_of(self.owner(), search_id))
        return Response(shapes.SearchBody(search_of(self.owner(), search_id)).data)
