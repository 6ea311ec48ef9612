"""The reference of the API: examples that the service accepts, refusals described once, parameters of each action."""

from __future__ import annotations

import pytest

from e1protocol.parameters import PARAMETER_TEXTS
from jobs.actions import ACTIONS
from jobs.web.apidocs import api_document
from tests.helpers import body

pytestmark = pytest.mark.django_db


def operations(document):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_refusals_are_described_once():
    document = api_document()
    refused = [
        (answer, document["components"]["responses"])
        for _, _, operation in operations(document)
        for status, answer in operation["responses"].items()
        if int(status) >= 400
    ]
    assert len(refused) > 300
    for answer, described in refused:
        assert answer.keys() == {"$ref"}
        assert answer["$ref"].rpartition("/")[2] in described
    assert all(len(one["description"]) > 20 for one in document["components"]["responses"].values())


def test_each_parameter_of_each_action_is_in_the_document_with_its_text():
    document = api_document()
    for name, action in ACTIONS.items():
        schemas = [
            one for one in document["components"]["schemas"].values() if one.get("description") == action.summary
        ]
        (schema,) = schemas
        texts = {parameter: one["description"] for parameter, one in schema["properties"].items()}
        assert texts == dict(PARAMETER_TEXTS[name])
        assert schema.get("required", []) == list(action.required_params)


@pytest.mark.parametrize("name", ACTIONS)
def test_the_example_of_an_action_is_accepted(api, name):
    content = api_document()["paths"]["/api/jobs/"]["post"]["requestBody"]["content"]["application/json"]
    example = content["examples"][name]["value"]
    answer = api.post("/api/jobs/", example, format="json")
    assert (answer.status_code, body(answer)["action"]) == (202, name), body(answer)
    assert body(answer)["counts"]["total"] == len(example["items"])
    assert body(api.post("/api/estimate/", example, format="json"))["accepted"]


def test_synchronous_requests_have_examples_of_their_actions():
    path = "/api/v3/{model}/{action}/"
    content = api_document()["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    assert set(content["examples"]) == {name for name, action in ACTIONS.items() if not action.long}


def fields(document, operation_id):
    """Return the object of a call's JSON body, and which of its fields are required."""
    (call,) = (one for _, _, one in operations(document) if one["operationId"] == operation_id)
    reference = call["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    schema = document["components"]["schemas"][reference.rpartition("/")[2]]
    return schema["properties"], set(schema.get("required", ()))


def test_a_body_of_required_fields_alone_is_accepted(api):
    document = api_document()
    properties, required = fields(document, "jobs_submit")
    whole = {"model": "e1-demo", "action": "encode", "items": [{"sequence": "MKTAYIAKQR"}]}
    assert required == set(whole)
    assert api.post("/api/jobs/", whole, format="json").status_code == 202
    for left_out in required:
        part = {name: value for name, value in whole.items() if name != left_out}
        assert api.post("/api/jobs/", part, format="json").status_code == 400, left_out
    assert "params" in set(properties) - required


@pytest.mark.parametrize("name", ["name", "params", "context_sequences", "on_invalid"])
def test_null_means_as_much_as_a_field_that_is_left_out(api, name):
    properties, _ = fields(api_document(), "jobs_submit")
    assert properties[name].get("nullable") or "null" in str(properties[name]).lower()
    whole = {"model": "e1-demo", "action": "encode", "items": [{"sequence": "MKTAYIAKQR"}]}
    assert api.post("/api/jobs/", {**whole, name: None}, format="json").status_code == 202
    for wrong in (5, {}, False) if name == "context_sequences" else (5,):
        assert api.post("/api/jobs/", {**whole, name: wrong}, format="json").status_code == 400


@pytest.mark.parametrize("value", [[], {}, False, 0])
def test_a_value_of_another_type_is_not_taken_for_none(api, value):
    whole = {"model": "e1-demo", "action": "encode", "items": [{"sequence": "MKTAYIAKQR"}]}
    for name in ("name", "on_invalid"):
        answer = api.post("/api/jobs/", {**whole, name: value}, format="json")
        assert (answer.status_code, body(answer)["code"]) == (400, f"bad_{name}")


def test_every_call_with_a_body_needs_one():
    for path, method, operation in operations(api_document()):
        assert operation.get("requestBody", {"required": True})["required"] is True, (path, method)


def test_the_page_shows_the_way_from_a_library_to_its_results(client):
    page = client.get("/api/docs/").content.decode()
    for name in ACTIONS:
        assert f'id="example-{name}"' in page
    for step in ("first-steps", "step-submit", "step-watch", "step-download"):
        assert f'id="{step}"' in page
    assert page.count("No token, or an invalid one.") == 1


def test_the_page_shows_code_as_code(client):
    page = client.get("/api/docs/").content.decode()
    assert "where the sequence has <code>?</code>" in page
    assert "`" not in page
