"""More items for an existing job: in every state, once, or not at all."""

from __future__ import annotations

import orjson
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from django.urls import reverse
from typer.testing import CliRunner

from e1client.cli import app
from jobs.errors import Conflict, InvalidInput, NotFound, TooManyRequests
from jobs.intake import ingest as intake
from jobs.library.selectors import items_of
from jobs.models import Chunk, Extension, Item, Job, Output, Tally
from jobs.models.states import ChunkState, JobState
from jobs.queue import lifecycle, losses
from jobs.queue.progress import job_counts
from jobs.queue.tallies import tally_advance
from jobs.results.manifest import manifest_of
from tests.factories import bad, be_patient, claim, complete, expire, extend, ids, make_job, record, submission
from tests.helpers import post

pytestmark = pytest.mark.django_db


@pytest.fixture
def job(person):
    return make_job(person, [record(n) for n in range(20)])


def finish(job, engine_id, failures=()):
    """Compute everything that is ready, and close the job."""
    be_patient(job)
    for chunk in claim(ids(job, state=ChunkState.READY)):
        complete(chunk, engine_id, failures={item.index for item in chunk.items} & set(failures))
    lifecycle.job_finalise(job_id=job.pk)
    job.refresh_from_db()


def only_this_job(job):
    """Assert that no upload is left, and that every row belongs to the job."""
    assert [one.pk for one in Job.objects.all()] == [job.pk]
    assert Item.objects.count() == Item.objects.filter(job=job).count()
    assert Chunk.objects.count() == Chunk.objects.filter(job=job).count()


def test_a_finished_job_is_queued_again_and_keeps_its_results(job, engine_id):
    finish(job, engine_id, failures=[3])
    assert job.state == JobState.PARTIAL
    before = {row.pk: bytes(row.data) for row in Output.objects.all()}
    _, added = extend(job, [record(n, "MKT") for n in range(10)])
    assert added
    job.refresh_from_db()
    assert (job.state, job.finished_at, job.total_items) == (JobState.QUEUED, None, 30)
    assert job.total_residues == 20 * 10 + 10 * 3
    assert job.cleaning == {"spaces": 1}
    assert job_counts(job) == dict(total=30, pending=10, succeeded=19, failed=1, skipped=0, cancelled=0)
    only_this_job(job)
    assert [(item.index, item.name) for item in items_of(job)][19:22] == [(19, "p19"), (20, "p0"), (21, "p1")]
    finish(job, engine_id)
    assert job.state == JobState.PARTIAL
    assert job_counts(job)["succeeded"] == 29
    assert {row.pk: bytes(row.data) for row in Output.objects.filter(pk__in=before)} == before
    (listed,) = manifest_of(job)["extensions"]
    assert (listed["first_index"], listed["items"], listed["skipped"]) == (20, 10, 0)
    read = submission([])
    read.stream.drain()
    assert listed["input_digest"] == read.digest()


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING, JobState.PAUSED])
def test_an_unfinished_job_stays_in_its_state(job, state, engine_id):
    if state != JobState.QUEUED:
        claim(ids(job)[:1])
    if state == JobState.PAUSED:
        lifecycle.job_pause(job_id=job.pk)
    extend(job, [record(n) for n in range(8)])
    job.refresh_from_db()
    assert (job.state, job.total_items) == (state, 28)
    assert job_counts(job)["pending"] == 28
    if state == JobState.PAUSED:
        assert claim(ids(job)) == []


def test_cancelled_items_stay_cancelled(job, engine_id):
    lifecycle.job_cancel(job_id=job.pk)
    extend(job, [record(0)])
    finish(job, engine_id)
    assert job_counts(job) == dict(total=21, pending=0, succeeded=1, failed=0, skipped=0, cancelled=20)
    assert job.state == JobState.PARTIAL


def test_bad_input_leaves_the_job_as_it_was(job, monkeypatch):
    monkeypatch.setattr(intake, "BATCH", 8)
    before = (Job.objects.values().get(pk=job.pk), ids(job))
    with pytest.raises(InvalidInput) as caught:
        extend(job, [bad(n) if n == 30 else record(n) for n in range(40)], key="k")
    assert [problem.line for problem in caught.value.problems] == [31]
    only_this_job(job)
    assert (Job.objects.values().get(pk=job.pk), ids(job)) == before
    _, added = extend(job, [record(0)], key="k")
    assert added, "the key is free again"


