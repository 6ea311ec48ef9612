"""Hostile values instead of numbers in addresses and forms never break a route."""

from __future__ import annotations

from itertools import product
from urllib.parse import quote

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from jobs.api import events
from jobs.background import leases
from jobs.maps.services import analysis_request
from jobs.models import Job
from jobs.parsing.numbers import BIGINT, decimal, whole
from jobs.tasks import building
from jobs.variants.assays import assay_add
from tests.factories import SHORT, finished, scored
from tests.libraries import grouped, state
from tests.web.routes import API, API_OBJECT, PAGE, PAGE_FORM, PAGE_OBJECT, QUERIES, Route, read_names, routes

HOSTILE = ["²", "٣", "1e3", "-1", "9" * 30, "\0", "", str(BIGINT)]

MORE = {
    "job-new-page": ["ranked={job_id}&top=1", "ranked={scan_id}&item=0&top=1"],
    "neighbours-page": ["k=10"],
}
"""Addresses that read more of their query than the plain ones."""


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), (" 7\n", 7), ("+7", 7), ("007", 7), (str(BIGINT), BIGINT), (str(BIGINT + 1), None), ("-1", None)]
    + [(text, None) for text in (*HOSTILE[:-1], "1_0", "\N{FULLWIDTH DIGIT NINE}", "0x1", "nan", "--1")],
)
def test_whole_numbers(text, number):
    assert whole(text) == number


def test_whole_numbers_within_bounds():
    assert whole("-3", -3) == whole("\N{MINUS SIGN}3", -3) == -3
    assert [whole(text, 1, 5) for text in ("0", "1", "5", "6")] == [None, 1, 5, None]
    assert whole(None) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [("-.5", -0.5), ("1e-3", 0.001), ("2", 2.0), *((text, None) for text in ("٣", "1_0", "nan", "-inf", "", "1e999"))],
)
def test_finite_numbers(text, number):
    assert decimal(text) == number


@pytest.fixture
def rows(api, person, inline_worker, analysed_here, monkeypatch) -> dict[str, dict[str, object]]:
    """Return finished jobs for the routes that read results: the value of each parameter, by kind of job."""
    monkeypatch.setattr(leases.current_app, "send_task", lambda *args, **options: None)
    monkeypatch.setattr(events, "close_old_connections", lambda: None)  # the test's transaction is in this one
    monkeypatch.setattr(events, "LONGEST_STREAM_SECONDS", 0.001)
    score = scored(api, inline_worker, ["M1A", "K2R", "M1A:K2R"])
    scan = finished(api, inline_worker, "scan", [{"sequence": SHORT, "name": "a"}], method="wildtype_marginal")
    contacts = finished(api, inline_worker, "contacts", [{"sequence": SHORT}])
    library = grouped(40, owner=person)
    library.finish()
    state(library, "succeeded")
    drawn = analysis_request(job=library.job, kind="map", params={"method": "pca", "neighbours": 8})
    assert building.artefact_build(artefact_id=drawn.pk)
    assay = assay_add(
        job=Job.objects.get(pk=score["id"]),
        data=b"variant,value\nM1A,0.5\nK2R,1\n",
        name="a",
        item_index=0,
        variant_column="",
        value_column="",
    )
    about = {"index": 0, "model": "e1-demo", "action": "encode", "scan_id": scan["id"]}
    return {
        "score": about | {"job_id": score["id"], "assay_id": assay.pk},
        "scan": about | {"job_id": scan["id"]},
        "contacts": about | {"job_id": contacts["id"]},
        "encode": about | {"job_id": library.job.pk, "analysis_id": drawn.pk, "artefact_id": drawn.pk},
    }


def addresses(route: Route, values: dict[str, object]) -> list[str]:
    if not set(route.parameters) <= set(values):
        return []
    queries = ["", *QUERIES.get(route.name, []), *MORE.get(route.name, [])]
    return [f"{route.path.format(**values)}?{query.format(**values)}" for query in queries]


