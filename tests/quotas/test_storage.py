"""Everything that is stored for a user counts towards the quota, and is deleted with its jobs."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import BinaryField

from jobs.background import blocks, leases
from jobs.background.artefacts import artefact_request
from jobs.models import (
    Alignment,
    Annotation,
    Artefact,
    ArtefactBlock,
    Context,
    ContextSet,
    HomologSearch,
    Job,
    JobColumn,
    NeighbourCount,
    Quota,
)
from jobs.models.states import JobState, WorkState
from jobs.quotas import usage
from jobs.results.retention import jobs_expire
from jobs.tasks import building
from tests.factories import MEASUREMENTS, SHORT, VARIANTS, pdb, sent
from tests.helpers import (
    ask_analysis,
    client_of,
    post,
    stored_alignment,
    submit_items,
    upload_assay,
    upload_columns,
    upload_structure,
)
from tests.libraries import grouped

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("analysed_here")]

COUNTED = {
    "Output.data": "results",
    "ArtefactBlock.data": "files and analyses, by the size of their artefact",
    "AlignmentBlock.data": "alignments, by their size",
    "NeighbourCount.counts": "alignments' neighbours",
    "PropertyModel.tables": "priors and profiles of models",
    "PredictionBlock.data": "files of predictions, by their size",
    "JobColumn.values": "columns",
    "Assay.data": "measurements, by their size",
    "Structure.data": "structures, by their size",
    "StructureBlock.data": "structures, by their size",
}
CHECKSUMS = {"Output.checksum"}
"""Sixteen bytes beside each row of results."""
CONTEXT = ["MKTAYIAKQR" * 5, "MKTAYLAKQR" * 5]
CONTEXT_BYTES = 2 * (50 + 4)


@pytest.fixture(autouse=True)
def untold(monkeypatch):
    monkeypatch.setattr(leases.current_app, "send_task", lambda *_, **__: None)


def used(user) -> int:
    return usage.use_of(user.pk).stored_bytes


def limit(user, stored_bytes) -> None:
    Quota.objects.update_or_create(user=user, defaults={"stored_bytes": stored_bytes})


def submit(api, *, context=None, sequence="MKTAYIAKQR", **more):
    items = [{"sequence": sequence} | ({"context_sequences": context} if context else {})]
    return submit_items(api, items, **more)


def test_no_table_of_bytes_is_forgotten():
    """A new one must be counted in `jobs.metering.stored.STORED`, and named here."""
    models = apps.get_app_config("jobs").get_models()
    fields = [(model, field) for model in models for field in model._meta.get_fields()]
    found = {f"{model.__name__}.{field.name}" for model, field in fields if isinstance(field, BinaryField)}
    assert found == set(COUNTED) | CHECKSUMS


def test_columns_count_and_a_full_storage_refuses_them(db):
    lib = grouped(50)
    lib.finish()
    owner, client = lib.job.owner, client_of(lib.job.owner)
    table = "index,fitness,family\n" + "".join(f"{n},{n / 7},kinase {n}\n" for n in range(50))
    before = used(owner)
    assert upload_columns(client, lib, table).status_code == 201
    takes = used(owner) - before
    assert takes >= sum(len(column.values) for column in JobColumn.objects.all()) > 200
    assert usage.attached_bytes_of(lib.job.pk) == takes
    limit(owner, used(owner))
    assert upload_columns(client, lib, table).status_code == 201, "in the place of the same ones"
    refused = upload_columns(client, lib, table.replace("fitness", "activity").replace("kinase", "a much longer name"))
    assert (refused.status_code, refused.json()["code"]) == (413, "quota_stored_bytes")
    names = JobColumn.objects.order_by("pk").values_list("name", flat=True)
    assert sorted(names) == ["family", "fitness"], "and the former one of that name is still there"
    assert used(owner) == before + takes


def test_contexts_count_once_however_many_jobs_name_them(api, person):
    assert submit(api).status_code == 202
    plain = used(person)
    assert submit(api, context=CONTEXT).status_code == 202
    assert used(person) == 2 * plain + CONTEXT_BYTES
    assert submit(api, context=CONTEXT).status_code == 202
    assert used(person) == 3 * plain + CONTEXT_BYTES


def test_contexts_that_do_not_fit_are_refused_and_leave_nothing(api, person):
    assert submit(api).status_code == 202
    plain = used(person)
    limit(person, 2 * plain + CONTEXT_BYTES - 1)
    answer = submit(api, context=CONTEXT)
    assert (answer.status_code, answer.json()["code"]) == (413, "quota_stored_bytes")
    estimate = {"model": "e1-demo", "action": "log_prob", "items": [{"sequence": SHORT, "context_sequences": CONTEXT}]}
    asked = post(api, "/api/estimate/", estimate).json()
    assert (asked["accepted"], asked["stored_bytes"]) == (False, plain + CONTEXT_BYTES)
    assert not Context.objects.exists()
    assert used(person) == plain
    Quota.objects.update(stored_bytes=2 * plain + CONTEXT_BYTES)
    assert submit(api, context=CONTEXT).status_code == 202


def make_set(api, name="family", contexts=(CONTEXT,)):
    body = {"name": name, "contexts": [list(one) for one in contexts]}
    return post(api, "/api/contexts/", body)


def test_context_sets_count_and_a_full_storage_refuses_them(api, person):
    limit(person, CONTEXT_BYTES - 1)
    answer = make_set(api)
    assert (answer.status_code, answer.json()["code"]) == (413, "quota_stored_bytes")
    assert not Context.objects.exists()
    assert not ContextSet.objects.exists()
    Quota.objects.update(stored_bytes=CONTEXT_BYTES + 500)
    assert make_set(api).status_code == 201
    assert used(person) >= CONTEXT_BYTES


def test_neighbours_of_alignments_and_searches_count(api, person):
    stored_alignment(api)
    size = Alignment.objects.get().size
    counts = sum(len(count.counts) for count in NeighbourCount.objects.all())
    assert counts > 0
    assert used(person) == size + counts
    HomologSearch.objects.create(owner=person, name="s", database_name="d", parent="M" * 300, settings={})
    assert used(person) == size + counts + 300


def test_analyses_count_and_a_full_storage_refuses_new_ones(db):
    lib = grouped(40)
    lib.finish()
    owner, client = lib.job.owner, client_of(lib.job.owner)
    before = used(owner)
    asked = ask_analysis(client, lib, "clusters")
    assert building.artefact_build(artefact_id=asked.json()["id"])
    artefact = Artefact.objects.get()
    assert artefact.state == WorkState.DONE
    assert used(owner) - before == artefact.size == usage.artefact_bytes_of(lib.job.pk) > 0
    limit(owner, used(owner))
    assert ask_analysis(client, lib, "clusters").json()["id"] == artefact.pk, "what is there may be asked for"
    refused = ask_analysis(client, lib, "map")
    assert (refused.status_code, refused.json()["code"]) == (413, "quota_stored_bytes")
    assert Artefact.objects.count() == 1


def furnished(api, person) -> list[Job]:
    """Three finished jobs with everything that can hang on a job."""
    lib = grouped(24, owner=person)
    lib.finish()
    Job.objects.filter(pk=lib.job.pk).update(state=JobState.SUCCEEDED, stored_bytes=24 * 10)
    assert upload_columns(client_of(person), lib, "index,fitness\n0,1\n5,2\n").status_code == 201
    for kind in ("clusters", "neighbours"):
        asked = ask_analysis(client_of(person), lib, kind)
        assert building.artefact_build(artefact_id=asked.json()["id"])
    scores = sent(api, "score", [{"variant": one} for one in VARIANTS], parent=SHORT, contexts=[CONTEXT, ["MKTA"]])
    assert upload_assay(api, scores, MEASUREMENTS).status_code == 201
    contacts = sent(api, "contacts", [{"sequence": SHORT}])
    assert upload_structure(api, contacts, pdb(SHORT)).status_code == 201
    rows = [[1, 3, "signal", "region"]]
    Annotation.objects.create(job_id=contacts["id"], name="a.csv", sha256="00", size=29, features=rows)
    return [Job.objects.get(pk=one) for one in (lib.job.pk, scores["id"], contacts["id"])]


def rows_that_hang_on_jobs() -> dict[str, int]:
    """Rows of every table that is reached from a job by foreign keys, and of contexts."""
    found: dict[str, int] = {"jobs_context": Context.objects.count()}
    waiting, seen = [Job], {Job}
    while waiting:
        for relation in waiting.pop()._meta.related_objects:
            model = relation.related_model
            if model not in seen:
                seen.add(model)
                waiting.append(model)
                with connection.cursor() as cursor:
                    cursor.execute(f"SELECT count(*) FROM {model._meta.db_table}")
                    found[model._meta.db_table] = cursor.fetchone()[0]
    return found


HANGING = {
    "jobs_jobcolumn",
    "jobs_assay",
    "jobs_structure",
    "jobs_annotation",
    "jobs_artefact",
    "jobs_artefactblock",
    "jobs_jobcontext",
}


def test_deleting_jobs_leaves_no_row_of_anything_that_hung_on_them(api, person):
    jobs = furnished(api, person)
    assert {table for table, rows in rows_that_hang_on_jobs().items() if rows} >= HANGING | {"jobs_context"}
    held, freed = used(person), 0
    for job in jobs:
        if job.state not in JobState.final():
            assert api.post(f"/api/jobs/{job.pk}/cancel/").status_code == 200
    held = used(person)
    for job in jobs:
        freed += int(api.delete(f"/api/jobs/{job.pk}/")["E1-Freed-Bytes"])
    assert not {table for table, rows in rows_that_hang_on_jobs().items() if rows}
    assert used(person) == 0
    # The made-up library's own results were never held against the quota.
    assert freed >= held - 24 * 10 > 0


def test_expiry_leaves_no_row_of_anything_that_hung_on_jobs(api, person, settings):
    settings.E1_RETENTION_DAYS = 30
    jobs = furnished(api, person)
    for job in jobs:
        if job.state not in JobState.final():
            assert api.post(f"/api/jobs/{job.pk}/cancel/").status_code == 200
    context_bytes = sum(Context.objects.values_list("tokens", flat=True))
    attached = {job.pk: usage.attached_bytes_of(job.pk) + usage.artefact_bytes_of(job.pk) for job in jobs}
    assert all(attached.values())
    with connection.cursor() as cursor:
        cursor.execute("UPDATE jobs_job SET expires_at = now() - interval '1 day'")
    assert jobs_expire() == 3
    assert set(rows_that_hang_on_jobs().items()) <= {
        *((table, 0) for table in rows_that_hang_on_jobs()),
        ("jobs_tally", 3),
    }
    assert used(person) == 0
    for job in jobs:
        job.refresh_from_db()
        assert job.kept["freed_bytes"] >= attached[job.pk]
    assert jobs[1].kept["freed_bytes"] >= attached[jobs[1].pk] + context_bytes


# --- what turns out too large when it is built -----------------------------------------------------------------------


def test_an_analysis_that_turns_out_too_large_fails_alone_and_says_what_to_do(person):
    lib = grouped(24, owner=person)
    lib.finish()
    client = client_of(person)
    first, second = (ask_analysis(client, lib, "neighbours", k=k).json()["id"] for k in (3, 4))
    assert building.artefact_build(artefact_id=first)
    limit(person, used(person) + 100)
    held = used(person)
    assert not building.artefact_build(artefact_id=second)
    kept, failed = Artefact.objects.order_by("pk")
    assert (kept.state, failed.state, failed.size) == ("done", "failed", 0)
    assert failed.reason.startswith(f"your jobs keep {held:,} of {held + 100:,} bytes, and this one would add ")
    assert "Delete jobs that you do not need any more" in failed.reason
    assert used(person) == held
    assert set(ArtefactBlock.objects.values_list("artefact_id", flat=True)) == {kept.pk}
    assert building.artefact_build(artefact_id=artefact_request(job=lib.job, kind="h5").pk), "one's own results"


def test_the_last_word_is_spoken_when_all_is_copied(person, monkeypatch):
    lib = grouped(24, owner=person)
    lib.finish()
    asked = ask_analysis(client_of(person), lib, "neighbours").json()["id"]
    copy = blocks._store

    def meanwhile(*args):
        Quota.objects.update_or_create(user=person, defaults={"stored_bytes": used(person) + 1})
        return copy(*args)

    monkeypatch.setattr(blocks, "_store", meanwhile)
    assert not building.artefact_build(artefact_id=asked)
    assert "this one would add" in Artefact.objects.get().reason
    assert not ArtefactBlock.objects.exists()
