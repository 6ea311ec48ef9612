"""Files built in the background: requested, built once, rebuilt when results change, never stored in part."""

from __future__ import annotations

import base64
import hashlib
import io
from uuid import uuid4

import h5py
import pytest
from django.db import connection
from rest_framework.test import APIClient

from jobs.background import artefacts, blocks, leases
from jobs.models import Artefact, ArtefactBlock, Job, Output
from jobs.queue.lifecycle import job_delete, job_retry
from jobs.tasks import building, reap
from tests.helpers import body, peak_of
from tests.libraries import large_job, library

pytestmark = pytest.mark.django_db


@pytest.fixture
def published(monkeypatch) -> list[int]:
    """Return the ids that a service worker would receive."""
    sent: list[int] = []

    def send_task(name: str, args: list[str], **_: object) -> None:
        assert (name, args[0]) == ("jobs.work_in_background", "artefact")
        sent.append(int(args[1]))

    monkeypatch.setattr(leases.current_app, "send_task", send_task)
    return sent


@pytest.fixture
def lib(db, published):
    lib = library("encode", items=40)
    lib.finish()
    Job.objects.filter(pk=lib.job.pk).update(state="succeeded")
    lib.job.refresh_from_db()
    return lib


@pytest.fixture
def owner(lib) -> APIClient:
    client = APIClient()
    client.force_authenticate(lib.job.owner)
    return client


def url(lib) -> str:
    return f"/api/jobs/{lib.job.pk}/results/?format=h5"


def whole(response) -> bytes:
    return b"".join(response.streaming_content)


