"""Accounts of use: each stored result is charged once, also if workers, jobs or people are lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import F

from e1client.accounts_cli import account_lines
from jobs.metering import stored
from jobs.metering.charges import Charge
from jobs.metering.prices import Prices
from jobs.metering.selectors import read_months, this_month
from jobs.metering.stored import storage_sample
from jobs.models import Chunk, CostCentre, Job, Project, ProjectMember, Quota, StorageClock, UsageAccount
from jobs.queue import leases
from jobs.queue.lifecycle import job_delete
from jobs.queue.losses import leases_reap
from jobs.quotas import usage
from jobs.tasks import expire as expire_task
from tests.factories import be_patient, claim, expire, ids, make_job, record
from tests.helpers import client_of, post, submit, submit_items, text_of
from worker import bundles

pytestmark = pytest.mark.django_db
GPU_PRICES = Prices.read({"gpu_hour": "2", "cpu_hour": "0.5", "gigabyte_day": "0.1"}, "EUR")
ITEMS = [{"sequence": "MKTAYIAKQR"}, {"sequence": "MKTAYIAKQRQISFVK"}]


def completion(chunk, **charge):
    return leases.Completion(
        chunk.id, chunk.token, [], {}, len(chunk.items), Charge(chunk.job_id, **{"passes": 1, "residues": 10, **charge})
    )


def account(user, **fields) -> UsageAccount:
    return UsageAccount.objects.create(
        **{"month": this_month(), "owner_id": user.pk, "owner_name": user.username, "model": "e1-demo", **fields}
    )


def test_an_account_is_the_sum_of_what_the_worker_measured(api, person, inline_worker, monkeypatch):
    measured = []
    charges = bundles._charges

    def note(chunks, each, seconds, cores):
        measured.append(seconds * cores)
        return charges(chunks, each, seconds, cores)

    monkeypatch.setattr(bundles, "_charges", note)
    for action, params in (("log_prob", {}), ("encode", {})):
        assert submit_items(api, ITEMS * 10, action, params=params).status_code == 202
    inline_worker()
    (row,) = UsageAccount.objects.all()
    assert (row.owner_id, row.model, row.month, row.gpu_seconds) == (person.pk, "e1-demo", this_month(), 0)
    assert row.cpu_seconds == pytest.approx(sum(measured), rel=1e-9)
    assert (row.passes, row.residues) == (40, 2 * 10 * 26)


def test_passes_of_a_long_action_are_those_of_its_units(api, inline_worker):
    items = [{"variant": "M1A"}, {"variant": "K2R"}]
    submit_items(api, items, "score", params={"parent": "MKTAYIAKQR", "method": "masked_marginal"})
    inline_worker()
    row = UsageAccount.objects.get()
    assert (row.passes, row.residues) == (2, 20)


def test_a_bundle_of_two_people_is_divided_by_its_tokens(person, stranger, engine_id):
    mine, other = make_job(person, [record(0)]), make_job(stranger, [record(0, "M" * 30)])
    claimed = leases.chunks_claim(chunk_ids=[*ids(mine), *ids(other)], worker="w")
    leases.chunks_begin(token=claimed[0].token)
    found = bundles._charges(claimed, [[bundles.ComputedItem(passes=1, residues=1)]] * 2, 12.0, 0)
    assert sum(one.gpu_seconds for one in found) == pytest.approx(12)
    assert found[1].gpu_seconds / found[0].gpu_seconds == pytest.approx(claimed[1].tokens / claimed[0].tokens)
    done = [leases.Completion(c.id, c.token, [], {}, 1, one) for c, one in zip(claimed, found, strict=True)]
    assert leases.bundle_complete(done=done, engine_id=engine_id) == 2
    assert dict(UsageAccount.objects.values_list("owner_name", "passes")) == {"rosalind": 1, "james": 1}


def test_work_that_was_lost_is_charged_when_its_repetition_is_stored(person, engine_id):
    job = make_job(person, [record(0)])
    (late,) = claim(ids(job), "slow")
    expire(ids(job))
    assert leases_reap() == 1
    be_patient(job)
    (again,) = claim(ids(job), "other")
    assert leases.bundle_complete(done=[completion(late, gpu_seconds=5)], engine_id=engine_id) == 0
    assert not UsageAccount.objects.exists()
    assert leases.bundle_complete(done=[completion(again, gpu_seconds=7)], engine_id=engine_id) == 1
    # The connection was lost at COMMIT, and the worker repeats its write.
    assert leases.bundle_complete(done=[completion(again, gpu_seconds=7)], engine_id=engine_id) == 0
    assert UsageAccount.objects.get().gpu_seconds == 7


def test_one_lost_chunk_of_a_bundle_leaves_the_others_charged(person, engine_id):
    job = make_job(person, [record(n) for n in range(16)])
    first, second = claim(ids(job))
    Chunk.objects.filter(pk=first.id).update(state="cancelled", lease_token=None, lease_end=None)
    done = [completion(first, gpu_seconds=1), completion(second, gpu_seconds=2)]
    assert leases.bundle_complete(done=done, engine_id=engine_id) == 1
    assert UsageAccount.objects.get().gpu_seconds == 2


def test_a_write_that_fails_charges_nothing(person, engine_id, monkeypatch):
    job = make_job(person, [record(0)])
    (chunk,) = claim(ids(job))

    def broken(charges):
        raise RuntimeError("no")

    monkeypatch.setattr(leases, "charges_add", broken)
    with pytest.raises(RuntimeError), transaction.atomic():
        leases.bundle_complete(done=[completion(chunk)], engine_id=engine_id)
    assert Chunk.objects.get().state == "leased"


def test_deleted_jobs_and_people_stay_in_the_accounts(api, person, stranger, inline_worker):
    submit_items(api, ITEMS)
    inline_worker()
    before = UsageAccount.objects.get().cpu_seconds
    job_delete(job_id=Job.objects.get().pk)
    person.delete()
    row = UsageAccount.objects.get()
    assert (row.cpu_seconds, row.owner_name) == (before, "rosalind")
    User.objects.filter(pk=stranger.pk).update(is_superuser=True)
    stranger.refresh_from_db()
    assert [one["user"] for one in client_of(stranger).get("/api/usage/accounts/").json()["results"]] == ["rosalind"]


def test_use_is_charged_to_the_cost_centre_of_the_group(api, person, inline_worker):
    submit_items(api, ITEMS)
    inline_worker()
    group = Group.objects.create(name="structural biology")
    CostCentre.objects.create(group=group, code="K-4711")
    person.groups.add(group)
    submit_items(api, ITEMS)
    inline_worker()
    assert sorted(UsageAccount.objects.values_list("cost_centre", "passes")) == [("", 2), ("K-4711", 2)]


def test_use_is_charged_to_the_project_that_a_job_is_in(api, person, inline_worker, browser):
    project = Project.objects.create(owner=person, name="TEM-1")
    storage_sample()
    for fields in ({}, {"project": str(project.pk)}):
        submit_items(api, ITEMS, **fields)
    inline_worker()
    StorageClock.objects.update(sampled_at=F("sampled_at") - timedelta(days=1))
    storage_sample()
    rows = {row["project"]: row for row in api.get("/api/usage/accounts/").json()["results"]}
    assert {key: (row["project_name"], row["passes"]) for key, row in rows.items()} == {
        "": ("", 2),
        str(project.pk): ("TEM-1", 2),
    }
    assert rows[str(project.pk)]["stored_byte_days"] > 0
    assert "TEM-1" in text_of(browser.get("/account/usage/"))
    head, *lines = api.get("/api/usage/accounts/?format=csv").content.decode().splitlines()
    at = head.split(",").index("project_name")
    assert sorted(line.split(",")[at] for line in lines) == ["", "TEM-1"]
    assert any("TEM-1" in line for line in account_lines(api.get("/api/usage/accounts/").json()))


def test_the_use_of_a_project_outlives_it_and_tells_no_new_name_to_who_left(stranger, person, engine_id):
    project = Project.objects.create(owner=person, name="before")
    member = ProjectMember.objects.create(project=project, user=stranger)
    job = make_job(stranger, [record(n) for n in range(16)])
    Job.objects.filter(pk=job.pk).update(project=project)
    first, second = claim(ids(job))
    assert leases.bundle_complete(done=[completion(first)], engine_id=engine_id) == 1
    member.delete()
    Project.objects.update(name="after")
    assert leases.bundle_complete(done=[completion(second)], engine_id=engine_id) == 1
    project_id = str(project.pk)
    project.delete()
    row = UsageAccount.objects.get()
    assert (row.project, row.project_name, row.passes) == (project_id, "before", 2)


def test_stored_bytes_are_counted_for_the_time_they_are_kept(api, person, inline_worker):
    storage_sample()
    submit_items(api, ITEMS)
    inline_worker()
    kept = usage.use_of(person.pk).stored_bytes
    assert kept > 0
    # Two days, over the end of a month.
    StorageClock.objects.update(sampled_at=datetime(2026, 1, 30, tzinfo=UTC))

    def at_the_end(query, parameters=()):
        found = rows(query, parameters)
        return [(found[0][0], datetime(2026, 2, 1, 12))] if "FOR UPDATE" in query else found  # noqa: DTZ001

    rows = stored.database.rows
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stored.database, "rows", at_the_end)
        storage_sample()
    months = UsageAccount.objects.filter(stored_byte_days__gt=0).order_by("month")
    assert [(f"{row.month:%Y-%m}", row.stored_byte_days) for row in months] == [
        ("2026-01", pytest.approx(2 * kept)),
        ("2026-02", pytest.approx(0.5 * kept)),
    ]


def test_the_task_of_expiry_samples(person, api, inline_worker):
    submit_items(api, ITEMS)
    inline_worker()
    StorageClock.objects.create(sampled_at=datetime.now(UTC).replace(year=2020))
    expire_task()
    whole = sum(UsageAccount.objects.values_list("stored_byte_days", flat=True))
    years = (datetime.now(UTC) - datetime.now(UTC).replace(year=2020)).total_seconds() / 86400
    assert whole == pytest.approx(usage.use_of(person.pk).stored_bytes * years, rel=1e-4)


def test_people_see_their_own_rows_and_administrators_all(api, other_api, person, stranger):
    account(person, passes=3)
    account(stranger, passes=4)
    assert [row["passes"] for row in api.get("/api/usage/accounts/").json()["results"]] == [3]
    User.objects.filter(pk=person.pk).update(is_superuser=True)
    assert {row["passes"] for row in api.get("/api/usage/accounts/").json()["results"]} == {3, 4}
    assert [row["passes"] for row in api.get("/api/usage/accounts/?own=true").json()["results"]] == [3]
    assert [row["passes"] for row in other_api.get("/api/usage/accounts/").json()["results"]] == [4]


def test_csv_has_the_rows_of_rest(api, person, settings):
    settings.E1_PRICES = GPU_PRICES
    account(person, gpu_seconds=5400, passes=12, residues=340, stored_byte_days=2e9)
    answer = api.get("/api/usage/accounts/")
    (row,) = answer.json()["results"]
    assert (row["gpu_hours"], row["cost"]) == (1.5, 3.2)
    table = api.get("/api/usage/accounts/?format=csv")
    assert table["Content-Type"] == "text/csv"
    head, line = table.content.decode().splitlines()
    assert dict(zip(head.split(","), line.split(","), strict=True)) == {
        key: "" if value is None else str(value) for key, value in row.items()
    }


@pytest.mark.parametrize("query", ["since=2026-13", "until=yesterday", "since=0000-01", "since=2026-1-1"])
def test_a_wrong_month_is_refused(api, query):
    answer = api.get(f"/api/usage/accounts/?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_month")


def test_the_last_twelve_months_are_the_default():
    since, until = read_months(None, "2026-03")
    assert (f"{since:%Y-%m}", f"{until:%Y-%m}") == ("2025-04", "2026-03")


def test_the_page_shows_own_use_and_everyones(browser, person, stranger):
    account(person, passes=1234)
    account(stranger, passes=5678)
    text = text_of(browser.get("/account/usage/"))
    assert "1,234" in text
    assert "5,678" not in text
    assert "5,678" not in text_of(browser.get("/account/usage/?who=everyone"))
    User.objects.filter(pk=person.pk).update(is_superuser=True)
    text = text_of(browser.get("/account/usage/?who=everyone"))
    assert "james" in text
    assert "5,678" in text
    rows = browser.get("/account/usage.csv?who=everyone").content.decode().splitlines()
    assert len(rows) == 3


def test_a_name_that_begins_a_formula_is_text_in_csv(api, person):
    account(person, owner_name="=cmd")
    User.objects.filter(pk=person.pk).update(username="=cmd")
    assert "\n2" in api.get("/api/usage/accounts/?format=csv").content.decode()
    assert ",=cmd" not in api.get("/api/usage/accounts/?format=csv").content.decode()


def test_a_budget_warns_and_then_refuses_new_work_only(api, browser, person, inline_worker, settings):
    settings.E1_PRICES, settings.E1_BUDGET = GPU_PRICES, Decimal(10)
    submit_items(api, ITEMS)
    row = account(person, gpu_seconds=3.9 * 3600)
    assert api.get("/api/usage/accounts/").json()["budget"] == {
        "limit": 10.0, "used": 7.8, "left": 2.2, "warning": None,
    }  # fmt: skip
    UsageAccount.objects.filter(pk=row.pk).update(gpu_seconds=4 * 3600)
    budget = api.get("/api/usage/accounts/").json()["budget"]
    assert "nearly used up (8.00 of 10.00 EUR)" in budget["warning"]
    assert "nearly used up" in text_of(browser.get("/account/usage/"))
    assert submit_items(api, ITEMS).status_code == 202
    UsageAccount.objects.filter(pk=row.pk).update(gpu_seconds=5 * 3600)
    for answer in (
        submit_items(api, ITEMS),
        submit(api),
        post(api, "/api/v3/e1-demo/log_prob/", {"items": ITEMS}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (402, "budget_used_up")
    estimate = post(api, "/api/estimate/", {"model": "e1-demo", "action": "log_prob", "items": ITEMS}).json()
    assert (estimate["accepted"], estimate["refusal"]["code"]) == (False, "budget_used_up")
    inline_worker()  # what was accepted goes on
    assert set(Job.objects.values_list("state", flat=True)) == {"succeeded"}
    Quota.objects.update_or_create(user=person, defaults={"budget": Decimal(1000)})
    assert submit_items(api, ITEMS).status_code == 202


def test_budgets_begin_anew_each_month(api, person, settings):
    settings.E1_PRICES, settings.E1_BUDGET = GPU_PRICES, Decimal(10)
    account(person, gpu_seconds=1e9, month="2020-01-01")
    assert submit_items(api, ITEMS).status_code == 202


@pytest.mark.parametrize("given", [{"gpu": "1"}, {"gpu_hour": "dear"}, {"gpu_hour": "-1"}, {"cpu_hour": "nan"}])
def test_a_price_list_that_cannot_be_read_is_refused(given):
    with pytest.raises(ValueError, match=r"price|number"):
        Prices.read(given)


def test_the_command_shows_a_table_with_the_sum(api, person, settings):
    settings.E1_PRICES, settings.E1_BUDGET = GPU_PRICES, Decimal(4)
    account(person, gpu_seconds=3600, passes=12000)
    account(person, cpu_seconds=7200, model="e1-600m")
    head, *rows, total, budget = account_lines(api.get("/api/usage/accounts/").json())
    assert " ".join(head.split()) == "month user model GPU-h CPU-h passes residues byte-days cost EUR"
    assert [row.split()[2:6] for row in rows] == [
        ["e1-600m", "0.000", "2.000", "0"],
        ["e1-demo", "1.000", "0.000", "12,000"],
    ]
    assert total.split() == ["total", "1.000", "2.000", "12,000", "0", "0", "3.00"]
    assert budget == "Budget of this month: 3.00 of 4.00 EUR."
