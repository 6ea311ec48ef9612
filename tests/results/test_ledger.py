"""The ledger of a job: every item once, in any state, and checksums of the stored numbers."""

from __future__ import annotations

import csv
import hashlib
import io

import numpy as np
import pytest
from django.urls import reverse
from typer.testing import CliRunner

from e1client.cli import app
from jobs.actions import Stored, get_action
from jobs.library.outputs import pack_outputs
from jobs.models import Chunk, Item, Job, Output
from jobs.queue import leases, lifecycle, losses
from jobs.results.export import ExportBroken
from jobs.results.export import reading as export_reading
from jobs.results.export.ledger import HEADER, ledger_blocks
from tests.factories import bad, complete, expire, ids, make_job, record

pytestmark = pytest.mark.django_db


def rows_of(job):
    text = b"".join(ledger_blocks(job)).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def digest(value):
    return hashlib.blake2b(np.array([value], "<f8").tobytes(), digest_size=16).hexdigest()


def test_every_item_is_listed_with_what_became_of_it(person, engine_id):
    job = make_job(person, [bad(1) if n == 1 else record(n) for n in range(30)], on_invalid="skip")
    first, second = leases.chunks_claim(chunk_ids=ids(job)[:2], worker="w1@host")
    leases.chunks_begin(token=first.token)
    complete(first, engine_id, failures=[3])
    expire([second.id])
    losses.leases_reap()
    rows = rows_of(job)
    assert tuple(rows[0]) == HEADER
    assert [int(row["index"]) for row in rows] == list(range(30))
    assert [row["state"] for row in rows[:5]] == ["succeeded", "skipped", "succeeded", "failed", "succeeded"]
    assert {row["state"] for row in rows[5:9]} == {"succeeded"}
    assert {row["state"] for row in rows[9:]} == {"pending"}
    assert rows[0] == {
        "index": "0",
        "name": "p0",
        "state": "succeeded",
        "code": "",
        "reason": "",
        "attempts": "1",
        "worker": "w1@host",
        "checksum": digest(-1.0),
    }
    assert rows[2]["checksum"] == digest(-3.0)
    assert (rows[1]["code"], rows[1]["reason"], rows[1]["attempts"]) == ("bad_letter", "1 is no residue", "0")
    assert (rows[3]["code"], rows[3]["reason"], rows[3]["checksum"]) == ("out_of_memory", "too large", "")
    assert "died or hung" in rows[9]["reason"]
    assert rows[29]["reason"] == rows[29]["worker"] == ""
    lifecycle.job_cancel(job_id=job.pk)
    assert {(row["state"], row["code"]) for row in rows_of(job)[9:]} == {("cancelled", "cancelled")}


def test_pages_hide_no_item_and_repeat_none(person, engine_id, monkeypatch):
    monkeypatch.setattr(export_reading, "PAGE_ITEMS", 7)
    job = make_job(person, [record(n) for n in range(40)])
    for chunk in leases.chunks_claim(chunk_ids=ids(job), worker="w1"):
        complete(
            chunk, engine_id, failures=[n for n in (8, 20, 21) if chunk.items[0].index <= n < chunk.items[0].index + 8]
        )
    rows = rows_of(job)
    assert [int(row["index"]) for row in rows] == list(range(40))
    for row in rows:
        index = int(row["index"])
        assert row["checksum"] == ("" if index in (8, 20, 21) else digest(-1.0 - index))


def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe(person):
    names = ["=1+1", "+1", "-1A", "@cmd", "\tx", "\rx", "plain", 'a,"b"\n']
    job = make_job(person, [record(n) for n in range(len(names))])
    for n, name in enumerate(names):
        Item.objects.filter(job=job, index=n).update(name=name)
    Chunk.objects.filter(job=job).update(last_error="=HYPERLINK(1)", worker="@evil")
    rows = rows_of(job)
    assert [row["name"] for row in rows] == ["'=1+1", "'+1", "'-1A", "'@cmd", "'\tx", "'\rx", "plain", 'a,"b"\n']
    assert {(row["reason"], row["worker"]) for row in rows} == {("'=HYPERLINK(1)", "'@evil")}


