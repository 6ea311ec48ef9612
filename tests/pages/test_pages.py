"""Pages, event streams, and the safety nets that beat calls."""

from __future__ import annotations

import orjson
import pytest
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from e1protocol import MODELS
from jobs.api import events
from jobs.models import Chunk, Job, Webhook
from jobs.queue.lifecycle import job_finalise
from jobs.tasks import ABANDONED_UPLOAD_SECONDS, reap
from tests.helpers import body, submit

pytestmark = pytest.mark.django_db


def test_nobody_sees_pages_without_logging_in(api):
    job = body(submit(api))
    for path in ("/", "/jobs/new/", "/service/", "/account/tokens/", job["links"]["page"]):
        response = Client().get(path)
        assert (response.status_code, response["Location"]) == (302, f"/login/?next={path}")
    assert b"Log in" in Client().get("/login/").content


def test_logging_in_and_out(person):
    client = Client()
    assert b"Please enter a correct" in client.post("/login/", {"username": "rosalind", "password": "wrong"}).content
    response = client.post("/login/", {"username": "rosalind", "password": "a long password 51"})
    assert (response.status_code, response["Location"]) == (302, "/")
    assert client.post("/logout/").status_code == 302
    assert client.get("/").status_code == 302


def test_the_list_of_jobs_shows_progress_and_the_model(api, browser, inline_worker):
    assert b"No jobs yet" in browser.get("/").content
    job = body(submit(api, b">a\nMKT\n>b\nMK1\n", on_invalid="skip", name="<b>my</b> library"))
    page = browser.get("/").content.decode()
    assert "&lt;b&gt;my&lt;/b&gt; library" in page, "names are text, never markup"
    assert "queued" in page
    assert "Profluent-E1" in page
    assert "not E1-600M" in page
    inline_worker()
    page = browser.get(job["links"]["page"]).content.decode()
    assert "succeeded" in page
    assert "the character &#x27;1&#x27; is not accepted" in page
    assert "2 of 2" in browser.get("/").content.decode()
    assert "1 skipped" in browser.get("/").content.decode()


def test_the_page_of_a_record_marks_its_bad_letters_and_names_a_namesake(api, browser):
    job = body(submit(api, b">a\nMKTAY\n>a\nMKTA\nYI1K1\n>a\nMKV\n>b\nMK\n", on_invalid="skip"))
    items = f"{job['links']['page']}items/"
    page = browser.get(f"{items}1/").content.decode()
    assert "<td>MKTAYI<mark>1</mark>K<mark>1</mark></td>" in page
    assert '<b class="sequence">1</b> at position 7' in page
    assert "at position 9" in page
    assert "line 5 of the input" in page, "the line of the fault, as in the list and the CSV"
    assert f'Record <a href="{items}0/">1</a>, line 1, has the same name' in page.replace("\n", " ")
    assert "has the same name" not in browser.get(f"{items}3/").content.decode()
    assert "<mark>" not in browser.get(f"{items}0/").content.decode()


def test_other_peoples_pages_are_not_there(api, stranger):
    theirs = Client()
    theirs.force_login(stranger)
    assert theirs.get(body(submit(api))["links"]["page"]).status_code == 404
    assert b"No jobs yet" in theirs.get("/").content


def test_a_session_may_use_the_rest_interface_but_not_without_csrf(person, browser):
    assert browser.get("/api/jobs/").status_code == 200
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(person)
    response = strict.post("/api/jobs/", b"{}", content_type="application/json")
    assert (response.status_code, response.json()["code"]) == (403, "permission_denied")


def test_events_tick_when_something_changed_and_end_with_the_job(api, inline_worker, monkeypatch):
    monkeypatch.setattr(events, "LOOK_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(events, "close_old_connections", lambda: None)
    job = body(submit(api))
    stream = iter(api.get(job["links"]["events"]).streaming_content)
    first = next(stream)
    assert first.startswith(b"event: tick\n")
    assert orjson.loads(first.split(b"data: ")[1])["state"] == "queued"
    inline_worker()
    rest = b"".join(stream)
    assert rest.count(b"event: tick") == 1
    assert rest.endswith(b"\n\n")
    done = orjson.loads(rest.split(b"event: done\ndata: ")[1])
    assert (done["state"], done["counts"]["succeeded"]) == ("succeeded", 3)


@pytest.mark.django_db(transaction=True)  # closing a response closes its connection
def test_streams_are_capped_and_give_their_place_back(api, settings):
    links = body(submit(api))["links"]
    open_streams = [api.get(links["events"]) for _ in range(settings.E1_USER_EVENT_STREAMS)]
    response = api.get(links["events"])
    assert (response.status_code, body(response)["code"]) == (503, "too_many_streams")
    for stream in open_streams:
        stream.close()
    again = api.get(links["events"])
    assert again.status_code == 200
    again.close()


def test_reap_closes_what_nobody_closed(api, inline_worker, monkeypatch):
    job = body(submit(api, b"".join(b">%d\nMKTAYIAKQR\n" % n for n in range(9))))
    from worker import bundles

    # A small job closes with its last chunk. Of this one the worker dies between the chunk's commit and finalise.
    monkeypatch.setattr(bundles, "job_finalise", lambda job_id: False)
    inline_worker()
    assert Job.objects.get(pk=job["id"]).state == "running"
    reap()
    assert Job.objects.get(pk=job["id"]).state == "succeeded"
    assert not job_finalise(job_id=job["id"])


def test_reap_removes_uploads_whose_web_process_died(api):
    job = body(submit(api))
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE jobs_job SET state = 'validating', touched_at = now() - %s * interval '1 second'",
            [ABANDONED_UPLOAD_SECONDS - 60],
        )
    reap()
    assert Job.objects.filter(pk=job["id"]).exists()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE jobs_job SET touched_at = now() - %s * interval '1 second'", [ABANDONED_UPLOAD_SECONDS + 60]
        )
    reap()
    assert not Job.objects.exists()
    assert not Chunk.objects.exists()


