"""Pages of lists, by cursor."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs.errors import InvalidInput
from jobs.limits import PAGE_ROWS
from jobs.parsing.numbers import whole
from jobs.web.rest.fields import Shape


class Pages(CursorPagination):
    """Pages whose size is `page_size` of the query, at most `max_page_size`. Raises InvalidInput `bad_page_size`."""

    page_size_query_param = "page_size"
    page_size = PAGE_ROWS
    max_page_size = 500

    def get_page_size(self, request: Request) -> int | None:
        for text in request.query_params.getlist("page_size"):
            if whole(text, low=1) is None:
                what = f"page_size is {text[:40]!r}"
                remedy = f"Give a whole number from 1 to {self.max_page_size}."
                raise InvalidInput.one("bad_page_size", what, remedy, path="page_size")
        return super().get_page_size(request)

    def answer(self, rows: QuerySet[Any], view: APIView, shape: type[Shape]) -> Response:
        """Return the page of `rows` that the request asks for, each row in `shape`."""
        page = self.paginate_queryset(rows, view.request, view=view) or []
        return self.get_paginated_response(shape(page, many=True).data)


class NewestFirst(Pages):
    """Pages of what a user has made, the newest first."""

    ordering = ("-created_at", "-id")