PATHS = [
    "/jobs/{job_id}/items/{n}/",
    "/jobs/{job_id}/items/{n}/neighbours/",
    "/jobs/{job_id}/assays/{n}/",
    "/api/jobs/{job_id}/items/{n}/",
    "/api/jobs/{job_id}/artefacts/{n}/",
    "/api/jobs/{job_id}/analyses/{n}/",
    "/api/jobs/{job_id}/columns/{n}/",
    "/api/jobs/{job_id}/assays/{n}/",
    "/api/jobs/{job_id}/structures/{n}/",
]


FORMS = {
    "encode": [
        ("/jobs/{job_id}/map/act/", {"do": "build", "method": "pca"}, ("seed", "neighbours", "layer")),
        ("/jobs/{job_id}/map/act/", {"do": "cancel-"}, ("do",)),
        ("/jobs/{job_id}/picks/", {"do": "csv"}, ("indices", "pick")),
        ("/jobs/{job_id}/attachments/delete/", {}, ("assay", "structure")),
    ],
    "score": [
        ("/jobs/{job_id}/assays/", {"file": b"variant,value\nM1A,0.5\n"}, ("item", "offset")),
        ("/api/jobs/{job_id}/assays/", {"file": b"variant,value\nM1A,0.5\n"}, ("item", "offset")),
        ("/jobs/new/", {"action": "score", "model": "e1-demo", "complete": "1"}, ("offset", "positions")),
        ("/jobs/new/", {"action": "encode", "model": "e1-demo", "complete": "1"}, ("repr_layers",)),
    ],
}
"""Forms with numbers: what else they send, and the fields that hold one."""


@pytest.mark.django_db
@pytest.mark.slow
def test_no_hostile_value_breaks_a_route(person, rows, subtests, monkeypatch):
    """The jobs are made once for all three walks. The forms come last, because they change them."""
    browser = Client(raise_request_exception=False)
    browser.force_login(person)
    with subtests.test("queries"):
        walk_queries(browser, rows, monkeypatch)
    with subtests.test("paths"):
        for values, path in product(rows.values(), PATHS):
            for text in ("²", "٣", "-1", "9" * 30, "9" * 5000, str(BIGINT), "2147483648"):
                assert browser.get(path.format(n=quote(text), **values)).status_code == 404, (path, text)
    with subtests.test("forms"):
        walk_forms(browser, rows)


def walk_queries(browser: Client, rows: dict[str, dict[str, object]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Try every parameter that a view looks up, numeric or not.

    REST refuses the first bad one, so they are sent one by one, each once for a route. Pages ignore them, so they are
    sent together, at every address and for every kind of job.
    """
    walked: set[tuple[str, str]] = set()
    seen: set[str] = set()
    broken: list[str] = []
    with monkeypatch.context() as patch:
        read = read_names(patch)
        for route, values in product(routes(), rows.values()):
            if route.kind not in (API, API_OBJECT, PAGE, PAGE_OBJECT, PAGE_FORM):
                continue
            for address in addresses(route, values):
                if address in seen:
                    continue
                seen.add(address)
                read.clear()
                if status_of(browser, address) >= 400:
                    continue
                names = sorted(read - {"csrfmiddlewaretoken"})
                groups = [names]
                if route.cls is not None:
                    groups = [[name] for name in names if (route.name, name) not in walked]
                walked.update((route.name, name) for name in names)
                for group, text in product(groups, HOSTILE):
                    asked = address + "".join(f"&{name}={quote(text)}" for name in group)
                    if status_of(browser, asked) >= 500:
                        broken.append(asked)
    assert not broken, broken
    names = {name for _, name in walked}
    assert {"page", "cluster", "position", "page_size", "after", "top", "item", "k", "separation"} <= names


def status_of(browser: Client, address: str) -> int:
    response = browser.get(address)
    if response.streaming:
        b"".join(response.streaming_content)
    return response.status_code


def walk_forms(browser: Client, rows: dict[str, dict[str, object]]) -> None:
    broken: list[object] = []
    for kind, forms in FORMS.items():
        for path, sent, fields in forms:
            for field in fields:
                for text in HOSTILE:
                    data = {name: SimpleUploadedFile("a.csv", v) if name == "file" else v for name, v in sent.items()}
                    data[field] = str(sent.get(field, "")) + text
                    response = browser.post(path.format(**rows[kind]), data)
                    if response.status_code >= 500 or (response.status_code == 404):
                        broken.append((path, field, text, response.status_code))
    assert not broken
