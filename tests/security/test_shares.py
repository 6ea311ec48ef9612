"""Shares of threads, cores, memory and disk inside a web process: what one over the limit gets."""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings as configured
from django.contrib.auth.backends import ModelBackend
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from e1protocol import MODELS
from e1site import defaults
from e1site.stack.parts import web
from jobs.actions import get_action
from jobs.actions.costs import CostTally
from jobs.contacts import services as contact_services
from jobs.errors import Unavailable
from jobs.intake import estimates
from jobs.intake import submit as submitting
from jobs.maps import columns as map_columns
from jobs.models import Job, Quota
from jobs.parsing import Record
from jobs.quotas import admission, usage
from jobs.quotas.rules import Need, refusal
from jobs.results import items
from jobs.variants import assays
from jobs.web import apidocs, disk, places, turns
from jobs.web.places import REQUESTS, UPLOADS, request_begun, request_done
from tests.factories import MEASUREMENTS, SHORT, VARIANTS, finished, pdb, sent
from tests.helpers import FASTA, body, post, submit, upload_assay, upload_structure

pytestmark = pytest.mark.django_db

ADDRESS = "127.0.0.1"
SYNC = "/api/v3/e1-demo/log_prob/"


def is_refused(answer, status, code, retry_after):
    assert (answer.status_code, answer["Retry-After"]) == (status, retry_after)
    if answer["Content-Type"] == "application/json":
        assert body(answer)["code"] == code


# --- threads ---------------------------------------------------------------------------------------------------------


def test_a_user_has_so_many_requests_at_a_time_and_others_are_served(api, browser, other_api, person, settings):
    settings.E1_USER_REQUESTS = 1
    with REQUESTS.place(person.pk):
        for client, path in ((api, "/api/jobs/"), (browser, "/api/jobs/"), (browser, "/")):
            is_refused(client.get(path), 429, "too_many_requests", "5")
        assert other_api.get("/api/jobs/").status_code == Client().get("/login/").status_code == 200
    assert api.get("/api/jobs/").status_code == browser.get("/").status_code == 200
    assert not REQUESTS._taken


def test_an_address_without_a_login_has_so_many_requests_at_a_time(api, browser, settings):
    settings.E1_USER_REQUESTS = 1
    with REQUESTS.place(ADDRESS):
        is_refused(Client().get("/login/"), 429, "too_many_requests", "5")
        is_refused(Client().get("/api/schema/"), 429, "too_many_requests", "5")
        assert Client().get("/livez").status_code == Client(REMOTE_ADDR="10.0.0.9").get("/login/").status_code == 200
        assert api.get("/api/jobs/").status_code == browser.get("/").status_code == 200
    assert not REQUESTS._taken


def test_a_place_of_a_kind_replaces_that_among_all_requests(settings):
    request_begun(7)
    assert REQUESTS._taken == {7: 1}
    with UPLOADS.place(7):
        assert not REQUESTS._taken
    request_done()
    assert not REQUESTS._taken


def test_the_places_leave_threads_for_other_users():
    kinds = ("UPLOADS", "DOWNLOADS", "PUBLIC_DOWNLOADS", "SYNC_REQUESTS", "LOOK_UPS", "EVENT_STREAMS")
    command = web("127.0.0.1", 8000).command
    threads = int(command[command.index("--threads") + 1])
    assert sum(getattr(configured, f"E1_{kind}") for kind in kinds) + configured.E1_USER_REQUESTS < threads
    for kind in kinds:
        assert 0 < getattr(configured, f"E1_USER_{kind}") < getattr(configured, f"E1_{kind}")


# --- cores and memory ------------------------------------------------------------------------------------------------


@pytest.fixture
def running(monkeypatch):
    """Return a function that lets a method record who has a turn of a kind while it runs."""

    def watch(kind: turns.Turns, owner: object, name: str) -> list[set[object]]:
        seen: list[set[object]] = []
        real = getattr(owner, name)

        def noted(*args, **kwargs):
            seen.append(set(kind._running))
            return real(*args, **kwargs)

        monkeypatch.setattr(owner, name, noted)
        return seen

    return watch


