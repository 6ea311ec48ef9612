"""Odd values in every address and every parameter of a query: refused or ignored, and never an error of the service."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.web.rosalind import addresses, objects_of
from tests.web.routes import STAFF, Route, read_names, routes

pytestmark = pytest.mark.django_db

ODD = {
    "a digit that is no number": "%C2%B2",
    "a huge number": "9" * 400,
    "above 64 bits": "9223372036854775808",
    "negative": "-1",
    "a fraction": "1.5",
    "an exponent": "1e999",
    "not a number": "NaN",
    "NUL": "%00",
    "NUL inside": "a%00b",
    "half of a pair": "%ED%A0%80",
    "not UTF-8": "%FF%FE",
    "empty": "",
    "blank": "%20",
    "a path": "..%2F..%2Fetc%2Fpasswd",
    "a list": "[1,2]",
    "an object": "%7B%22a%22:1%7D",
    "line ends": "%0D%0AX-Injected:%201",
    "SQL": "%27%20OR%201=1--",
    "very long": "a" * 5000,
}
"""As they are sent, percent-encoded."""


@pytest.fixture
def things(api, person, monkeypatch) -> dict[str, object]:
    return objects_of(api, person, monkeypatch)


@pytest.fixture
def owner(person) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(person)
    return client


def sent(client: Client, address: str, method: str = "GET") -> int:
    """Send an address unchanged: Django's client would decode and encode it again."""
    path, _, query = address.partition("?")
    answer = client.generic(method, path, QUERY_STRING=query)
    if answer.streaming:
        b"".join(answer.streaming_content)
    assert "X-Injected" not in answer.headers
    return answer.status_code


@pytest.mark.slow
def test_no_odd_value_in_a_path_breaks_a_route(owner, things):
    """Each parameter of each route, the others as they are."""
    broken: list[str] = []
    for route in [route for route in routes() if route.parameters and route.kind != STAFF]:
        values = {name: things.get(f"{route.name}.{name}", things.get(name)) for name in route.parameters}
        for name in route.parameters:
            for value in ODD.values():
                address = route.path.format(**{**values, name: value})
                status = sent(owner, address)
                # Nothing is there, or the value names another route: an empty one, or one with a final slash.
                if status >= 500 or (value and status not in (301, 302, 400, 404, 405)):
                    broken.append(f"{route.name} {name}={value[:30]}: {status}")
    assert not broken, broken


@pytest.mark.full
@pytest.mark.slow
def test_no_odd_value_in_a_query_breaks_a_route(owner, things, monkeypatch):
    """Every name that any view reads, in every shape of a query, at every address.

    REST refuses the first bad parameter, so each of its own goes alone. Pages get all of them at once.
    """
    names = read_names(monkeypatch)
    own: dict[str, set[str]] = {}
    asked: list[Route] = [route for route in routes() if route.kind != STAFF]
    for route in asked:
        names.clear()
        sent(owner, addresses(route, things)[0])
        own[route.name] = names - {"csrfmiddlewaretoken"}
    every = sorted(set.union(*own.values()))
    assert {"page", "page_size", "cursor", "state", "format", "search", "from"} <= set(every)
    every.append("next")  # The login reads it from a copy.
    broken: list[str] = []
    for route in asked:
        path = addresses(route, things)[0]
        for value in ODD.values():
            queries = ["&".join(f"{name}={value}" for name in every)]
            if route.cls is not None:
                queries += [f"{name}={value}" for name in own[route.name]]
            for query in queries:
                if (status := sent(owner, f"{path}?{query}")) >= 500 and route.name != "readyz":
                    broken.append(f"{route.name} {query[:60]}: {status}")
        shapes = ("{0}[]=1", "{0}=1&{0}=2", "{0}[a]=1", "{0}", "&=&{0}=", "%00=1", "%ED%A0%80=1", "{0}=1;{0}=2")
        for shape in shapes:
            query = "&".join(shape.format(name) for name in every)
            if (status := sent(owner, f"{path}?{query}")) >= 500 and route.name != "readyz":
                broken.append(f"{route.name} {shape}: {status}")
    assert not broken, broken


