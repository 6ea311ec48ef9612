"""The replacement for the published API: `POST /api/v3/{model}/{action}/` and its request schemas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from django.conf import settings
from django.contrib.auth.models import User
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request as RestRequest
from rest_framework.response import Response
from rest_framework.views import APIView

from e1protocol import MODELS, ModelFacts, tokens_of
from jobs.actions import Action, get_action
from jobs.actions.base import DTYPE, PRECISION, no_dtype, no_precision
from jobs.actions.contexts import Context
from jobs.actions.schema import request_schema
from jobs.api import serializers as shapes
from jobs.errors import InvalidInput, NotFound, Problems
from jobs.intake.ingest import Request
from jobs.intake.requests import checked_params
from jobs.intake.sync import answer
from jobs.limits import MAX_HEADER, SYNC_CONTEXT_TOKENS, SYNC_ITEMS
from jobs.parsing import BadRecord, ItemReader, Record
from jobs.parsing.bodies import only_fields, require_items
from jobs.parsing.letters import storable
from jobs.quotas.api import RateLimited
from jobs.web.rest.views import refusals

FIELDS = ("params", "items")
CLIENT_FIELDS = ("id", "metadata")
"""Fields that published clients add to items from files."""
ERRORS = refusals(400, 401, 402, 404, 413, 429, 500, 503, 504)


class Synchronous(RateLimited):
    interactive = True

    @extend_schema(
        operation_id="synchronous", request=shapes.SyncRequest, responses={200: shapes.SyncResponse, **ERRORS}
    )
    def post(self, request: RestRequest, model: str, action: str) -> Response:
        """Compute up to eight items and answer with their results. They use the queue of the jobs, ahead of them."""
        facts, found = _find(model, action)
        data: Any = request.data
        only_fields(data, FIELDS)
        params = data.get("params")
        if params is not None and not isinstance(params, dict):
            raise InvalidInput.one("bad_params", "params is not a JSON object", path="params")
        if params and DTYPE in params:
            raise InvalidInput.of(no_dtype())
        if params and PRECISION in params:
            raise InvalidInput.of(no_precision())
        checked, contexts = checked_params(found, facts, params or {}, cast(User, request.user))
        _check_contexts(contexts)
        records = _read(require_items(data), found, facts)
        results = answer(
            owner=cast(User, request.user),
            request=Request(model=facts.slug, action=found.name, params=checked, interactive=True, contexts=contexts),
            records=records,
        )
        return Response({"results": results})


def _find(model: str, action: str) -> tuple[ModelFacts, Action]:
    """Return the model and the action of the address. Raises NotFound."""
    if model not in settings.E1_MODELS:
        raise NotFound(
            f"this service has no model {model!r}; it has {', '.join(settings.E1_MODELS)}", code="unknown_model"
        )
    try:
        found = get_action(action)
    except InvalidInput as error:
        raise NotFound(f"{error.detail}; {error.problems[0].remedy}", code="unknown_action") from None
    if found.long:
        raise NotFound(f"{found.name} takes too long to wait for; submit a job to /api/jobs/", code="only_as_job")
    return MODELS[model], found


def _check_contexts(contexts: Sequence[Context]) -> None:
    # Others wait meanwhile, so an ensemble has the limit that eight items with their own contexts have.
    tokens = sum(tokens_of(*context) for context in contexts)
    if tokens > SYNC_CONTEXT_TOKENS:
        what = f"the contexts take {tokens:,} tokens together; a synchronous request takes {SYNC_CONTEXT_TOKENS:,}"
        remedy = "Give fewer or shorter ones, or submit an asynchronous job to /api/jobs/."
        raise InvalidInput.one("contexts_too_long", what, remedy, path="params.contexts")


def _read(items: list[object], action: Action, model: ModelFacts) -> list[Record]:
    """Read the items without cleaning them. Raises InvalidInput with every problem and its path."""
    if len(items) > SYNC_ITEMS:
        what = f"{len(items)} items; a synchronous request takes at most {SYNC_ITEMS}"
        remedy = "Send them in several requests, or submit an asynchronous job of any size to /api/jobs/."
        raise InvalidInput.one("too_many_items", what, remedy, path="items")
    good: list[Record] = []
    problems = Problems()
    for record in ItemReader([_as_ours(item) for item in items], action.rules(model), strict=True):
        if isinstance(record, BadRecord):
            problems.extend(record.problems)
        else:
            good.append(record)
    if problems:
        raise problems.refusal()
    return good


def _as_ours(item: object) -> object:
    """Return an item with the `id` of the published clients as its name, and without their `metadata`.

    Other unknown fields stay, to be refused.
    """
    if not isinstance(item, dict):
        return item
    ours = {field: value for field, value in item.items() if field not in CLIENT_FIELDS}
    if isinstance(item.get("id"), str) and ours.get("name") is None:
        ours["name"] = storable(item["id"][:MAX_HEADER])
    return ours


class RequestSchema(APIView):
    @extend_schema(operation_id="request_schema", responses={200: OpenApiTypes.OBJECT, **refusals(401, 404)})
    def get(self, request: RestRequest, model: str, action: str) -> Response:
        """Return the JSON schema of a synchronous request."""
        facts, found = _find(model, action)
        return Response(request_schema(found, facts))
