"""Reading of jobs and their items. `jobs.queue.progress` counts them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Case, CharField, Count, Min, Model, QuerySet, Value, When
from django.db.models.fields.json import KT

from jobs.actions import get_action
from jobs.errors import Gone, InvalidInput, NotFound, Problem
from jobs.library.sharing import Right, found_by, open_to
from jobs.models import Context, Item, Job
from jobs.models.states import ChunkState, ItemState, JobState

Row = TypeVar("Row", bound=Model)

MAX_INDEX = 2**31
"""End of the column's range: item indices are below it."""

COMPARED_NAMES = 100_000
"""The largest job whose names are compared for the page of a record."""

ITEM_STATE = Case(
    When(chunk__isnull=True, then=Value(ItemState.SKIPPED.value)),
    When(error_code__isnull=False, then=Value(ItemState.FAILED.value)),
    When(chunk__state=ChunkState.DONE, then=Value(ItemState.SUCCEEDED.value)),
    When(chunk__state=ChunkState.CANCELLED, then=Value(ItemState.CANCELLED.value)),
    default=Value(ItemState.PENDING.value),
    output_field=CharField(),
)
"""An item's state, from its own error and its chunk's state."""


def existing(rows: QuerySet[Row], missing: str, **lookup: Any) -> Row:
    """Return the row that fits. Raises NotFound, whose message is `missing`."""
    row = rows.filter(**lookup).first()
    if row is None:
        raise NotFound(missing)
    return row


def job_of(user: User, job_id: UUID, right: Right = Right.VIEW) -> Job:
    """Return a job on which the user has this right (`jobs.library.sharing`).

    Raises NotFound if the user may not see it, and Forbidden if the user may see it only.
    """
    return found_by(Job.objects.all(), user, f"there is no job {job_id}", right=right, pk=job_id)


def require_rows(job: Job) -> None:
    """Raise Gone if the job has expired: its items and results are deleted."""
    if job.state == JobState.EXPIRED:
        raise Gone(
            "the items and results of this job have expired; its counts and its manifest are kept",
            code="results_expired",
        )


def jobs_of(owner: User) -> QuerySet[Job]:
    """Return the owner's own jobs, in any project or none."""
    return Job.objects.filter(owner=owner)


def jobs_open_to(user: User) -> QuerySet[Job]:
    """Return the jobs that the user may see."""
    return open_to(Job.objects.all(), user)


def context_sequences(context_ids: Iterable[int | None]) -> dict[int, tuple[str, ...]]:
    """Return the sequences of these contexts by id, each read once. None means no context and is skipped."""
    wanted = {context_id for context_id in context_ids if context_id is not None}
    rows = Context.objects.filter(pk__in=wanted).values_list("pk", "sequences")
    return {context_id: tuple(sequences) for context_id, sequences in rows}


def context_at(contexts: Mapping[int, tuple[str, ...]], context_id: int | None) -> tuple[str, ...]:
    """Return the sequences of one context, none for None. Raises Gone if its job was deleted meanwhile."""
    if context_id is None:
        return ()
    if context_id not in contexts:
        raise Gone("the job was deleted while it was read", code="deleted_meanwhile")
    return contexts[context_id]


def first_context(job: Job) -> tuple[str, ...]:
    """Return the context sequences of the job's first item, for its page."""
    found = Item.objects.filter(job=job, context__isnull=False, index=0).values_list("context__sequences", flat=True)
    return tuple(next(iter(found), ()))


def items_of(job: Job) -> QuerySet[Item]:
    """Return the job's items in input order, with their `state`."""
    return Item.objects.filter(job=job).annotate(state=ITEM_STATE).order_by("index")


def item_of(job: Job, index: int) -> Item | None:
    """Return one item with its state, chunk and context; None if the job has no such index."""
    if not 0 <= index < MAX_INDEX:
        return None
    return items_of(job).select_related("chunk", "context").filter(index=index).first()


def namesake_of(job: Job, item: Item) -> Item | None:
    """Return the first other item of the same name, if the job was warned of repeated names.

    Names have no index, so items of very large jobs are not compared.
    """
    warned = any(warning.get("code") == "duplicate_names" for warning in job.warnings)
    if not warned or not item.name or job.total_items > COMPARED_NAMES:
        return None
    return Item.objects.filter(job=job, name=item.name).exclude(index=item.index).order_by("index").first()


def job_failures(job: Job, limit: int = 10) -> list[dict[str, Any]]:
    """Return the reasons of failed and skipped items with their counts, most frequent first."""
    if job.state == JobState.EXPIRED:
        return list(job.kept.get("failures", []))
    rows = (
        Item.objects.filter(job=job, error_code__isnull=False)
        .values("error_code")
        .annotate(count=Count("index"), message=Min(KT("error__0__message")))
        .order_by("-count")[:limit]
    )
    return [{"code": row["error_code"], "count": row["count"], "message": row["message"]} for row in rows]


def items_in_state(items: QuerySet[Item], state: ItemState) -> QuerySet[Item]:
    """Narrow `items_of` to one state. Failed and skipped items come from their partial index."""
    if state == ItemState.SKIPPED:
        return items.filter(chunk__isnull=True)
    if state == ItemState.FAILED:
        return items.filter(chunk__isnull=False, error_code__isnull=False)
    chunk_states = {
        ItemState.SUCCEEDED: [ChunkState.DONE],
        ItemState.CANCELLED: [ChunkState.CANCELLED],
        ItemState.PENDING: ChunkState.open(),
    }[state]
    return items.filter(error_code__isnull=True, chunk__state__in=chunk_states)


def parent_of(job: Job, item_index: int) -> str:
    """Return the sequence that an attachment belongs to: the parent of a job of variants, else an item's own.

    Raises InvalidInput `no_such_item`.
    """
    if get_action(job.action).takes_variants:
        return str(job.params["parent"])
    item = Item.objects.filter(job=job, index=item_index, chunk__isnull=False).first() if item_index >= 0 else None
    if item is None:
        what = f"this job has no valid item {item_index} (record {item_index + 1})"
        remedy = "REST counts items from 0; pages count records from 1."
        raise InvalidInput.of(Problem("no_such_item", what, remedy, path="item"))
    return item.sequence