def test_skipped_records_name_their_new_place(job):
    extend(job, [record(0), bad(1), record(2)], on_invalid="skip")
    job.refresh_from_db()
    assert job_counts(job) == dict(total=23, pending=22, succeeded=0, failed=0, skipped=1, cancelled=0)
    skipped = items_of(job).get(state="skipped")
    assert (skipped.index, skipped.error_code, skipped.error[0]["line"]) == (21, "bad_letter", 2)
    assert job.on_invalid == "reject"


def test_a_place_in_the_errors_of_skipped_records_moves_along(job, api):
    body = {"items": [{"sequence": "MKT"}, {"sequence": "M1T"}], "on_invalid": "skip"}
    answer = post(api, reverse("job-extend", args=[job.pk]), body)
    assert answer.status_code == 202, answer.content
    assert items_of(job).get(index=21).error[0]["index"] == 21


def test_the_same_key_adds_once(job, engine_id):
    assert extend(job, [record(0)], key="k")[1]
    assert not extend(job, [record(0)], key="k")[1]
    finish(job, engine_id)
    assert not extend(job, [record(0)], key="k")[1], "whatever became of the job meanwhile"
    with pytest.raises(Conflict) as caught:
        extend(job, [record(1)], key="k", body=b"other")
    assert caught.value.code == "idempotency_key_reused"
    job.refresh_from_db()
    assert (job.state, job.total_items) == (JobState.SUCCEEDED, 21)
    assert extend(job, [record(0)], key="other")[1]


def test_while_the_first_upload_runs_the_second_is_told_to_come_back(job):
    seen = []

    def records():
        with pytest.raises(Conflict) as caught:
            extend(job, [record(0)], key="k")
        seen.append(caught.value.code)
        yield record(0)

    extend(job, records(), key="k")
    assert seen == ["idempotency_in_progress"]
    only_this_job(job)


def test_an_upload_that_ended_between_two_looks_is_found(job, monkeypatch):
    from jobs.intake import extend as module

    assert extend(job, [record(0)], key="k")[1]
    looks = iter([None])
    known = module._known
    monkeypatch.setattr(module, "_known", lambda *which: next(looks, known(*which)))
    assert not extend(job, [record(0)], key="k")[1]
    only_this_job(job)


def test_two_extensions_at_once_share_no_index(job):
    def records():
        extend(job, [record(n, "MKT") for n in range(5)])
        yield from (record(n) for n in range(5))

    extend(job, records())
    assert [item.index for item in items_of(job)] == list(range(30))
    assert list(Extension.objects.order_by("first_index").values_list("first_index", flat=True)) == [20, 25]


def test_counts_hold_where_the_tally_was_ahead_of_the_new_chunks(job, engine_id):
    """Chunks of the upload get their ids before a split of the job makes new chunks, which are then tallied."""

    def records():
        yield from (record(n) for n in range(8))
        # The batch above is copied when the reader requests the next one.
        (lost,) = claim(ids(job)[:1])
        expire([lost.id])
        losses.leases_reap()
        be_patient(job)
        for chunk in claim(ids(job)):
            complete(chunk, engine_id)
        tally_advance(job_id=job.pk)
        assert Tally.objects.get(job=job).upto > min(ids(Job.objects.exclude(pk=job.pk).get()))

    original = intake.BATCH
    intake.BATCH = 8
    try:
        extend(job, records())
    finally:
        intake.BATCH = original
    job.refresh_from_db()
    assert job_counts(job) == dict(total=28, pending=8, succeeded=20, failed=0, skipped=0, cancelled=0)
    finish(job, engine_id)
    tally_advance(job_id=job.pk)
    assert job_counts(job) == dict(total=28, pending=0, succeeded=28, failed=0, skipped=0, cancelled=0)
    assert job.state == JobState.SUCCEEDED


def test_a_job_deleted_meanwhile_leaves_nothing(job):
    def records():
        yield record(0)
        lifecycle.job_delete(job_id=job.pk)

    with pytest.raises(NotFound):
        extend(job, records())
    assert not Job.objects.exists()
    assert not Item.objects.exists()