def sql(text: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(text, values)


def test_the_file_is_built_while_its_address_answers_202(lib, owner, published):
    first = owner.get(url(lib))
    assert (first.status_code, body(first)["state"], first["Retry-After"]) == (202, "waiting", "2")
    address = body(first)["url"]
    assert first["Location"] == address
    assert owner.get(address).status_code == owner.get(url(lib)).status_code == 202
    assert len(published) == 1, "asking again does not build again"
    assert building.artefact_build(artefact_id=published[0])
    for path in (url(lib), address):
        ready = owner.get(path)
        data = whole(ready)
        assert ready.status_code == 200
        assert ready["Content-Disposition"].endswith('"library-encode.h5"')
        assert int(ready["Content-Length"]) == len(data)
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        assert ready["Repr-Digest"] == f"sha-256=:{digest}:"
        with h5py.File(io.BytesIO(data)) as file:
            assert len(file["index"]) == 40
    (listed,) = body(owner.get(f"/api/jobs/{lib.job.pk}/manifest/"))["artefacts"]
    assert (listed["sha256"], listed["bytes"]) == (hashlib.sha256(data).hexdigest(), len(data))


def test_a_large_file_is_kept_in_many_blocks(lib, published, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 1000)
    artefact = artefacts.artefact_request(job=lib.job, kind="h5")
    building.artefact_build(artefact_id=artefact.pk)
    artefact.refresh_from_db()
    assert ArtefactBlock.objects.count() == -(-artefact.size // 1000) > 5
    data = b"".join(blocks.file_blocks(artefact))
    assert hashlib.sha256(data).hexdigest() == artefact.sha256


def test_other_people_neither_get_it_nor_have_it_built(lib, stranger, published):
    theirs = APIClient()
    theirs.force_authenticate(stranger)
    assert theirs.get(url(lib)).status_code == 404
    artefact = artefacts.artefact_request(job=lib.job, kind="h5")
    assert theirs.get(f"/api/jobs/{lib.job.pk}/artefacts/{artefact.pk}/").status_code == 404
    assert APIClient().get(url(lib)).status_code == 401


def test_it_is_built_again_when_the_results_have_changed(published):
    lib = library("encode", items=24)
    lib.finish(failing={9})
    Job.objects.filter(pk=lib.job.pk).update(state="partial")
    lib.job.refresh_from_db()
    first = artefacts.artefact_request(job=lib.job, kind="h5")
    building.artefact_build(artefact_id=first.pk)
    assert artefacts.artefact_request(job=lib.job, kind="h5").pk == first.pk
    job_retry(job_id=lib.job.pk)
    lib.finish()
    Job.objects.filter(pk=lib.job.pk).update(state="succeeded")
    lib.job.refresh_from_db()
    second = artefacts.artefact_request(job=lib.job, kind="h5")
    assert second.pk != first.pk
    building.artefact_build(artefact_id=second.pk)
    second.refresh_from_db()
    with h5py.File(io.BytesIO(b"".join(blocks.file_blocks(second)))) as file:
        assert file["index"][:].tolist() == list(range(24))
    # The superseded file stays for running downloads, and is removed after a while.
    reap()
    assert Artefact.objects.count() == 2
    sql("UPDATE jobs_artefact SET finished_at = now() - interval '2 hours'")
    reap()
    assert list(Artefact.objects.values_list("pk", flat=True)) == [second.pk]
    assert set(ArtefactBlock.objects.values_list("artefact_id", flat=True)) == {second.pk}


def test_a_running_job_gives_what_is_finished_and_the_same_file_for_a_while(published):
    lib = library("encode", items=40)
    from jobs.models import Chunk

    chunks = list(Chunk.objects.order_by("id"))
    lib.finish(chunks[:2])
    Job.objects.filter(pk=lib.job.pk).update(state="running")
    lib.job.refresh_from_db()
    first = artefacts.artefact_request(job=lib.job, kind="h5")
    building.artefact_build(artefact_id=first.pk)
    first.refresh_from_db()
    with h5py.File(io.BytesIO(b"".join(blocks.file_blocks(first)))) as file:
        assert file["index"][:].tolist() == list(range(16))
    lib.finish(chunks[2:3])
    assert artefacts.artefact_request(job=lib.job, kind="h5").pk == first.pk, "else it would never be ready"
    sql("UPDATE jobs_artefact SET finished_at = now() - interval '6 minutes'")
    assert artefacts.artefact_request(job=lib.job, kind="h5").pk != first.pk


def test_two_builders_make_one_file(lib, published):
    artefact = artefacts.artefact_request(job=lib.job, kind="h5")
    assert leases.work_claim(Artefact, artefact.pk) is not None
    assert leases.work_claim(Artefact, artefact.pk) is None
    assert not building.artefact_build(artefact_id=artefact.pk)


def test_a_builder_that_was_killed_is_replaced_and_can_store_nothing_more(lib, published, tmp_path):
    artefact = artefacts.artefact_request(job=lib.job, kind="h5")
    lost = leases.work_claim(Artefact, artefact.pk)
    ArtefactBlock.objects.create(artefact=artefact, build=lost.token, number=0, data=b"half a file")
    reap()
    assert published == [artefact.pk], "its lease holds, so nobody else is told"
    sql("UPDATE jobs_artefact SET lease_end = now() - interval '1 s', published_at = now() - interval '1 hour'")
    reap()
    assert published == [artefact.pk, artefact.pk]
    assert building.artefact_build(artefact_id=artefact.pk)
    assert not ArtefactBlock.objects.filter(build=lost.token).exists()
    (tmp_path / "late").write_bytes(b"late")
    assert not leases.work_renew(lost)
    assert not artefacts.artefact_store(lost, paths={"h5": tmp_path / "late"})
    artefact.refresh_from_db()
    with h5py.File(io.BytesIO(b"".join(blocks.file_blocks(artefact)))) as file:
        assert len(file["index"]) == 40


def test_a_builder_that_loses_its_lease_on_the_way_stores_nothing(lib, published, monkeypatch):
    artefact = artefacts.artefact_request(job=lib.job, kind="h5")

    def lose(work: Artefact, **_: object) -> bool:
        Artefact.objects.update(token=uuid4())
        return leases.work_renew(work)

    monkeypatch.setattr(building, "work_renew", lose)
    assert not building.artefact_build(artefact_id=artefact.pk)
    assert not ArtefactBlock.objects.exists()


def test_what_is_lost_again_and_again_is_given_up_with_a_reason(lib, owner, published):
    artefact = artefacts.artefact_request(job=lib.job, kind="h5")
    for _ in range(leases.MAX_ATTEMPTS):
        assert leases.work_claim(Artefact, artefact.pk)
        sql("UPDATE jobs_artefact SET lease_end = now() - interval '1 second'")
    assert leases.work_claim(Artefact, artefact.pk) is None
    reap()
    failed = owner.get(url(lib))
    assert (failed.status_code, body(failed)["code"]) == (500, "artefact_failed")
    assert "lost 3 times" in body(failed)["detail"]
    assert owner.get(url(lib)).status_code == 202, "asking again tries again"


def test_an_error_is_told_to_who_asks(lib, owner, published):
    Output.objects.filter(chunk__job=lib.job).order_by("id")[1].delete()
    owner.get(url(lib))
    assert not building.artefact_build(artefact_id=published[0])
    failed = owner.get(url(lib))
    assert failed.status_code == 500
    assert "is not stored" in body(failed)["detail"]


def test_a_full_disk_is_told_as_such(lib, published, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("jobs.tasks.building.Hdf5File", full)
    artefact = artefacts.artefact_request(job=lib.job, kind="h5")
    assert not building.artefact_build(artefact_id=artefact.pk)
    artefact.refresh_from_db()
    assert artefact.state == "failed"
    assert artefact.reason == "the builder's disk refused to write: No space left on device"


def test_redis_that_is_away_only_delays(lib, monkeypatch):
    def away(*_: object, **__: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(leases.current_app, "send_task", away)
    artefact = artefacts.artefact_request(job=lib.job, kind="h5")
    sent: list[int] = []
    monkeypatch.setattr(leases.current_app, "send_task", lambda name, args, **_: sent.append(int(args[1])))
    sql("UPDATE jobs_artefact SET published_at = now() - interval '1 minute'")
    reap()
    assert sent == [artefact.pk]


def test_deleting_a_job_frees_its_files_also_under_a_download(lib, published):
    artefact = artefacts.artefact_request(job=lib.job, kind="h5")
    building.artefact_build(artefact_id=artefact.pk)
    artefact.refresh_from_db()
    job_delete(job_id=lib.job.pk)
    assert not ArtefactBlock.objects.exists()
    with pytest.raises(blocks.ArtefactFailed):
        list(blocks.file_blocks(artefact))


@pytest.mark.parametrize("format", ["h5", "parquet"])
def test_a_job_without_results_gives_a_file_that_opens(format, published):
    import pandas as pd

    from tests.results.export_checks import content, hdf5

    lib = library("encode", {"include": ["mean", "logits"]}, items=3)
    if format == "h5":
        with hdf5(lib.job) as file:
            assert file["mean_layer_6"].shape == (0, 128)
            assert file["offsets"][:].tolist() == [0]
    else:
        frame = pd.read_parquet(io.BytesIO(content(lib.job, "parquet")))
        assert list(frame.columns) == ["index", "name", "mean_layer_6", "logits"]
        assert frame.empty


def test_parquet_says_where_its_numbers_come_from(lib):
    import orjson
    import pyarrow.parquet as pq

    from tests.results.export_checks import content

    facts = orjson.loads(pq.read_metadata(io.BytesIO(content(lib.job, "parquet"))).metadata[b"e1"])
    assert (facts["job"], facts["model"], facts["demonstration"]) == (str(lib.job.pk), "e1-demo", True)
    assert "not E1-600M" in facts["attribution"]


@pytest.mark.slow
def test_building_takes_flat_memory(published, monkeypatch):
    monkeypatch.setattr("jobs.results.export.reading.PAGE_ITEMS", 256)
    monkeypatch.setattr("jobs.results.export.reading.PAGE_BYTES", 128 * 1024)
    monkeypatch.setattr("jobs.results.export.arrays.BATCH_BYTES", 128 * 1024)
    monkeypatch.setattr(blocks, "BLOCK", 64 * 1024)

    def build(job: Job) -> None:
        Artefact.objects.all().delete()
        assert building.artefact_build(artefact_id=artefacts.artefact_request(job=job, kind="h5").pk)

    small, large = large_job(1_000), large_job(10_000)
    assert peak_of(lambda: build(large)) < 1.25 * peak_of(lambda: build(small))