@pytest.mark.parametrize(
    ("body", "reader"),
    [(None, "batch_of"), (b">a\nMKTAYIAKQR\n", "job_ingest")],
    ids=["at hand", "while it arrives"],
)
def test_a_library_is_parsed_in_turn_but_not_while_its_client_is_waited_for(
    api, person, running, monkeypatch, body, reader
):
    parsed = running(turns.READING, submitting, reader)
    received: list[set[object]] = []

    real = submitting.HashedStream.__init__

    def watched(self, stream):
        read = stream.read

        class Stream:
            def read(self, size=-1):
                received.append(set(turns.READING._running))
                return read(size)

        real(self, Stream())

    monkeypatch.setattr(submitting.HashedStream, "__init__", watched)
    address = "/api/jobs/?model=e1-demo&action=log_prob"
    answer = submit(api) if body is None else api.post(address, body, content_type="text/x-fasta")
    assert answer.status_code == 202, answer.content
    assert parsed == [{person.pk}]
    assert received
    assert not any(received)
    assert not turns.READING._running


def test_an_estimate_is_parsed_in_turn(api, person, running):
    seen = running(turns.READING, estimates, "_estimate")
    asked = {"model": "e1-demo", "action": "log_prob", "items": [{"sequence": "MKT"}]}
    assert post(api, "/api/estimate/", asked).status_code == 200
    assert seen == [{person.pk}]


@pytest.mark.parametrize("kind", ["assay", "structure", "columns"])
def test_files_laid_beside_a_job_are_read_in_turn(api, person, running, kind):
    if kind == "assay":
        job = sent(api, "score", [{"variant": variant} for variant in VARIANTS], parent=SHORT)
        seen = running(turns.READING, assays, "read_assay")
        answer = upload_assay(api, job, MEASUREMENTS)
    elif kind == "structure":
        job = sent(api, "contacts", [{"sequence": SHORT}])
        seen = running(turns.READING, contact_services, "map_structure")
        answer = upload_structure(api, job, pdb(SHORT))
    else:
        job = sent(api, "encode", [{"name": "a", "sequence": SHORT}])
        seen = running(turns.READING, map_columns, "read_columns")
        file = SimpleUploadedFile("values.csv", b"id,mass\na,1.5\n")
        answer = api.post(f"{job['url']}columns/", {"file": file})
    assert answer.status_code == 201, answer.content
    assert seen == [{person.pk}]
    assert not turns.READING._running


def test_large_answers_are_made_in_turn(api, browser, person, inline_worker, running, monkeypatch):
    job = finished(api, inline_worker, "log_prob", [{"sequence": "MKTAYIAKQR"}])
    made = running(turns.ANSWERING, items, "results_of")
    address = f"/api/jobs/{job['id']}/items/0/"
    assert api.get(address).status_code == 200
    monkeypatch.setattr(places, "LARGE_ANSWER", 1)
    assert api.get(address).status_code == 200
    assert made == [set(), {person.pk}]
    assert not turns.ANSWERING._running


def test_passwords_are_tried_in_turn(person, running):
    tried = running(turns.PASSWORDS, ModelBackend, "authenticate")
    form = {"username": "rosalind", "password": "a long password 51"}
    assert Client().post("/login/", form).status_code == 302
    assert Client(REMOTE_ADDR="10.0.0.9").post("/login/", form).status_code == 302
    assert tried == [{ADDRESS}, {"10.0.0.9"}]
    assert not turns.PASSWORDS._running


def test_the_openapi_document_is_made_once_and_in_one_thread(monkeypatch):
    apidocs._made.cache_clear()
    calls: list[int] = []
    busy = threading.Lock()
    real = apidocs.SchemaGenerator.get_schema

    def make(self, **kwargs):
        assert busy.acquire(blocking=False), "two threads make it at once"
        calls.append(1)
        try:
            return real(self, **kwargs)
        finally:
            busy.release()

    monkeypatch.setattr(apidocs.SchemaGenerator, "get_schema", make)
    with ThreadPoolExecutor(8) as pool:
        documents = list(pool.map(lambda _: apidocs.api_document(), range(8)))
    assert len(calls) == 1
    assert all(document is documents[0] for document in documents)


