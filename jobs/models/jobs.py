"""What Postgres keeps. Postgres is the queue; Redis carries ids.

An item has no state column: its state follows from its own error and its chunk's state (`selectors.ITEM_STATE`), so
that the two can never disagree and a finished chunk costs one row, not nine.
"""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from jobs.models.contexts import Context
from jobs.models.states import ChunkState, JobState
from jobs.models.workers import EngineRecord


class Job(models.Model):
    """One library with one action. Its counts come from its chunks; only what ingest found is stored here.

    `total_units` counts the work units of a long action; `unit_positions` lists the 0-based positions of the parent
    whose units all items share, where they do (docs/adr/0005).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="jobs")
    name = models.CharField(max_length=200, default="", blank=True)
    model = models.CharField(max_length=40)
    action = models.CharField(max_length=40)
    params = models.JSONField(default=dict)
    state = models.CharField(max_length=12, choices=JobState.choices, default=JobState.VALIDATING)
    interactive = models.BooleanField(default=False)
    on_invalid = models.CharField(max_length=6, default="reject")
    idempotency_key = models.CharField(max_length=255, null=True, blank=True)
    body_digest = models.CharField(max_length=64, default="", blank=True)
    total_items = models.PositiveIntegerField(default=0)
    skipped_items = models.PositiveIntegerField(default=0)
    total_residues = models.BigIntegerField(default=0)
    # Names and headers of its records, and what is kept of skipped ones.
    text_bytes = models.BigIntegerField(default=0, db_default=0)
    total_units = models.PositiveIntegerField(default=0, db_default=0)
    unit_positions = models.JSONField(null=True, blank=True)
    cleaning = models.JSONField(default=dict)
    warnings = models.JSONField(default=list)
    created_at = models.DateTimeField(db_default=Now())
    touched_at = models.DateTimeField(db_default=Now())
    """When its owner last gave it something to do: uploaded, resumed, retried, extended."""
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    # What the owner's quota holds for it: what it will take while it is unfinished, then what it takes; 0 once purged.
    stored_bytes = models.BigIntegerField(default=0, db_default=0)
    expires_at = models.DateTimeField(null=True, blank=True)
    # Set once an expired job's rows are gone; `kept` is what stays readable of them beside the tally.
    purged_at = models.DateTimeField(null=True, blank=True)
    kept = models.JSONField(default=dict, db_default={})

    class Meta:
        constraints = [
            # The key is freed by deleting a rejected job; a NULL key conflicts with nothing.
            models.UniqueConstraint(fields=["owner", "idempotency_key"], name="job_once_per_key"),
            models.CheckConstraint(condition=Q(state__in=JobState.values), name="job_state_known"),
            models.CheckConstraint(condition=Q(skipped_items__lte=F("total_items")), name="job_skipped_within_total"),
        ]
        indexes = [
            # The list of a user's jobs, newest first.
            models.Index(fields=["owner", "-created_at", "-id"], name="job_by_owner"),
            # Dispatcher and reaper look at unfinished jobs only, which are few among all.
            models.Index(
                fields=["model", "created_at"],
                condition=Q(state__in=[s.value for s in JobState.unfinished()]),
                name="job_unfinished",
            ),
            # Retention looks at jobs whose time has come, and at those whose rows it has not yet removed.
            models.Index(fields=["expires_at"], condition=Q(expires_at__isnull=False), name="job_expires"),
            models.Index(
                fields=["id"],
                condition=Q(state=JobState.EXPIRED.value, purged_at__isnull=True),
                name="job_to_purge",
            ),
        ]

    @property
    def library_bytes(self) -> int:
        """What its records take: residues, names, headers, and what is kept of skipped ones."""
        return self.total_residues + self.text_bytes


class Chunk(models.Model):
    """Up to eight consecutive items: the unit of leasing, retrying and storing.

    Items of long actions are put together from work units, which have chunks of their own: `unit_count` units from
    `unit_first` on, and no items. Units and the chunks of items that are made of them have the same `group`; the latter
    are `blocked` until all units of the group are closed. `unit_errors` says by unit what cannot be computed.

    `isolate` says that it must share a bundle with nothing, `begun` that the present lease has come to computing (a
    worker claims ahead), `alone` that nothing else is being computed in its process. `losses` counts attempts that
    ended without an answer while its one item ran alone. Outputs of the chunk are packed in the order of its items that
    have no error; `n_bytes` is what they take.
    """

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="chunks", db_index=False)
    first_index = models.PositiveIntegerField()
    model = models.CharField(max_length=40)
    state = models.CharField(max_length=9, choices=ChunkState.choices, default=ChunkState.READY)
    n_items = models.PositiveSmallIntegerField()
    n_tokens = models.PositiveIntegerField()
    n_succeeded = models.PositiveSmallIntegerField(default=0, db_default=0)
    n_failed = models.PositiveSmallIntegerField(default=0, db_default=0)
    n_bytes = models.BigIntegerField(default=0, db_default=0)
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    losses = models.PositiveSmallIntegerField(default=0, db_default=0)
    isolate = models.BooleanField(default=False, db_default=False)
    last_error = models.CharField(max_length=500, default="", db_default="", blank=True)
    not_before = models.DateTimeField(db_default=Now())
    published_at = models.DateTimeField(null=True, blank=True)
    lease_token = models.UUIDField(null=True, blank=True)
    lease_end = models.DateTimeField(null=True, blank=True)
    begun = models.BooleanField(default=False, db_default=False)
    alone = models.BooleanField(default=False, db_default=False)
    worker = models.CharField(max_length=200, default="", db_default="", blank=True)
    engine = models.ForeignKey(EngineRecord, null=True, blank=True, on_delete=models.PROTECT, db_index=False)
    finished_at = models.DateTimeField(null=True, blank=True)
    group = models.IntegerField(null=True, blank=True)
    unit_first = models.PositiveIntegerField(default=0, db_default=0)
    unit_count = models.PositiveSmallIntegerField(default=0, db_default=0)
    unit_errors = models.JSONField(null=True, blank=True)
    blocked = models.BooleanField(default=False, db_default=False)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=ChunkState.values), name="chunk_state_known"),
            # Units are no items, and counts of items do not see them.
            models.CheckConstraint(
                condition=Q(unit_count=0) | Q(n_items=0, blocked=False, group__isnull=False),
                name="chunk_units_hold_no_items",
            ),
            # What waits for its units waits for a group, and nobody has leased it.
            models.CheckConstraint(
                condition=Q(blocked=False) | Q(group__isnull=False, state__in=[ChunkState.READY, ChunkState.CANCELLED]),
                name="chunk_blocked_waits",
            ),
            # A lease is a token and an end, and nothing else holds one.
            models.CheckConstraint(
                condition=Q(state=ChunkState.LEASED, lease_token__isnull=False, lease_end__isnull=False)
                | (~Q(state=ChunkState.LEASED) & Q(lease_token__isnull=True, lease_end__isnull=True)),
                name="chunk_lease_is_whole",
            ),
            # Counts add up: a finished chunk has one final state for each of its items.
            models.CheckConstraint(
                condition=Q(n_items=F("n_succeeded") + F("n_failed"))
                | Q(state__in=[ChunkState.READY, ChunkState.LEASED, ChunkState.CANCELLED], n_succeeded=0, n_failed=0),
                name="chunk_counts_add_up",
            ),
        ]
        indexes = [
            models.Index(fields=["job", "first_index"], name="chunk_in_order"),
            # The dispatcher takes the ready ones of a job in order; closing a job asks whether any is left. Closed
            # chunks, soon most of them, are not in this index.
            models.Index(
                fields=["job", "id"],
                condition=Q(state__in=[s.value for s in ChunkState.open()]),
                name="chunk_open",
            ),
            # Units of a group: found by their number when items are put together, and asked for as long as any is open.
            models.Index(
                fields=["job", "group", "unit_first"],
                condition=Q(unit_count__gt=0),
                include=["state", "unit_count"],
                name="chunk_units",
            ),
            models.Index(fields=["job", "group"], condition=Q(blocked=True), name="chunk_blocked"),
            # Progress: closed chunks behind the tally's end, by an index-only scan; and what a download holds.
            models.Index(
                fields=["job", "id"],
                condition=Q(state__in=[s.value for s in ChunkState.closed()]),
                include=["state", "engine", "n_items", "n_succeeded", "n_failed", "n_bytes"],
                name="chunk_closed",
            ),
            # The rate of the last minute, and the moment of the last result.
            models.Index(
                fields=["job", "finished_at"],
                condition=Q(state__in=[ChunkState.DONE.value, ChunkState.FAILED.value]),
                include=["n_items"],
                name="chunk_finished",
            ),
            # Renewal finds a lease by its token, the reaper by its end; few rows at any time.
            models.Index(fields=["lease_token"], condition=Q(state=ChunkState.LEASED), name="chunk_by_token"),
            models.Index(fields=["lease_end"], condition=Q(state=ChunkState.LEASED), name="chunk_leases"),
            # What is on its way: the dispatcher's window and the tokens in flight of each owner.
            models.Index(
                fields=["model"],
                condition=Q(state=ChunkState.READY, published_at__isnull=False),
                name="chunk_published",
            ),
        ]


class Extension(models.Model):
    """Items that were added to a job later (`jobs.intake.extend`): where they begin, and which upload they were."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="extensions", db_index=False)
    idempotency_key = models.CharField(max_length=255, null=True, blank=True)
    body_digest = models.CharField(max_length=64)
    first_index = models.PositiveIntegerField()
    items = models.PositiveIntegerField()
    skipped = models.PositiveIntegerField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            # A repeated request meets the first one here; NULL conflicts with nothing.
            models.UniqueConstraint(fields=["job", "idempotency_key"], name="extension_once_per_key"),
        ]