ADMIN = [
    "/admin/auth/user/",
    "/admin/jobs/job/",
    "/admin/auth/user/{id}/change/",
    "/admin/jobs/job/{job_id}/change/",
]
PARAMETERS = ["q", "p", "o", "_popup", "_to_field", "is_active__exact", "state__exact", "id__in"]
OF_ADMIN = ["a digit that is no number", "a huge number", "NUL", "half of a pair", "empty", "SQL"]


@pytest.mark.slow
def test_no_odd_value_breaks_the_admin(things):
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.create_superuser("root"))
    broken: list[str] = []
    for page in ADMIN:
        path = page.format(**things)
        assert sent(client, path) == 200, path
        for value in (ODD[name] for name in OF_ADMIN):
            queries = [f"{path}?{name}={value}" for name in PARAMETERS]
            for address in [*queries, f"{path}{value}/", f"{path}{value}/change/"]:
                if (status := sent(client, address)) >= 500:
                    broken.append(f"{address[:80]}: {status}")
    assert not broken, broken


JSON = [
    *('"\\u00b2"', '"\\ud800"', '"\\u0000"', '""', "null", "true"),
    *("1e400", "-1", "1.5", "9" * 400, "9223372036854775808", "NaN"),
    *("[]", "{}", '[{"a": [1]}]', '{"a": {"b": []}}', '"' + "a" * 5000 + '"', "[" * 200 + "]" * 200),
]
"""Values of fields of JSON bodies, as they are sent."""
FIELDS = {
    "job-list": "model action params name on_invalid items context_sequences",
    "estimate": "model action params name on_invalid items context_sequences",
    "synchronous": "params items",
    "proteins": "sequence",
    "job-detail": "name",
    "job-extend": "items context_sequences params model action",
    "job-analyses": "kind params",
    "job-neighbours": "index k layer",
    "context-list": "name contexts sequences",
    "alignment-sample": "preset samplings seed name preview model action",
    "search-list": "database parent name tool iterations evalue min_coverage max_homologs",
    "webhook-list": "url events",
    "webhook-detail": "active url events",
    "job-release": "x",
    "job-retry": "x",
    "job-keep": "x",
}
PARAMS = [
    "repr_layers",
    "include",
    "dtype",
    "rows",
    "contexts",
    "parent",
    "method",
    "offset",
    "positions",
    "temperature",
]
GOOD = {"model": "e1-demo", "action": "encode", "items": [{"sequence": "MKT"}], "params": {}}


@pytest.mark.slow
def test_no_odd_value_of_a_json_field_breaks_a_route(owner, things):
    broken: list[str] = []
    for route in routes():
        fields = FIELDS.get(route.name, "").split()
        method = "PATCH" if "PATCH" in route.methods else "POST"
        path = addresses(route, things)[0] if fields else ""
        for field in fields:
            for value in JSON:
                bodies = [_with(field, value)]
                if field == "params":
                    bodies += [_with("params", f'{{"{name}": {value}}}') for name in PARAMS]
                if field == "items":
                    bodies += [
                        _with("items", f'[{{"{name}": {value}}}]') for name in ("sequence", "context_sequences", "name")
                    ]
                for body in bodies:
                    answer = owner.generic(method, path, body, "application/json")
                    # 503: no worker runs in this test.
                    if answer.status_code >= 500 and answer.status_code != 503:
                        broken.append(f"{route.name} {body[:120]}: {answer.status_code}")
    assert not broken, broken


def _with(field: str, value: str) -> bytes:
    """Return a body with one field as it is given."""
    others = {name: good for name, good in GOOD.items() if name != field}
    written = json.dumps(others)[1:-1]
    return f'{{{written}{", " if written else ""}"{field}": {value}}}'.encode()
