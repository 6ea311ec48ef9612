"""A small run of `python -m tests.faults load`, and a check that its accounts notice losses."""

from __future__ import annotations

import tempfile
from pathlib import Path

import httpx
import pytest

from tests.faults.answers import Answer, Documents, page_complaint, readyz_complaint, under_way
from tests.faults.clients import UPLOAD, Libraries
from tests.faults.kinds import FAULTS
from tests.faults.load import BEFORE, DURING, Load, doubled, missing, run, started
from tests.faults.service import MODEL, Service

SMALL = Load(quiet_seconds=3.0, fault_seconds=1.0, readers=1, uploaders=4)
STRUCK = ("kill -9 of web", "pg_terminate_backend on every connection", "kill -9 of the computing process")


@pytest.mark.full
@pytest.mark.stack
@pytest.mark.slow
def test_a_service_under_load_and_faults_loses_and_doubles_nothing_and_refuses_as_documented():
    with tempfile.TemporaryDirectory(prefix="e1-load-", ignore_cleanup_errors=True) as folder:
        service = Service(Path(folder) / "data")
        try:
            started(service)
            report = run(service, SMALL, {name: FAULTS[name] for name in STRUCK})
            assert report.whole, report
            answered = {(figures.kind, figures.phase) for figures in report.figures if figures.outcomes}
            assert {kind for kind, _ in answered} >= {UPLOAD, "job", "readyz", "predict, synchronous"}
            assert report.concurrent[BEFORE][1] > 1, "uploads came one by one"
            uploads = next(one for one in report.figures if (one.kind, one.phase) == (UPLOAD, DURING))
            assert uploads.outcomes["refused"] + uploads.outcomes["broken"] > 0, "nobody noticed that web was killed"
            assert report.markdown().count("\n| ") > len(report.figures)
            the_accounts_notice(service)
        finally:
            service.end()


def the_accounts_notice(service: Service) -> None:
    """Check that the accounts notice a missing library, an incomplete one, and one with two jobs."""
    items = ["MKTAYIAKQR"] * 24
    with service.client() as client:
        jobs = {
            name: client.submit_items(items, model=MODEL, action="log_prob", name=name)
            for name in ("gone", "short", "twice", "well")
        }
        client.submit_items(items, model=MODEL, action="log_prob", name="twice")
        libraries = Libraries({name: job.id for name, job in jobs.items()})
        assert missing(service, libraries) == []
        client.delete(jobs["gone"])
    with service.patient_sql() as cursor:
        cursor.execute(
            "UPDATE jobs_chunk SET state = 'cancelled', n_succeeded = 0 WHERE job_id = %s AND first_index = 0",
            [jobs["short"].id],
        )
        cursor.execute("DELETE FROM jobs_tally WHERE job_id = %s", [jobs["short"].id])
    assert [text.split(":")[0] for text in missing(service, libraries)] == ["gone", "short"]
    assert doubled(service, libraries) == 1


DOCUMENTS = Documents({"paths": {"/api/jobs/{job_id}/": {"get": {"responses": {"200": {}, "404": {}, "503": {}}}}}})
PROBLEM = {"detail": "the database does not answer", "code": "database_unavailable", "status_code": 503, "errors": []}


def answer(status: int, *, path: str = "/api/jobs/1/", **content) -> httpx.Response:
    return httpx.Response(status, request=httpx.Request("GET", f"http://test{path}"), **content)


@pytest.mark.parametrize(
    ("response", "complaint"),
    [
        (answer(200, json={}), ""),
        (answer(503, json=PROBLEM, headers={"Retry-After": "10"}), ""),
        (answer(503, json=PROBLEM), "without Retry-After"),
        (answer(503, text="<html>"), "without a JSON body"),
        (answer(503, json=PROBLEM | {"status_code": 500}), "is no problem"),
        (answer(503, json={"detail": "x"}), "is no problem"),
        (answer(500, json=PROBLEM), "500"),
        (answer(418, json=PROBLEM), "not documented"),
        (answer(404, json=PROBLEM), "nothing wrong"),
        (answer(200, path="/api/nothing/", json={}), "not documented"),
    ],
)
def test_an_answer_that_no_document_names_is_a_complaint(response, complaint):
    assert complaint in DOCUMENTS.complaint(response)
    assert bool(complaint) == bool(DOCUMENTS.complaint(response))


def test_pages_and_probes_say_200_or_503():
    green = {"ready": True, "checks": {"redis": {"ok": True, "detail": ""}}}
    red = {"ready": False, "checks": {"redis": {"ok": False, "detail": ""}}}
    assert not readyz_complaint(answer(200, json=green))
    assert not readyz_complaint(answer(503, json=red))
    assert readyz_complaint(answer(200, json=red))
    assert readyz_complaint(answer(503, json=green))
    assert readyz_complaint(answer(503, text="<html>"))
    assert not page_complaint(answer(503))
    assert page_complaint(answer(500))
    assert page_complaint(answer(404))


def test_a_key_that_two_jobs_were_answered_for_is_a_complaint():
    libraries = Libraries()
    libraries.answered("k", "1")
    libraries.answered("k", "1")
    assert not libraries.complaints
    libraries.answered("k", "2")
    assert libraries.complaints


def test_uploads_under_way_are_counted_inside_their_phase():
    answers = [Answer(UPLOAD, 0.0, 10.0, "202"), Answer(UPLOAD, 4.0, 2.0, "202"), Answer(UPLOAD, 20.0, 5.0, "202")]
    assert under_way(answers, 2.0, 12.0) == (1.0, 2)