def test_an_engine_that_fails_costs_no_neighbour_its_result(api, inline_worker, monkeypatch):
    """A sequence that breaks the engine is found by running it alone. Only it fails, with the reason."""
    from worker import tasks

    engine = tasks.current.process.engine
    encode = engine.encode

    def allergic(queries):
        if any("WWWWW" in query.sequence for query in queries):
            raise RuntimeError("the kernel met WWWWW")
        return encode(queries)

    monkeypatch.setattr(engine, "encode", allergic)
    fasta = b"".join(b">p%d\n%s\n" % (n, b"MKWWWWWT" if n == 13 else b"MKTAYIAKQR") for n in range(24))
    job = body(submit(api, fasta, action="log_prob"))
    for _ in range(8):
        with connection.cursor() as cursor:
            cursor.execute("UPDATE jobs_chunk SET not_before = now() - interval '1 second'")
        inline_worker_once(tasks)
    job = body(api.get(job["url"]))
    assert (job["state"], job["counts"]["succeeded"], job["counts"]["failed"]) == ("partial", 23, 1)
    (failed,) = body(api.get(job["links"]["items"], {"state": "failed"}))["results"]
    assert (failed["index"], failed["code"]) == (13, "worker_error")
    assert "WWWWW" in failed["reason"]
    # After the repair, only the failed item is computed again.
    monkeypatch.setattr(engine, "encode", encode)
    retried = body(api.post(job["links"]["retry"]))
    assert retried["counts"]["pending"] == 1
    inline_worker_once(tasks)
    assert body(api.get(job["url"]))["state"] == "succeeded"


def inline_worker_once(tasks) -> None:
    """Run every ready chunk once; isolated ones alone, as the dispatcher sends them."""
    ready = list(Chunk.objects.filter(state="ready").order_by("id").values_list("id", "isolate"))
    tasks.run_bundles([[chunk_id for chunk_id, isolate in ready if not isolate] or [-1]])
    for chunk_id, isolate in ready:
        if isolate:
            tasks.run_bundles([[chunk_id]])


def test_every_model_says_on_its_jobs_what_it_is():
    from jobs.attribution import attribution

    for facts in MODELS.values():
        assert "Profluent-E1" in attribution(facts)
        assert ("not E1-600M" in attribution(facts)) == facts.demonstration


def test_health_views_ask_for_no_token_and_show_nobodys_work(api):
    submit(api, name="secret library")
    for path in ("/livez", "/readyz", "/metrics"):
        assert b"secret" not in APIClient().get(path).content


def test_addresses_that_forms_are_sent_to_lead_to_the_page_with_the_form(api, browser, person, stranger):
    page = body(submit(api))["links"]["page"]
    hook = str(Webhook.objects.create(owner=person, url="https://hook/", secret="whsec_x", events=[]).pk)
    theirs = Client()
    theirs.force_login(stranger)
    leads = {
        f"{page}act/": page,
        f"{page}attachments/delete/": page,
        f"{page}map/act/?colour=residues": f"{page}map/?colour=residues",
        f"{page}picks/": f"{page}map/",
        f"{page}items/0/structures/?separation=24": f"{page}items/0/?separation=24",
        "/account/tokens/abc/revoke/": "/account/tokens/",
        f"/account/webhooks/{hook}/act/": "/account/webhooks/",
        "/logout/": "/",
    }
    for address, target in leads.items():
        for ask in (browser.get, browser.head):
            answer = ask(address)
            assert (answer.status_code, answer["Location"]) == (302, target), address
        assert browser.put(address).status_code == 405
        own = page in address or hook in address
        assert theirs.get(address).status_code == (404 if own else 302), address
    assert browser.get("/account/tokens/").status_code == 200, "a look logs nobody out"
