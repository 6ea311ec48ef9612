"""REST addresses without their final slash, with every method."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.test import Client

from jobs.models import Job
from tests.helpers import FASTA, body
from tests.web.routes import routes

pytestmark = pytest.mark.django_db

REST = [route for route in routes() if route.path.startswith("/api/") and route.path.endswith("/")]


def test_a_job_is_made_without_the_slash(api):
    response = api.post("/api/jobs?model=e1-demo&action=encode", FASTA, content_type="text/x-fasta")
    assert response.status_code == 202, response.content
    job = Job.objects.get()
    assert response["Location"] == body(response)["url"] == f"/api/jobs/{job.pk}/"


@pytest.mark.slow
def test_every_method_is_answered_as_with_the_slash():
    values = {f"{name}_id": uuid4() for name in ("job", "alignment", "search", "webhook", "project", "campaign")}
    things = ("artefact", "analysis", "column", "assay", "structure", "annotation", "file")
    numbers = dict.fromkeys(("index", "number", *(f"{name}_id" for name in things)), 1)
    visitor = Client()
    for route in REST:
        path = route.path.format(**values, **numbers, name="n", username="n", model="e1-demo", action="encode")
        for method in ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"):
            answers = [visitor.generic(method, one) for one in (path, path.removesuffix("/"))]
            assert answers[0].status_code == answers[1].status_code, (method, path)
            assert answers[0].content == answers[1].content, (method, path)


def test_pages_still_redirect_and_nothing_is_invented(api):
    assert api.get("/api/nothing-here").status_code == 404
    assert api.get("/service").status_code == 301