# --- disk ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["database", "temporary files"])
def test_a_nearly_full_disk_refuses_uploads_and_jobs(api, browser, settings, tmp_path, where):
    full = shutil.disk_usage(tmp_path).free + (1 << 40)
    settings.E1_DISK = str(tmp_path) if where == "database" else ""
    settings.E1_SPARE_BYTES = full
    is_refused(submit(api), 503, "disk_nearly_full", "300")
    form = {"file": SimpleUploadedFile("a.fasta", FASTA * 4000), "model": "e1-demo", "complete": "1"}
    is_refused(browser.post("/jobs/new/", form), 503, "disk_nearly_full", "300")
    if where == "database":
        sent = {"model": "e1-demo", "action": "encode", "items": [{"sequence": "MKT"}]}
        is_refused(post(api, "/api/jobs/", sent), 503, "disk_nearly_full", "300")
        is_refused(post(api, "/api/contexts/", {"name": "x", "contexts": [["MKT"]]}), 503, "disk_nearly_full", "300")
    assert not Job.objects.exists()
    assert api.get("/api/jobs/").status_code == 200
    settings.E1_SPARE_BYTES = 0
    assert submit(api).status_code == 202


def test_uploads_under_way_count_with_the_bytes_that_they_announce(settings, tmp_path, monkeypatch):
    settings.E1_SPARE_BYTES = 100
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10_000, 9000, 1000))
    with disk.upload_announced(500):
        with pytest.raises(Unavailable), disk.upload_announced(401):
            pass
        with disk.upload_announced(400):
            pass
    with disk.upload_announced(900):
        pass
    assert disk._announced == 0


def test_by_default_one_user_stores_half_of_a_known_disk(tmp_path):
    assert defaults.stored_bytes("", str(tmp_path)) == shutil.disk_usage(tmp_path).total // 2
    assert defaults.stored_bytes("", "") == defaults.STORED_BYTES
    assert (defaults.stored_bytes("0", str(tmp_path)), defaults.stored_bytes("12", "")) == (0, 12)


def test_the_defaults_allow_a_user_a_million_mean_embeddings_of_the_largest_model():
    facts = MODELS["e1-600m"]
    action = get_action("encode")
    cost = CostTally(action.columns({"repr_layers": [30], "include": ["mean"]}, facts))
    cost.note(Record(0, "UniRef50_A0A009IHW8", "", 1, "M" * 350, None))
    need = Need(tokens=10**6 * (2048 + 4), stored_bytes=10**6 * cost.stored_bytes)
    limits = usage.default_limits()
    assert all(limit or name == "queued_tokens" for name, limit in limits), "a share of what is scarce has a limit"
    file = Need(stored_bytes=10**6 * 1280 * 4)
    assert refusal(limits, usage.Amounts(), need) is None
    assert refusal(limits, usage.Amounts(stored_bytes=need.stored_bytes), file) is None


def test_an_administrator_raises_one_users_share(api, other_api, person, settings):
    settings.E1_QUOTA_STORED_BYTES = 1
    assert submit(api).status_code == submit(other_api).status_code == 413
    Quota.objects.create(user=person, stored_bytes=10**9)
    assert submit(api).status_code == 202
    assert submit(other_api).status_code == 413


# --- what limits cost ------------------------------------------------------------------------------------------------


def test_a_synchronous_request_far_from_its_limits_sums_nothing_and_locks_nothing(
    api, person, inline_worker, monkeypatch
):
    usage._remembered.clear()
    sums: list[int] = []
    locks: list[int] = []
    real = usage.use_of
    monkeypatch.setattr(usage, "use_of", lambda user_id: sums.append(user_id) or real(user_id))
    monkeypatch.setattr(admission, "quota_lock", lambda **of: locks.append(of["user_id"]))
    monkeypatch.setattr("jobs.intake.sync._wait", lambda *_, **__: inline_worker())
    for _ in range(3):
        assert post(api, SYNC, {"items": [{"sequence": "MKT"}]}).status_code == 200
    assert (sums, locks) == ([person.pk], [])
