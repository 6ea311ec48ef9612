"""The pages of jobs report a queue that does not move, and recover without a reload."""

from __future__ import annotations

import os

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import until, violations
from tests.e2e.steps import library

LONG_AGO = "now() - interval '4 minutes'"


@pytest.fixture
def standing(stack, service, tmp_path):
    """Return a job whose messages are lost, as if neither beat nor workers were running."""
    path = tmp_path / "standing.fasta"
    path.write_text(library(24))
    job = service.submit(path, model="e1-demo", action="log_prob", name="standing")
    # Compute it once, so that no message of it is on its way. The worker's report comes last.
    service.wait(job, timeout=60)
    with stack.sql() as cursor:
        said = (
            "SELECT max(last_bundle_at) >= (SELECT max(finished_at) FROM jobs_chunk WHERE job_id = %s) FROM jobs_worker"
        )
        until(lambda: cursor.execute(said, [job.id]).fetchone()[0])
        cursor.execute(
            "DELETE FROM jobs_output o USING jobs_chunk c WHERE c.id = o.chunk_id AND c.job_id = %s", [job.id]
        )
        cursor.execute("DELETE FROM jobs_tally WHERE job_id = %s", [job.id])
        cursor.execute(
            "UPDATE jobs_chunk SET state = 'ready', n_succeeded = 0, finished_at = NULL, engine_id = NULL, "
            f"n_bytes = 0, published_at = now() + interval '1 day', not_before = {LONG_AGO} WHERE job_id = %s",
            [job.id],
        )
        cursor.execute(f"UPDATE jobs_worker SET last_bundle_at = {LONG_AGO}")
        cursor.execute(
            f"UPDATE jobs_job SET state = 'running', finished_at = NULL, touched_at = {LONG_AGO} WHERE id = %s",
            [job.id],
        )
    return job


def test_a_standing_queue_is_said_and_the_page_recovers(open_page, stack, service, standing):
    pages = [open_page(), open_page(dark=True, phone=True)]
    for number, watched in enumerate(pages):
        for address, name in ((f"/jobs/{standing.id}/", "job"), ("/", "list")):
            watched.page.goto(address)
            trouble = watched.page.locator("#trouble")
            expect(trouble).to_contain_text("does not move: 1 job waits")
            expect(trouble).to_contain_text("go on by themselves")
            assert violations(watched.page) == []
            assert watched.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            if folder := os.environ.get("E1_PICTURES"):
                watched.page.screenshot(path=f"{folder}/trouble-{name}-{number}.png")
    assert not service._transport.http.get("/readyz").json()["ready"]
    pages[0].page.goto(f"/jobs/{standing.id}/")
    expect(pages[0].page.locator("#trouble")).to_be_visible()
    with stack.sql() as cursor:
        cursor.execute("UPDATE jobs_chunk SET published_at = NULL WHERE job_id = %s", [standing.id])
    for watched in pages:
        expect(watched.page.locator("#trouble")).to_have_count(0, timeout=60_000)
    assert service.wait(standing, timeout=60).state == "succeeded"
    assert service._transport.http.get("/readyz").json()["ready"]
