"""The OpenAPI document names refusals, and errors of the interface are JSON."""

from __future__ import annotations

import pytest
import schemathesis

from e1site.wsgi import application
from jobs.web.rest.openapi import EXAMPLE

pytestmark = pytest.mark.django_db


def test_the_document_names_refusals_wherever_they_can_come():
    schema = schemathesis.openapi.from_wsgi("/api/schema/", application)
    found = [result.ok() for result in schema.get_all_operations()]
    calls = [(call.method.upper(), set(call.definition.raw["responses"])) for call in found]
    assert len(calls) > 30
    for method, statuses in calls:
        assert {"401", "503"} <= statuses
        assert method != "POST" or {"400", "403", "408", "413", "415", "429"} <= statuses


def test_the_example_of_a_refusal_is_what_the_service_answers(api):
    sent = {"model": "e1-demo", "action": "encode", "items": [{"name": "bad", "sequence": "MKT1AYIAKQR"}]}
    answer = api.post("/api/jobs/", sent, format="json")
    assert answer.status_code == 400
    assert answer.json() == EXAMPLE


NOWHERE = ["/api/nothing/", "/api/jobs/not-an-id/", "/api/v3/e1-demo/", "/api/%ff/"]


@pytest.mark.parametrize("path", NOWHERE)
def test_api_addresses_that_are_not_there_answer_in_json(client, path):
    response = client.get(path)
    assert (response.status_code, response["Content-Type"]) == (404, "application/json")
    assert response.json()["code"] == "not_found"


@pytest.mark.parametrize("accept", ["text/html", "image/png", "application/xml;q=0.1", "nonsense", "\u00ff/*"])
def test_any_accept_header_gets_json(client, person, token_of, accept):
    headers = {"Authorization": f"Token {token_of(person)}", "Accept": accept}
    assert client.get("/api/jobs/?format=xml", headers=headers).status_code == 200


def test_a_wrong_host_is_told_in_json(client, settings):
    settings.ALLOWED_HOSTS = ["e1.example.org"]
    response = client.get("/api/jobs/", headers={"Host": "evil.example.org"})
    assert (response.status_code, response.json()["code"]) == (400, "unknown_host")
