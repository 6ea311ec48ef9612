"""Jobs, chunks and items. Postgres is the queue; Redis carries ids.

An item has no state column. Its state follows from its error and its chunk's state (`selectors.ITEM_STATE`). So they
never disagree, and finishing a chunk writes one row instead of nine.
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

    `total_units` counts the work units of a long action. If all items share units, `unit_positions` lists the 0-based
    positions of the parent that they belong to (docs/adr/0005). `may_edit` is no column: pages set it for templates, to
    whether the user who asks may change the job.
    """

    may_edit = True

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="jobs")
    project = models.ForeignKey(
        "jobs.Project", null=True, blank=True, on_delete=models.SET_NULL, related_name="jobs", db_index=False
    )
    name = models.CharField(max_length=200, default="", blank=True)
    tags = models.JSONField(default=list, db_default=[], blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    model = models.CharField(max_length=40)
    action = models.CharField(max_length=40)
    params = models.JSONField(default=dict)
    # The type of the products that its workers compute in: "" until the first claim, or ANY once it is released.
    precision = models.CharField(max_length=8, default="", db_default="", blank=True)
    state = models.CharField(max_length=12, choices=JobState.choices, default=JobState.VALIDATING)
    # Paused because its owner was deactivated, so it comes back with the owner.
    held = models.BooleanField(default=False, db_default=False)
    interactive = models.BooleanField(default=False)
    on_invalid = models.CharField(max_length=6, default="reject")
    idempotency_key = models.CharField(max_length=255, null=True, blank=True)
    body_digest = models.CharField(max_length=64, default="", blank=True)
    total_items = models.PositiveIntegerField(default=0)
    skipped_items = models.PositiveIntegerField(default=0)
    total_residues = models.BigIntegerField(default=0)
    # Bytes of names, headers and skipped records, and of the rows of all records.
    text_bytes = models.BigIntegerField(default=0, db_default=0)
    total_units = models.PositiveIntegerField(default=0, db_default=0)
    unit_positions = models.JSONField(null=True, blank=True)
    cleaning = models.JSONField(default=dict)
    warnings = models.JSONField(default=list)
    created_at = models.DateTimeField(db_default=Now())
    touched_at = models.DateTimeField(db_default=Now())
    """When its owner last uploaded to it, or resumed, retried or extended it."""
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    # Bytes reserved in the owner's quota: expected ones while it is unfinished, then real ones; 0 once purged.
    stored_bytes = models.BigIntegerField(default=0, db_default=0)
    expires_at = models.DateTimeField(null=True, blank=True)
    # Set once an expired job's rows are deleted. With the tally, `kept` is what stays readable of them.
    purged_at = models.DateTimeField(null=True, blank=True)
    kept = models.JSONField(default=dict, db_default={})

    ANY_PRECISION = "any"

    class Meta:
        constraints = [
            # Deleting a rejected job frees its key; NULL keys never conflict.
            models.UniqueConstraint(fields=["owner", "idempotency_key"], name="job_once_per_key"),
            models.CheckConstraint(condition=Q(state__in=JobState.values), name="job_state_known"),
            models.CheckConstraint(condition=Q(skipped_items__lte=F("total_items")), name="job_skipped_within_total"),
        ]
        indexes = [
            # The list of a user's jobs, newest first.
            models.Index(fields=["owner", "-created_at", "-id"], name="job_by_owner"),
            # What a project holds. Most rows are in none.
            models.Index(
                fields=["project", "-created_at", "-id"],
                condition=Q(project__isnull=False),
                name="job_by_project",
            ),
            # Dispatcher and reaper read unfinished jobs only, which are few.
            models.Index(
                fields=["model", "created_at"],
                condition=Q(state__in=[s.value for s in JobState.unfinished()]),
                name="job_unfinished",
            ),
            # Retention reads jobs that are due, and expired ones whose rows it has not deleted yet.
            models.Index(fields=["expires_at"], condition=Q(expires_at__isnull=False), name="job_expires"),
            models.Index(
                fields=["id"],
                condition=Q(state=JobState.EXPIRED.value, purged_at__isnull=True),
                name="job_to_purge",
            ),
        ]

    def added_by(self, user_id: int) -> int | None:
        """Return what `added_by_id` holds in a row of this job: the user who adds it, or None for the owner."""
        return None if user_id == self.owner_id else user_id

    @property
    def library_bytes(self) -> int:
        """Bytes of its residues, names, headers, skipped records, and the rows of all records."""
        return self.total_residues + self.text_bytes


class Chunk(models.Model):
    """Up to eight consecutive items: the unit of leasing, retrying and storing.

    Items of long actions are put together from work units. Units have chunks of their own, without items: `unit_count`
    units from `unit_first` on. Their chunks and those of their items share a `group`. The latter are `blocked` until
    all units of the group are closed. `unit_errors` are the problems by unit.

    - `isolate`: it must be alone in its bundle.
    - `begun`: computing has begun under the present lease; a worker claims ahead.
    - `alone`: nothing else is being computed in its process.
    - `losses`: attempts that ended without an answer while its one item ran alone.
    - `n_tokens`, `n_attended`, `n_passes`: its load (`e1protocol.costs`).
    - `n_bytes`: bytes of its outputs, which are packed in the order of the items without an error.
    """

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="chunks", db_index=False)
    first_index = models.PositiveIntegerField()
    model = models.CharField(max_length=40)
    state = models.CharField(max_length=9, choices=ChunkState.choices, default=ChunkState.READY)
    n_items = models.PositiveSmallIntegerField()
    n_tokens = models.PositiveIntegerField()
    n_attended = models.BigIntegerField(default=0, db_default=0)
    n_passes = models.PositiveIntegerField(default=0, db_default=0)
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
            # Counts of items ignore chunks of units.
            models.CheckConstraint(
                condition=Q(unit_count=0) | Q(n_items=0, blocked=False, group__isnull=False),
                name="chunk_units_hold_no_items",
            ),
            # A blocked chunk waits for a group, and is not leased.
            models.CheckConstraint(
                condition=Q(blocked=False) | Q(group__isnull=False, state__in=[ChunkState.READY, ChunkState.CANCELLED]),
                name="chunk_blocked_waits",
            ),
            # A lease is a token and an end; only leased chunks hold one.
            models.CheckConstraint(
                condition=Q(state=ChunkState.LEASED, lease_token__isnull=False, lease_end__isnull=False)
                | (~Q(state=ChunkState.LEASED) & Q(lease_token__isnull=True, lease_end__isnull=True)),
                name="chunk_lease_is_whole",
            ),
            # Each item of a finished chunk has one final state.
            models.CheckConstraint(
                condition=Q(n_items=F("n_succeeded") + F("n_failed"))
                | Q(state__in=[ChunkState.READY, ChunkState.LEASED, ChunkState.CANCELLED], n_succeeded=0, n_failed=0),
                name="chunk_counts_add_up",
            ),
        ]
        indexes = [
            models.Index(fields=["job", "first_index"], name="chunk_in_order"),
            # The dispatcher takes a job's ready chunks in order; closing a job asks whether any is open. Closed chunks,
            # soon most of them, are not in this index.
            models.Index(
                fields=["job", "id"],
                condition=Q(state__in=[s.value for s in ChunkState.open()]),
                name="chunk_open",
            ),
            # Units of a group by number, to put items together, and by state, to see whether any is open.
            models.Index(
                fields=["job", "group", "unit_first"],
                condition=Q(unit_count__gt=0),
                include=["state", "unit_count"],
                name="chunk_units",
            ),
            models.Index(fields=["job", "group"], condition=Q(blocked=True), name="chunk_blocked"),
            # Progress: closed chunks after the tally's end, by an index-only scan; and the chunks of a download.
            models.Index(
                fields=["job", "id"],
                condition=Q(state__in=[s.value for s in ChunkState.closed()]),
                include=["state", "engine", "n_items", "n_succeeded", "n_failed", "n_bytes"],
                name="chunk_closed",
            ),
            # The rate of the last minute, and the time of the last result.
            models.Index(
                fields=["job", "finished_at"],
                condition=Q(state__in=[ChunkState.DONE.value, ChunkState.FAILED.value]),
                include=["n_items"],
                name="chunk_finished",
            ),
            # Renewal finds leases by token, the reaper by end; few rows at any time.
            models.Index(fields=["lease_token"], condition=Q(state=ChunkState.LEASED), name="chunk_by_token"),
            models.Index(fields=["lease_end"], condition=Q(state=ChunkState.LEASED), name="chunk_leases"),
            # Published chunks: the tokens in flight of each owner.
            models.Index(
                fields=["model"],
                condition=Q(state=ChunkState.READY, published_at__isnull=False),
                name="chunk_published",
            ),
        ]


