"""Context sets in REST: lists of contexts that jobs use by name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain, count, islice
from pathlib import PurePath
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.contexts import serializers as shapes
from jobs.contexts.selectors import context_set_of, context_set_sequences, context_sets_of
from jobs.contexts.services import SET_RULES, context_set_create, context_set_delete, file_provenance
from jobs.errors import InvalidInput, Problem
from jobs.library.sharing import Right
from jobs.limits import LISTED_PROBLEMS, MAX_CONTEXT_FILE
from jobs.parsing import read_context
from jobs.parsing.asked import layout_of
from jobs.parsing.bodies import unknown_fields
from jobs.parsing.context import LAYOUT
from jobs.parsing.items import check_context_shape
from jobs.parsing.letters import clean_sequence
from jobs.parsing.records import Place
from jobs.parsing.upload import context_bytes
from jobs.web.rest.bodies import STREAMED, JsonBodyParser, MultipartBodyParser
from jobs.web.rest.paging import NewestFirst
from jobs.web.rest.views import COMMON_ERRORS, JobView, refusals

Contexts = Sequence[Sequence[str]]
_FIELDS = ("name", "contexts", "sequences")


class ContextList(JobView):
    parser_classes = [JsonBodyParser, MultipartBodyParser, *STREAMED]

    @extend_schema(
        operation_id="contexts_list",
        parameters=[OpenApiParameter("cursor", str), OpenApiParameter("page_size", int)],
        responses={200: shapes.ContextSetPage, **refusals(401)},
    )
    def get(self, request: Request) -> Response:
        """List your context sets, newest first."""
        return NewestFirst().answer(context_sets_of(self.owner()), self, shapes.ContextSetSummary)

    @extend_schema(
        operation_id="contexts_create",
        request={
            "application/json": shapes.ContextSetSubmission,
            "multipart/form-data": shapes.ContextSetUpload,
            "text/x-fasta": OpenApiTypes.BINARY,
            "application/gzip": OpenApiTypes.BINARY,
        },
        parameters=[
            OpenApiParameter(name, str, description="With a raw body only.") for name in ("name", "filename", LAYOUT)
        ],
        responses={201: shapes.ContextSetBody, **refusals(400, 401, 409, 413, 415)},
    )
    def post(self, request: Request) -> Response:
        """Store contexts under a name: lists of sequences, or a FASTA file of homologs as one context.

        The same contexts under the same name return the existing set. Other contexts are a conflict.
        """
        name, contexts, source, notes = _asked(request)
        provenance = file_provenance(notes) if source == "fasta" else {"source": source}
        made = context_set_create(owner=self.owner(), name=name, contexts=contexts, provenance=provenance)
        body = shapes.ContextSetBody(context_set_of(self.owner(), made.name)).data
        return Response(body, status=201, headers={"Location": body["url"]})


class ContextDetail(JobView):
    @extend_schema(
        operation_id="contexts_show",
        parameters=[OpenApiParameter("sequences", bool, description="true: with the letters of every context.")],
        responses={200: shapes.ContextSetDetail, **COMMON_ERRORS},
    )
    def get(self, request: Request, name: str) -> Response:
        """Show a context set: its contexts in order, and their source."""
        body = shapes.ContextSetBody(context_set_of(self.owner(), name)).data
        if request.query_params.get("sequences", "").lower() == "true":
            body["sequences"] = context_set_sequences(self.owner(), name)
        return Response(body)

    @extend_schema(operation_id="contexts_delete", responses={204: None, **COMMON_ERRORS})
    def delete(self, request: Request, name: str) -> Response:
        """Delete a context set. Jobs that use it keep their contexts."""
        context_set_delete(owner=self.owner(), name=context_set_of(self.owner(), name, Right.OWN).name)
        return Response(status=204)


def name_of_file(filename: str) -> str:
    """Return a set's name for a file: the file's name without suffixes and unsuitable characters."""
    stem = PurePath(filename.replace("\\", "/")).name
    stem = re.sub(r"(\.gz|\.gzip)$", "", stem, flags=re.IGNORECASE)
    stem = re.sub(r"\.\w{1,9}$", "", stem)
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", stem).strip("-._+")[:100]


def _asked(request: Request) -> tuple[str, Contexts, str, list[Problem]]:
    """Return name, contexts and source of a request of any kind, and notes of what was changed. Raises InvalidInput."""
    data: Any = request.data
    notes: list[Problem] = []
    if isinstance(data, dict) and "stream" in data and "media_type" in data:
        text = data["stream"].read(MAX_CONTEXT_FILE + 1)
        if len(text) > MAX_CONTEXT_FILE:
            what = f"the file is larger than {MAX_CONTEXT_FILE} bytes"
            raise InvalidInput.one("context_file_too_large", what, "Send fewer homologs.", path="file")
        data["stream"].check_whole()
        filename = str(request.query_params.get("filename", ""))
        layout = layout_of(request.query_params, LAYOUT)
        context = read_context(text, SET_RULES, filename=filename, layout=layout, notes=notes)
        return str(request.query_params.get("name", "")), [context], "fasta", notes
    if request.content_type and request.content_type.startswith("multipart/"):
        file = request.FILES.get("file")
        if file is None:
            what = "the form has no file"
            raise InvalidInput.one("no_file", what, "Send the homologs in the field `file`.", path="file")
        name = str(data.get("name") or "") or name_of_file(file.name or "")
        filename, layout = file.name or "", layout_of(data, LAYOUT)
        context = read_context(context_bytes(file), SET_RULES, filename=filename, layout=layout, notes=notes)
        return name, [context], "fasta", notes
    if not isinstance(data, dict):
        raise InvalidInput.one("bad_body", "the body is not a JSON object")
    return *_of_json(data), notes


def _of_json(data: dict[str, Any]) -> tuple[str, Contexts, str]:
    problems = unknown_fields(data, _FIELDS)
    given = [field for field in ("contexts", "sequences") if data.get(field) is not None]
    if len(given) != 1:
        what = "there are contexts and sequences" if given else "there are no contexts"
        remedy = "Give contexts, a list of lists of sequences, or sequences, the list of one context."
        problems.add(Problem("no_contexts", what, remedy, path="contexts"))
    if problems:
        raise problems.refusal()
    value = data["contexts"] if given == ["contexts"] else [data["sequences"]]
    if not isinstance(value, list):
        what = "contexts is not a list"
        raise InvalidInput.one("wrong_type", what, 'Give [["MKT...", "MRT..."]].', path="contexts")
    places = (Place(path=f"contexts.{at}" if given == ["contexts"] else "sequences") for at in count())
    wrong = chain.from_iterable(map(_check_shape, value, places))
    if found := list(islice(wrong, LISTED_PROBLEMS)):
        raise InvalidInput.of(*found)
    contexts = [[clean_sequence(text)[0] for text in context] for context in value]
    return data.get("name") or "", contexts, "sequences"


def _check_shape(context: Any, place: Place) -> Iterator[Problem]:
    """Yield the problems of a context that is not a list of text."""
    if context is None or isinstance(context, str):
        yield place.problem("wrong_type", "a context is a list of sequences", 'Write [["MKT..."], ["MRT..."]].')
    else:
        yield from check_context_shape(context, place)
