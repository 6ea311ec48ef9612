"""What beat repeats (dispatching, reaping, expiry, webhooks), and whether it has been done lately."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType

from django.db.models import F, Q
from django.db.models.functions import Coalesce, Greatest, Now

from jobs import database
from jobs.models import Duty

DISPATCH, REAP, EXPIRE, WEBHOOKS = "dispatch", "reap", "expire", "webhooks"
LIMITS = MappingProxyType({DISPATCH: 180, REAP: 180, EXPIRE: 1800, WEBHOOKS: 900})
"""Seconds after which a duty counts as neglected. Each is repeated several times within them (CELERY_BEAT_SCHEDULE)."""
WORDS = MappingProxyType(
    {
        DISPATCH: "no work was handed out",
        REAP: "no lost work was taken back and no job closed",
        EXPIRE: "nothing was looked through for expiry",
        WEBHOOKS: "no webhooks were looked for",
    }
)
NOTED_SECONDS = 10
"""A duty that is repeated every few seconds is written down this often."""


def duty_done(name: str) -> None:
    """Note that a duty has just been done.

    If no work was handed out for long, beat did not run. Then the absence of all duties counts from now on, because
    some are repeated every few minutes only.
    """
    rested = database.rows(
        """
        WITH before AS (SELECT greatest(done_at, counted_from) AS last FROM jobs_duty WHERE name = %(name)s)
        INSERT INTO jobs_duty (name, done_at) VALUES (%(name)s, statement_timestamp())
        ON CONFLICT (name) DO UPDATE SET done_at = excluded.done_at
        WHERE jobs_duty.done_at IS NULL
            OR jobs_duty.done_at < statement_timestamp() - %(noted)s * interval '1 second'
        RETURNING (SELECT last < statement_timestamp() - %(limit)s * interval '1 second' FROM before)
        """,
        {"name": name, "noted": NOTED_SECONDS, "limit": LIMITS[name]},
    )
    if name == DISPATCH and rested and rested[0][0]:
        duties_begin()


def duties_begin() -> None:
    """Count the absence of every duty from now on: the service has just started."""
    Duty.objects.bulk_create([Duty(name=name) for name in LIMITS], ignore_conflicts=True)
    Duty.objects.update(counted_from=Now())


def duties_ages() -> dict[str, float]:
    """Return the seconds since each duty was last done, or since the service started."""
    last = Greatest(Coalesce("done_at", F("counted_from")), F("counted_from"))
    rows = Duty.objects.filter(name__in=list(LIMITS)).annotate(age=Now() - last).values_list("name", "age")
    return {name: age.total_seconds() for name, age in rows}


def duties_neglected() -> list[str]:
    """Return a sentence for each duty that has not been done for longer than its limit."""
    late = Q()
    for name, seconds in LIMITS.items():
        late |= Q(name=name, last__lt=Now() - timedelta(seconds=seconds))
    rows = Duty.objects.annotate(last=Greatest(Coalesce("done_at", F("counted_from")), F("counted_from")))
    names = set(rows.filter(late).values_list("name", flat=True))
    return [f"{WORDS[name]} for {LIMITS[name] // 60} minutes or more" for name in LIMITS if name in names]
