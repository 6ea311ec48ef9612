"""Additions to the OpenAPI document. `jobs.api.urls` imports this module, which registers them."""

from __future__ import annotations

from http import HTTPStatus
from inspect import getdoc
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

from jobs.web.rest.fields import Shape

RESPONSES = "#/components/responses/"
REFUSALS = {
    "400": "What was sent is invalid. `errors` has each place with its reason and remedy.",
    "401": "No token, or an invalid one.",
    "402": "The budget of this month is used up.",
    "403": "A session without the CSRF token. Programs use an API token.",
    "404": "Nothing is at this address, or it is not yours. In a list: the cursor is not one of it.",
    "408": "The body did not arrive in time.",
    "409": "The state of the object does not allow this, or the same key or name was used for something else.",
    "410": "The results have expired. Counts and the manifest stay.",
    "413": "The body or the answer is too large, or a quota of storage is used up.",
    "415": "The body has a kind that this address doesn't read.",
    "429": "Too many at once, or above a quota. Retry-After has the time to wait.",
    "500": "The computation failed. The body names the reason.",
    "503": "The database does not answer, or no worker can take the work. Try again later.",
    "504": "The answer takes longer than the wait limit. `job` has the address of the job, which goes on.",
}
"""What each refusal means, at every address."""
ANYWHERE = ("400", "401", "429", "503")
"""400: text that cannot be stored, such as a NUL, is refused in every address and query."""
WITH_BODY = ("408", "413", "415")
EXAMPLE = {
    "detail": "1 of 1 records is not valid; nothing was queued. First: items.0.sequence, record bad: "
    "the character '1' at position 4 is not accepted",
    "code": "invalid_records",
    "status_code": 400,
    "errors": [
        {
            "code": "bad_letter",
            "message": "items.0.sequence, record bad: the character '1' at position 4 is not accepted",
            "remedy": "Remove numbers: a sequence holds residues only.",
            "path": "items.0.sequence",
            "record": "bad",
            "index": 0,
            "character": "1",
        }
    ],
}


def with_refusals(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Add the refusals that come from outside the views, and describe each kind once, in the components (a hook)."""
    for schema in result["components"]["schemas"].values():
        if schema.get("description") == getdoc(Shape):
            del schema["description"]  # a class without a docstring has that of its base
    result["components"]["responses"] = {name_of(status): refusal(status) for status in REFUSALS}
    for path, methods in result["paths"].items():
        for method, operation in methods.items():
            if not operation.get("security"):
                continue
            responses = operation["responses"]
            statuses = {*ANYWHERE, *(status for status in responses if status in REFUSALS)}
            if method in ("post", "put", "patch"):
                statuses.update(WITH_BODY)
            if method != "get":
                statuses.add("403")
            if "{" in path:
                statuses.add("404")
            if any(one["name"] == "cursor" for one in operation.get("parameters", ())):
                statuses |= {"400", "404"}
            if "requestBody" in operation:
                operation["requestBody"]["required"] = True  # no call with a body takes an empty one
            for parameter in operation.get("parameters", ()):
                if parameter["name"] == "page_size":
                    parameter["schema"]["minimum"] = 1
            responses |= {status: {"$ref": RESPONSES + name_of(status)} for status in sorted(statuses)}
    return result


def name_of(status: str) -> str:
    """Return the name of a refusal among the components, such as `NotFound`."""
    return "".join(word.title() for word in HTTPStatus(int(status)).phrase.replace("-", " ").split())


STATUS_OF = {name_of(status): status for status in REFUSALS}
"""The status of each refusal by its name."""


def refusal(status: str) -> dict[str, Any]:
    """Return the response of a refusal. Its body is the same at every address."""
    content: dict[str, Any] = {"schema": {"$ref": "#/components/schemas/ErrorBody"}}
    if status == "400":
        content["example"] = EXAMPLE
    return {"description": REFUSALS[status], "content": {"application/json": content}}


class ApiTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The description of the header in the OpenAPI document."""

    target_class = "jobs.web.rest.authentication.ApiTokenAuthentication"
    name = "tokenAuth"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Token KEY`, with the word Token before the key.",
        }
