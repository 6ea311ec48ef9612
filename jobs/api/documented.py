"""Actions in the OpenAPI document: the parameters of each as an object, and an example of each as a body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from e1protocol import MODELS
from jobs.actions import ACTIONS, Action

SCHEMAS = "#/components/schemas/"
MODEL = "e1-demo"
"""The model of the examples, which every checkout has."""
WIDEST = MODELS["e1-600m"]
"""The model whose limits the parameters have; other models have fewer layers."""
JOBS, SYNCHRONOUS = ("/api/jobs/", "/api/estimate/"), "/api/v3/{model}/{action}/"


def name_of(action: Action) -> str:
    """Return the name of the object with the parameters of an action, such as `LogProbParams`."""
    return "".join(word.title() for word in action.name.split("_")) + "Params"


PARAMS: Mapping[str, Any] = {"anyOf": [{"$ref": SCHEMAS + name_of(action)} for action in ACTIONS.values()]}
"""The schema of `params` in a body."""


def with_actions(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Add an object of parameters for each action, and examples to the calls that compute (a hook)."""
    for action in ACTIONS.values():
        schema = as_openapi(action.params_schema(WIDEST))
        for name in set(schema["properties"]) - set(schema.get("required", ())):
            # Null means as much as a parameter that is left out. OpenAPI wants it among the choices too.
            described = schema["properties"][name]
            described["nullable"] = True
            if "enum" in described:
                described["enum"] = [*described["enum"], None]
        result["components"]["schemas"][name_of(action)] = {"description": action.summary, **schema}
    for path in JOBS:
        _json_body(result, path)["examples"] = {name: job_example(action) for name, action in ACTIONS.items()}
    _json_body(result, SYNCHRONOUS)["examples"] = {
        name: {"summary": f"{name}: {action.summary}", "value": action.example_body}
        for name, action in ACTIONS.items()
        if not action.long
    }
    return result


def job_example(action: Action) -> dict[str, Any]:
    """Return a body of `POST /api/jobs/` as an example of OpenAPI."""
    value = {"model": MODEL, "action": action.name, **action.example_body}
    return {"summary": f"{action.name}: {action.summary}", "value": value}


def _json_body(document: Mapping[str, Any], path: str) -> dict[str, Any]:
    body: dict[str, Any] = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    return body


def as_openapi(schema: Any) -> Any:
    """Return a JSON schema in the dialect of OpenAPI 3.0, which has `nullable` and one type for a value."""
    if isinstance(schema, list):
        return [as_openapi(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if not isinstance(kinds := schema.get("type"), list):
        return {name: as_openapi(one) for name, one in schema.items()}
    rest = {name: as_openapi(one) for name, one in schema.items() if name != "type"}
    plain = [kind for kind in kinds if kind != "null"]
    nullable = {"nullable": True} if "null" in kinds else {}
    if len(plain) == 1:
        return {"type": plain[0], **rest, **nullable}
    return {"anyOf": [{"type": kind} for kind in plain], **rest, **nullable}
