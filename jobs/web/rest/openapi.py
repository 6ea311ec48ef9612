"""Additions to the OpenAPI document. `jobs.api.urls` imports this module, which registers them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

ERROR = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorBody"}}}, "description": ""}
ANYWHERE = {
    "401": "no token, or an invalid one",
    "429": "too many requests of yours at once; Retry-After has the time to wait",
    "503": "the database does not answer",
}
WITH_BODY = {
    "400": "the body is invalid",
    "408": "the body did not arrive in time",
    "413": "the body is too large",
    "415": "the body has a kind that this address doesn't read",
    "429": "too many at once, or above a quota; Retry-After has the time to wait",
}


def with_refusals(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Add the refusals that come from outside the views to every call that can meet them (a hook)."""
    for path, methods in result["paths"].items():
        for method, operation in methods.items():
            if not operation.get("security"):
                continue
            refusals = dict(ANYWHERE)
            if method in ("post", "put", "patch"):
                refusals |= WITH_BODY
            if method != "get":
                refusals["403"] = "a session without the CSRF token; programs use an API token"
            if "{" in path:
                refusals["404"] = "nothing is at this address, or it is not yours"
            if any(one["name"] == "cursor" for one in operation.get("parameters", ())):
                refusals |= {"400": "a parameter is invalid", "404": "the cursor is not one of this list"}
            for parameter in operation.get("parameters", ()):
                if parameter["name"] == "page_size":
                    parameter["schema"]["minimum"] = 1
            for status, text in refusals.items():
                operation["responses"].setdefault(status, {**ERROR, "description": text})
    return result


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