class Item(models.Model):
    """One record of the input, in its place. Without a chunk it was skipped; with an error it failed."""

    pk = models.CompositePrimaryKey("job_id", "index")
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="items", db_index=False)
    index = models.PositiveIntegerField()
    chunk = models.ForeignKey(Chunk, null=True, blank=True, on_delete=models.CASCADE, related_name="items")
    line = models.PositiveIntegerField(null=True, blank=True)
    name = models.TextField()
    header = models.TextField(default="")
    sequence = models.TextField()
    context = models.ForeignKey(Context, null=True, blank=True, on_delete=models.PROTECT, db_index=False)
    error_code = models.CharField(max_length=40, null=True, blank=True)
    error = models.JSONField(null=True, blank=True)

    class Meta:
        constraints = [
            # A skipped item always says why.
            models.CheckConstraint(
                condition=Q(chunk__isnull=False) | Q(error_code__isnull=False), name="item_skipped_has_reason"
            ),
        ]
        indexes = [
            # Failed and skipped items of a job in order: few among many.
            models.Index(fields=["job", "index"], condition=Q(error_code__isnull=False), name="item_with_error"),
            # Whether anything still names a context; items without one, most of them, are not in it.
            models.Index(fields=["context"], condition=Q(context__isnull=False), name="item_with_context"),
        ]