def test_the_same_numbers_have_the_same_checksum_in_another_chunk(person, engine_id):
    one, other = (make_job(person, [record(n) for n in range(8)]) for _ in range(2))
    (chunk,) = leases.chunks_claim(chunk_ids=ids(one), worker="w1")
    complete(chunk, engine_id)
    (lost,) = leases.chunks_claim(chunk_ids=ids(other), worker="w1")
    leases.chunks_begin(token=lost.token)
    expire(ids(other))
    losses.leases_reap()
    for single in ids(other):
        (chunk,) = leases.chunks_claim(chunk_ids=[single], worker="w1")
        complete(chunk, engine_id)
    assert [row["checksum"] for row in rows_of(one)] == [row["checksum"] for row in rows_of(other)]


def test_a_lost_output_breaks_the_ledger_off(person, engine_id):
    job = make_job(person, [record(0)])
    (chunk,) = leases.chunks_claim(chunk_ids=ids(job), worker="w1")
    complete(chunk, engine_id)
    Output.objects.all().delete()
    with pytest.raises(ExportBroken, match="not stored"):
        rows_of(job)


def test_per_token_results_have_checksums_too(person, engine_id):
    request_params = {"repr_layers": [6], "include": ["mean", "per_token"]}
    job = make_job(person, [record(n) for n in range(3)])
    Job.objects.filter(pk=job.pk).update(action="encode", params=request_params)
    job.refresh_from_db()
    (chunk,) = leases.chunks_claim(chunk_ids=ids(job), worker="w1")
    random = np.random.default_rng(0)
    arrays = [
        [
            Stored("mean", 6, random.random((1, 128), "float32")),
            Stored("per_token", 6, random.random((10, 128), "float32")),
        ]
        for _ in chunk.items
    ]
    assert leases.chunk_complete(
        chunk_id=chunk.id,
        token=chunk.token,
        outputs=pack_outputs(get_action("encode"), list(enumerate(arrays))),
        failures={},
        succeeded=3,
        engine_id=engine_id,
    )
    for row, stored in zip(rows_of(job), arrays, strict=True):
        whole = hashlib.blake2b(digest_size=16)
        for one in stored:
            whole.update(one.array.astype("<f4").tobytes())
        assert row["checksum"] == whole.hexdigest()


def test_over_rest_and_on_the_page(api, client, person, other_api):

    job = make_job(person, [record(n) for n in range(3)])
    address = reverse("job-ledger", args=[job.pk])
    answer = api.get(address, headers={"Accept": "text/csv"})
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == f'attachment; filename="e1-demo-{job.pk.hex[:8]}-log_prob-ledger.csv"'
    assert len(b"".join(answer.streaming_content).splitlines()) == 4
    assert api.get(reverse("job-detail", args=[job.pk])).json()["links"]["ledger"] == address
    client.force_login(person)
    assert f'href="{address}?bom=true"' in client.get(reverse("job-page", args=[job.pk])).content.decode()
    assert other_api.get(address).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_the_command_writes_it(live_server, person, token_of, tmp_path, monkeypatch):
    job = make_job(person, [record(n) for n in range(3)])
    monkeypatch.setenv("E1_URL", live_server.url)
    monkeypatch.setenv("E1_TOKEN", token_of(person))
    out = tmp_path / "ledger.csv"
    done = CliRunner().invoke(app, ["ledger", str(job.pk), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert [row["state"] for row in csv.DictReader(io.StringIO(out.read_text()))] == ["pending"] * 3
    assert CliRunner().invoke(app, ["ledger", str(job.pk), "--out", str(tmp_path / "no" / "x.csv")]).exit_code == 2