class Extension(models.Model):
    """Items that were added to a job later (`jobs.intake.extend`): first index and upload."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="extensions", db_index=False)
    idempotency_key = models.CharField(max_length=255, null=True, blank=True)
    body_digest = models.CharField(max_length=64)
    first_index = models.PositiveIntegerField()
    items = models.PositiveIntegerField()
    skipped = models.PositiveIntegerField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            # A repeated request finds the first one; NULL keys never conflict.
            models.UniqueConstraint(fields=["job", "idempotency_key"], name="extension_once_per_key"),
        ]


class Item(models.Model):
    """One record of the input. It was skipped if it has no chunk, and failed if it has an error."""

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
            # A skipped item always has a reason.
            models.CheckConstraint(
                condition=Q(chunk__isnull=False) | Q(error_code__isnull=False), name="item_skipped_has_reason"
            ),
        ]
        indexes = [
            # Failed and skipped items of a job in order, which are few.
            models.Index(fields=["job", "index"], condition=Q(error_code__isnull=False), name="item_with_error"),
            # Whether an item still names a context. Most items have none and are not in this index.
            models.Index(fields=["context"], condition=Q(context__isnull=False), name="item_with_context"),
        ]


class UnitGroup(models.Model):
    """A group of work units whose passes later jobs may take (docs/adr/0013).

    `key` is a digest of what the passes depend on, beside the network, the engine, the position and the context.
    """

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="unit_groups", db_index=False)
    group = models.IntegerField()
    key = models.CharField(max_length=64)

    class Meta:
        constraints = [
            # What units store is not forgotten if their group has a row here.
            models.UniqueConstraint(fields=["job", "group"], name="unit_group_once"),
        ]
        # A claim looks for the newest groups with a key.
        indexes = [models.Index(fields=["key", "-id"], name="unit_group_by_key")]


class Turn(models.Model):
    """What the dispatcher has handed out of an unfinished job: all tokens so far, and the number of the last turn.

    No column of the job, whose row others lock for long. No foreign key, so that a job's deletion need not wait.
    """

    job_id = models.UUIDField(primary_key=True)
    handed_out = models.BigIntegerField(default=0)
    last = models.BigIntegerField(default=0)
