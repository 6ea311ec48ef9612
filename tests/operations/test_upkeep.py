"""What beat repeats, and the check that notices if it is not done."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from rest_framework.test import APIClient

from jobs import tasks
from jobs.fleet import duties
from jobs.models import Duty
from jobs.operations.health import readiness

pytestmark = pytest.mark.django_db

TASKS = {
    duties.DISPATCH: tasks.dispatch_all,
    duties.REAP: tasks.reap,
    duties.EXPIRE: tasks.expire,
    duties.WEBHOOKS: tasks.deliver_webhooks,
}


def upkeep() -> str:
    """Return what is wrong; empty if the check passes."""
    check = readiness()[1]["upkeep"]
    return "" if check["ok"] else check["detail"]


def long_ago(name: str, *, also_begun: bool = True) -> None:
    moment = Now() - timedelta(seconds=duties.LIMITS[name] + 1)
    Duty.objects.filter(name=name).update(done_at=moment, **({"counted_from": moment} if also_begun else {}))


@pytest.mark.parametrize("name", TASKS)
def test_a_duty_that_nobody_does_is_red_until_it_is_done(inline_worker, name):
    duties.duties_begin()
    assert upkeep() == ""
    long_ago(name)
    assert upkeep().startswith(duties.WORDS[name])
    assert APIClient().get("/readyz").status_code == 503
    TASKS[name]()
    assert upkeep() == ""


def test_a_duty_that_fails_each_time_is_not_done(inline_worker, monkeypatch):
    def fail() -> int:
        raise ZeroDivisionError

    duties.duties_begin()
    long_ago(duties.REAP)
    monkeypatch.setattr(tasks, "leases_reap", fail)
    with pytest.raises(ZeroDivisionError):
        tasks.reap()
    assert upkeep()


def test_a_start_counts_from_anew(inline_worker):
    duties.duties_begin()
    for name in TASKS:
        long_ago(name)
    assert upkeep()
    duties.duties_begin()
    assert upkeep() == ""


def test_beat_that_comes_back_has_time_for_what_it_repeats_rarely(inline_worker):
    duties.duties_begin()
    for name in TASKS:
        long_ago(name)
    tasks.dispatch_all()
    assert upkeep() == ""
    long_ago(duties.EXPIRE)
    tasks.dispatch_all()
    assert upkeep(), "beat was not away, so the other duty has no excuse"


def test_a_duty_repeated_every_few_seconds_is_written_rarely(inline_worker):
    tasks.dispatch_all()
    first = Duty.objects.get(name=duties.DISPATCH).done_at
    tasks.dispatch_all()
    assert Duty.objects.get(name=duties.DISPATCH).done_at == first
