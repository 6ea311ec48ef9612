"""Background work of all users: long work delays no one else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from celery import current_app
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from e1protocol import ARTEFACT_QUEUE, TASK_EXPIRE, TASK_WEBHOOKS, TASK_WORK
from e1site.stack import parts
from jobs import tasks
from jobs.alignments import services as alignments
from jobs.background import leases as background
from jobs.holds import hold
from jobs.models import Alignment, Artefact, HomologSearch, Job, NeighbourCount
from jobs.science.alignments.reading import read_alignment
from jobs.tasks import turns
from jobs.tasks.works import Kind
from jobs.webhooks import services as webhooks
from tests.helpers import ask_analysis, client_of, sample_alignment, stored_alignment, upload_alignment
from tests.libraries import grouped
from tests.queue.lock_checks import assert_counted_under_the_owners_lock
from worker.app import app

pytestmark = pytest.mark.django_db


# --- queues ----------------------------------------------------------------------------------------------------------


def queue_of(task: str) -> str:
    return app.amqp.router.route({}, task)["queue"].name


def test_nothing_that_beat_sends_waits_behind_what_may_take_hours(monkeypatch):
    assert queue_of(TASK_WORK) == ARTEFACT_QUEUE
    assert ARTEFACT_QUEUE not in {queue_of(entry["task"]) for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    sent = []
    monkeypatch.setattr(webhooks.current_app, "send_task", lambda name, queue, **_: sent.append((name, queue)))
    webhooks._publish()
    assert sent == [(TASK_WEBHOOKS, queue_of(TASK_WEBHOOKS))]


def test_of_the_service_worker_a_process_is_left_to_the_safety_nets():
    command = parts.service_worker().command
    slow = {TASK_WEBHOOKS, TASK_EXPIRE}
    assert int(command[command.index("--concurrency") + 1]) > len(slow)


@pytest.mark.parametrize(
    ("name", "task", "work"),
    [("e1-webhooks", tasks.deliver_webhooks, "deliveries_send"), ("e1-expire", tasks.expire, "jobs_expire")],
)
def test_each_of_them_keeps_one_process_at_a_time(monkeypatch, name, task, work):
    done = []
    monkeypatch.setattr(tasks, work, lambda: done.append(work))
    with hold(name):
        task()
        assert done == []
    task()
    assert done == [work]


# --- turns -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def told(monkeypatch) -> list[str]:
    """Return the tasks that a worker of long builds would receive."""
    sent: list[str] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, *_, **__: sent.append(name))
    monkeypatch.setattr(turns, "queue_length", lambda queue: 0)
    return sent


@pytest.fixture
def done(monkeypatch, told) -> list[tuple[str, str]]:
    """Record the order of background work without computing it."""
    found: list[tuple[str, str]] = []

    def build(pk: str) -> bool:
        work = background.work_claim(Artefact, pk)
        found.append(("map", str(work.params["seed"])))
        return background.work_finish(work)

    def run(pk: str) -> bool:
        work = background.work_claim(HomologSearch, pk)
        found.append(("search", work.name))
        return background.work_finish(work)

    works = {"artefact": Kind(Artefact, "job__owner", build), "homologsearch": Kind(HomologSearch, "owner", run)}
    monkeypatch.setattr(turns, "WORKS", works)
    return found


def maps(owner, count: int, first: int = 0) -> list[Artefact]:
    job = Job.objects.create(owner=owner, model="e1-demo", action="encode", params={}, state="succeeded")
    seeds = range(first, first + count)
    return [Artefact.objects.create(job=job, kind="map", params={"seed": n}, fingerprint=str(n)) for n in seeds]


def search(owner, name: str) -> HomologSearch:
    fields = {"database_name": "small", "database_digest": "", "parent": "MKT", "settings": {}}
    return HomologSearch.objects.create(owner=owner, name=name, **fields)


def asked_at(row, minutes: int) -> None:
    type(row).objects.filter(pk=row.pk).update(
        created_at=timezone.now() - timedelta(hours=1) + timedelta(minutes=minutes)
    )


def test_owners_take_turns_whoever_asked_for_more(person, stranger, done):
    for at, one in enumerate(maps(person, 4)):
        asked_at(one, at)
    asked_at(*maps(stranger, 1, first=10), 10)
    asked_at(search(stranger, "homologs"), 11)
    for message in [("artefact", "1"), ("homologsearch", "1")] * 4:
        tasks.work_in_background(*message)
    assert done == [("map", "0"), ("map", "10"), ("map", "1"), ("search", "homologs"), ("map", "2"), ("map", "3")]


def test_who_has_something_under_way_lets_the_others_go_first(person, stranger, done):
    first, second = maps(person, 2)
    (third,) = maps(stranger, 1, first=10)
    for at, one in enumerate((first, second, third)):
        asked_at(one, at)
    assert background.work_claim(Artefact, first.pk)
    assert turns.next_in_turn() == ("artefact", str(third.pk))
    Artefact.objects.filter(pk=first.pk).update(lease_end=timezone.now() - timedelta(seconds=1))
    assert turns.next_in_turn() == ("artefact", str(first.pk)), "its process is gone"
    Artefact.objects.filter(pk=first.pk).update(attempts=turns.MAX_ATTEMPTS)
    assert turns.next_in_turn() == ("artefact", str(second.pk)), "it was lost too often"


def test_one_message_is_enough_however_many_were_lost(person, done, told):
    maps(person, 3)
    tasks.work_in_background("artefact", "1")
    for number in (1, 2):
        assert len(told) == len(done) == number
        tasks.work_in_background("artefact", "1")
    assert (len(told), len(done)) == (2, 3)
    assert not turns.turn_take()


def test_beat_tells_again_of_the_first_however_many_wait(person, told):
    maps(person, 20)
    for number in range(20):
        search(person, str(number))
    for _ in range(3):
        background.works_tend(Artefact)
        background.works_tend(HomologSearch)
    assert told == [TASK_WORK, TASK_WORK], "once in half a minute"


# --- how much of it one user may have --------------------------------------------------------------------------------


@pytest.fixture
def two(settings, told) -> None:
    settings.E1_QUOTA_BACKGROUND = 2


def refused(answer) -> None:
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (429, "quota_background", "30")
    (problem,) = answer.json()["errors"]
    kinds = "analyses, counts of neighbours, models and predictions"
    assert problem["message"].startswith(f"2 of your {kinds} are not finished")
    assert problem["remedy"] == "Wait until one ends, or cancel an analysis or a file of predictions."


def test_analyses_beyond_the_limit_are_refused_until_one_is_over(person, stranger, two):
    lib = grouped(24, owner=person)
    lib.finish()
    owner = client_of(person)
    first, second = (ask_analysis(owner, lib, "map", method="pca", seed=seed).json() for seed in (1, 2))
    refused(ask_analysis(owner, lib, "map", method="pca", seed=3))
    assert Artefact.objects.count() == 2
    assert ask_analysis(owner, lib, "map", method="pca", seed=2).json()["id"] == second["id"], (
        "what is there is no further one"
    )
    assert owner.get(f"/api/jobs/{lib.job.pk}/results/?format=h5").status_code == 202, "one's own results"
    assert owner.post(f"{first['url']}cancel/").status_code == 200
    assert ask_analysis(owner, lib, "map", method="pca", seed=3).status_code == 202
    refused(ask_analysis(owner, lib, "map", method="pca", seed=1))
    theirs = grouped(24, owner=stranger)
    theirs.finish()
    assert ask_analysis(client_of(stranger), theirs, "map", method="pca").status_code == 202


def test_counts_of_neighbours_are_under_the_same_limit(api, person, two, monkeypatch):
    monkeypatch.setattr(alignments, "INLINE_PAIR_WORDS", 0)
    body = stored_alignment(api)
    count = NeighbourCount.objects.get()
    answer = sample_alignment(api, body, samplings=[{"neighbour_threshold": t} for t in (0.3, 0.4, 0.5)], preview=True)
    refused(answer)
    assert set(NeighbourCount.objects.values_list("threshold", flat=True)) == {count.threshold, 0.3}
    refused(upload_alignment(api, b">parent\nMKTAYI\n>a\nMRTAYI\n"))
    assert Alignment.objects.count() == 1, "what may not be counted is not kept either"
    rows = read_alignment(b">parent\nMKTAYI\n>a\nMWTAYI\n")
    assert alignments.alignment_store(owner=person, name="found", source="search", rows=rows, admitted=True)
    monkeypatch.setattr(alignments, "INLINE_PAIR_WORDS", 10**9)
    assert stored_alignment(api, b">parent\nMKTAYI\n>a\nMRTAYI\n")["state"] == "ready", "quick ones wait for nobody"


def test_unfinished_work_is_counted_under_its_owners_lock(person, two):
    lib = grouped(24, owner=person)
    lib.finish()
    with CaptureQueriesContext(connection) as asked:
        assert ask_analysis(client_of(person), lib, "map", method="pca").status_code == 202
    assert_counted_under_the_owners_lock(asked, counted="jobs_neighbourcount", stored="jobs_artefact")