def test_what_cannot_be_extended(job, person):
    claim(ids(job)[:1])
    lifecycle.job_cancel(job_id=job.pk)
    with pytest.raises(Conflict, match="cancelling"):
        extend(job, [record(0)])
    Job.objects.filter(pk=job.pk).update(state=JobState.QUEUED, interactive=True)
    with pytest.raises(Conflict, match="synchronous"):
        extend(job, [record(0)])
    Job.objects.filter(pk=job.pk).update(interactive=False, action="scan")
    with pytest.raises(Conflict, match="scan"):
        extend(job, [record(0)])
    only_this_job(job)


def test_another_question_is_another_job(job):
    with pytest.raises(InvalidInput) as caught:
        extend(job, [record(0)], action="encode", params={"include": ["mean"]})
    assert [problem.path for problem in caught.value.problems] == ["action", "params"]


def test_deleting_an_extended_job_leaves_no_row(job):
    extend(job, [record(0)])
    lifecycle.job_delete(job_id=job.pk)
    assert not Extension.objects.exists()


# --- over REST -------------------------------------------------------------------------------------------------------


def test_every_body_of_a_submission(api, job, inline_worker):
    address = reverse("job-extend", args=[job.pk])
    form = encode_multipart(BOUNDARY, {"file": SimpleUploadedFile("a.fasta", b">a\nMKT\n>b\nmkt*\n")})
    assert api.post(address, form, content_type=MULTIPART_CONTENT).status_code == 202
    assert api.post(address, b">c\nMKTA\n", content_type="text/x-fasta").status_code == 202
    answer = post(api, address, {"items": [{"sequence": "MKTAY"}]})
    assert answer.status_code == 202, answer.content
    assert answer.json()["counts"]["total"] == 24
    assert answer.json()["cleaning"] == {"spaces": 0, "line_ends": 0, "lower_case": 1, "trailing_star": 1}
    inline_worker()
    rows = [
        orjson.loads(line)
        for line in b"".join(api.get(reverse("job-results", args=[job.pk])).streaming_content).splitlines()
    ]
    assert [row["index"] for row in rows] == list(range(24))
    assert {row["state"] for row in rows} == {"succeeded"}
    assert rows[20]["result"] == rows[21]["result"]


def test_refusals_over_rest(api, job):
    address = reverse("job-extend", args=[job.pk])
    broken = api.post(address, b">c\nM1TA\n", content_type="text/x-fasta")
    assert (broken.status_code, broken.json()["errors"][0]["line"]) == (400, 2)
    other = post(api, address, {"items": [{"sequence": "MKT"}], "model": "e1-600m"})
    assert other.status_code == 400
    job.refresh_from_db()
    assert job.total_items == 20


@pytest.mark.django_db(transaction=True)
def test_the_command(live_server, person, token_of, tmp_path, monkeypatch):
    job = make_job(person, [record(n) for n in range(3)])
    monkeypatch.setenv("E1_URL", live_server.url)
    monkeypatch.setenv("E1_TOKEN", token_of(person))
    file = tmp_path / "more.fasta"
    file.write_text(">x\nMKTAYIAK\n>y\nMKT\n")
    done = CliRunner().invoke(app, ["extend", str(job.pk), str(file), "--json"])
    assert done.exit_code == 0, done.output
    assert orjson.loads(done.stdout.splitlines()[-1])["counts"]["total"] == 5
    file.write_text(">x\nMK1\n")
    assert CliRunner().invoke(app, ["extend", str(job.pk), str(file)]).exit_code == 3


def test_an_extension_counts_against_the_quota(job, settings):
    settings.E1_QUOTA_ACTIVE_JOBS = 1
    extend(job, [record(0)])
    job.refresh_from_db()
    assert job.total_items == 21, "an active job stays one"
    settings.E1_QUOTA_QUEUED_TOKENS = 21 * 14 + 13
    with pytest.raises(TooManyRequests) as caught:
        extend(job, [record(0)])
    assert caught.value.code == "quota_queued_tokens"
    only_this_job(job)
    job.refresh_from_db()
    assert job.total_items == 21
    assert job.stored_bytes > 0
