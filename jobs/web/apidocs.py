"""The reference of the API as a page, rendered from the OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from http import HTTPStatus
from threading import Lock
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.renderers import JSONOpenAPIRenderer
from rest_framework.request import Request

from jobs.web.addresses import base_address
from jobs.web.rest.openapi import STATUS_OF

_making = Lock()

REFUSED = "$ref"
"""In an answer: a refusal, which the components describe once for all calls."""
METHODS = ("get", "post", "patch", "put", "delete")
REF = "#/components/schemas/"


@require_safe
def api_docs(request: HttpRequest) -> HttpResponse:
    """Show every call with its parameters, bodies and answers, then every object with its fields."""
    document = api_document()
    context = {
        "operations": list(operations(document)),
        "objects": list(objects(document)),
        "refusals": list(refusals(document)),
        "examples": examples(document),
        "base": base_address(request),
    }
    return render(request, "jobs/web/api_docs.html", context)


def api_document() -> Mapping[str, Any]:
    """Return the OpenAPI document, which is made once: it takes a fifth of a second, and not in two threads at once."""
    with _making:
        return _made()


@cache
def _made() -> Mapping[str, Any]:
    generator: Any = SchemaGenerator
    return cast(Mapping[str, Any], generator().get_schema(request=None, public=True))


@cache
def _written() -> bytes:
    return JSONOpenAPIRenderer().render(api_document(), renderer_context={})


class ApiSchema(SpectacularAPIView):
    """The OpenAPI document in JSON. drf-spectacular would make it again for every request."""

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        headers = {"Content-Disposition": 'inline; filename="E1 service.openapi-json"'}
        return HttpResponse(_written(), content_type=JSONOpenAPIRenderer.media_type, headers=headers)


def operations(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the calls of an OpenAPI 3 document, in its order. `anchor` is the stable name of a call in links."""
    for path, methods in document["paths"].items():
        for method in METHODS:
            if raw := methods.get(method):
                content = raw.get("requestBody", {}).get("content", {})
                yield {
                    "anchor": raw["operationId"],
                    "method": method.upper(),
                    "path": path,
                    "text": raw.get("description", "").strip(),
                    "parameters": [one | {"kind": kind_of(one["schema"])} for one in raw.get("parameters", ())],
                    "bodies": [(media, _name_of(body.get("schema", {}))) for media, body in content.items()],
                    "answers": [
                        _answer(status, answer)
                        for status, answer in sorted(raw["responses"].items())
                        if REFUSED not in answer
                    ],
                    "refused": [status for status, answer in sorted(raw["responses"].items()) if REFUSED in answer],
                }


def refusals(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield each kind of refusal once, with its meaning, and a body if there is an example."""
    for name, raw in document["components"]["responses"].items():
        body = raw["content"]["application/json"].get("example")
        yield {"name": name, "status": STATUS_OF[name], "text": raw["description"], "body": _pretty(body)}


def examples(document: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return a body of `POST /api/jobs/` for each action."""
    content = document["paths"]["/api/jobs/"]["post"]["requestBody"]["content"]["application/json"]
    return [
        {"name": name, "text": one["summary"].partition(": ")[2], "body": _pretty(one["value"])}
        for name, one in content["examples"].items()
    ]


def _pretty(body: Any) -> str:
    return "" if body is None else json.dumps(body, indent=2)


def _answer(status: str, raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return a documented status. `schema` names the object in its body, if any."""
    content = raw.get("content", {})
    return {
        "status": status,
        "text": raw.get("description") or HTTPStatus(int(status)).phrase.lower(),
        "kinds": list(content),
        "schema": next((_name_of(body.get("schema", {})) for body in content.values()), ""),
    }


def objects(document: Mapping[str, Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield the named objects of an OpenAPI 3 document with their fields. Objects without fields are left out.

    A field that is not `required` may be left out of a request, and is not in every answer.
    """
    for name, schema in sorted(document["components"]["schemas"].items()):
        if "properties" in schema:
            required = schema.get("required", ())
            yield (
                name,
                [
                    {
                        **one,
                        "name": field,
                        "kind": kind_of(one),
                        "required": field in required,
                        "default": json.dumps(one["default"]) if "default" in one else "",
                    }
                    for field, one in schema["properties"].items()
                ],
            )


def _name_of(schema: Mapping[str, Any]) -> str:
    return str(schema.get("$ref", "")).removeprefix(REF)


def kind_of(schema: Mapping[str, Any]) -> str:
    """Describe a schema in a few words, such as `list of text`, `one of all, masked`, `Job or null`."""
    if "$ref" in schema:
        return _name_of(schema)
    if parts := schema.get("allOf") or schema.get("oneOf") or schema.get("anyOf"):
        words = " or ".join(kind_of(part) for part in parts)
    elif "enum" in schema:
        words = "one of " + ", ".join(str(value) for value in schema["enum"] if value is not None)
    else:
        words = _plain(schema)
    return words + " or null" if schema.get("nullable") else words


STRINGS = {"date-time": "moment (ISO 8601)", "uuid": "id (UUID)", "binary": "file", "uri": "address"}
PLAIN = {"integer": "whole number", "number": "number", "boolean": "true or false"}


def _plain(schema: Mapping[str, Any]) -> str:
    match schema.get("type"):
        case "array":
            return f"list of {kind_of(schema.get('items', {}))}"
        case "object":
            inner = schema.get("additionalProperties")
            return f"object of {kind_of(inner)}" if isinstance(inner, Mapping) and inner else "object"
        case "string":
            return STRINGS.get(str(schema.get("format")), "text")
        case other:
            return PLAIN.get(str(other), "any JSON")
