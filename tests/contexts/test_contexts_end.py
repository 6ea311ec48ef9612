"""Contexts are deleted when nothing refers to them, and never while a request is about to refer to them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import contextmanager

import pytest
from django.db import connection, transaction
from django.utils import timezone

from e1site.stack.processes import wait_gone
from jobs.contexts.services import context_set_create, context_set_delete
from jobs.errors import InvalidInput
from jobs.library.contexts import contexts_hold, contexts_let_go, contexts_sweep
from jobs.limits import RECORD_BYTES
from jobs.models import Chunk, Context, Item, Job, JobContext
from jobs.models.states import JobState
from jobs.queue.lifecycle import job_delete
from jobs.results import retention
from jobs.tasks import expire
from tests.factories import bad, make_job, record

pytestmark = pytest.mark.django_db

FIRST, SECOND = ("MKTAYIAKQR", "MKTAYLAKQR"), ("MRTAYIAKQK",)
SECONDS = 60


def under(person, *contexts) -> Job:
    """Return a job with one item under each of these contexts."""
    return make_job(person, [record(n, context=context) for n, context in enumerate(contexts)])


def kept() -> list[tuple[str, ...]]:
    return sorted(tuple(one.sequences) for one in Context.objects.all())


# --- what names a context --------------------------------------------------------------------------------------------


def test_a_context_goes_with_the_last_job_that_names_it(person):
    one, two = under(person, FIRST, SECOND), under(person, FIRST)
    job_delete(job_id=one.pk)
    assert kept() == [FIRST]
    job_delete(job_id=two.pk)
    assert kept() == []


def test_what_deleting_frees_counts_its_contexts_once(person):
    one, two = under(person, FIRST, FIRST), under(person, FIRST)
    expected = one.stored_bytes
    names = 2 * len("p0") + RECORD_BYTES
    assert job_delete(job_id=one.pk) == 2 * (10 + names) < expected
    assert job_delete(job_id=two.pk) == 10 + names + 2 * (10 + 4)


def test_a_named_set_keeps_its_contexts_and_a_job_keeps_those_of_a_forgotten_set(person, stranger):
    context_set_create(owner=person, name="a", contexts=[FIRST, SECOND], provenance={})
    context_set_create(owner=person, name="b", contexts=[SECOND], provenance={})
    context_set_create(owner=stranger, name="a", contexts=[FIRST], provenance={})
    job = under(person, FIRST)
    mine = Context.objects.filter(owner=person)
    assert context_set_delete(owner=person, name="a")
    assert mine.count() == 2
    job_delete(job_id=job.pk)
    assert [tuple(one.sequences) for one in mine] == [SECOND]
    assert context_set_delete(owner=person, name="b")
    assert not mine.all().exists()
    assert kept() == [FIRST], "somebody else's stay"


def test_contexts_of_a_whole_job_go_with_it(person):
    job = under(person, ())
    with transaction.atomic():
        refs = contexts_hold(owner_id=person.pk, contexts=[FIRST, ()])
        JobContext.objects.create(job=job, position=0, context_id=refs[FIRST].id)
        JobContext.objects.create(job=job, position=1, context_id=refs[()].id)
    job_delete(job_id=job.pk)
    assert kept() == []


def test_a_rejected_upload_leaves_no_context(person, monkeypatch):
    monkeypatch.setattr("jobs.intake.ingest.BATCH", 8)
    with pytest.raises(InvalidInput):
        make_job(person, [bad(n) if n == 20 else record(n, context=FIRST) for n in range(24)])
    assert kept() == []


def test_expiry_frees_contexts_page_by_page(person, monkeypatch, settings):
    settings.E1_RETENTION_DAYS = 30
    monkeypatch.setattr(retention, "PAGE_CHUNKS", 1)
    contexts = [(f"MKTAYIAKQR{letter}",) for letter in "ACDEFGHI"]
    job = make_job(person, [record(n, context=contexts[n // 3]) for n in range(24)])
    other = under(person, contexts[0])
    Chunk.objects.filter(job=job).update(state="cancelled")
    Job.objects.filter(pk=job.pk).update(state=JobState.CANCELLED, expires_at=timezone.now())
    assert retention.job_expire(job_id=job.pk)
    promised = Job.objects.get(pk=job.pk).kept["freed_bytes"]
    assert not retention.job_purge_page(job_id=job.pk)
    assert kept() == [contexts[0], *contexts[2:]], "items 0 to 7 were the only ones under the second"
    while not retention.job_purge_page(job_id=job.pk):
        pass
    assert kept() == [contexts[0]]
    assert Job.objects.get(pk=job.pk).kept["freed_bytes"] == promised + 7 * (11 + 4)
    assert Item.objects.get(job=other).context.sequences == list(contexts[0])


def test_what_was_marked_is_looked_at_by_the_safety_net(person):
    """As after the migration that marks all rows, while another transaction holds one of them."""
    under(person, FIRST)
    with transaction.atomic():
        contexts_hold(owner_id=person.pk, contexts=[SECOND])
    expire()
    assert kept() == [FIRST, SECOND], "nobody has marked them"
    Context.objects.update(unused_since=timezone.now())
    expire()
    assert kept() == [FIRST]
    assert Context.objects.get().unused_since is None


@pytest.mark.django_db(transaction=True)
def test_contexts_are_held_inside_a_transaction_only(person):
    for call in (lambda: contexts_hold(owner_id=person.pk, contexts=[FIRST]), lambda: contexts_let_go([1])):
        with pytest.raises(AssertionError, match="inside the transaction"):
            call()


# --- at the same moment ----------------------------------------------------------------------------------------------


class Aside:
    """Run a block in its own thread and transaction, and hold it before its end until the test chooses the end."""

    def __init__(self, act: Callable[[], None]) -> None:
        self._act = act
        self.acted, self._end = threading.Event(), threading.Event()
        self._well = True
        self.failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            with transaction.atomic():
                self._act()
                self.acted.set()
                assert self._end.wait(SECONDS)
                if not self._well:
                    transaction.set_rollback(True)
        except BaseException as error:
            self.failed = error
        finally:
            self.acted.set()
            connection.close()

    def end(self, *, well: bool = True) -> None:
        self._well = well
        self._end.set()
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()
        assert self.failed is None, self.failed

    def start(self, *, wait: bool = True) -> Aside:
        self._thread.start()
        if wait:
            assert self.acted.wait(SECONDS)
            assert self.failed is None, self.failed
        return self


def somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) "
            "WHERE NOT granted AND datname = current_database()"
        )
        return bool(cursor.fetchone()[0])


def name_it(person, context) -> Callable[[], None]:
    """Hold the context and then refer to it, as a batch of an upload does."""

    def act() -> None:
        ref = contexts_hold(owner_id=person.pk, contexts=[context])[context]
        job = Job.objects.create(owner=person, model="e1-demo", action="log_prob")
        reason = {"error_code": "x", "error": []}
        Item.objects.create(job=job, index=0, name="p", sequence="MKT", context_id=ref.id, **reason)

    return act


@pytest.mark.django_db(transaction=True)
def test_a_context_that_is_being_named_outlives_the_job_that_named_it_before(person):
    job = under(person, FIRST)
    held = Context.objects.get().pk
    naming = Aside(name_it(person, FIRST)).start()
    job_delete(job_id=job.pk)
    assert Context.objects.get().unused_since is not None, "it is looked at later"
    assert contexts_sweep() == 0, "not while it is held"
    naming.end()
    assert contexts_sweep() == 1
    context = Context.objects.get()
    assert (context.pk, context.unused_since) == (held, None)
    assert Item.objects.get().context_id == held


@pytest.mark.django_db(transaction=True)
def test_a_context_whose_new_name_came_to_nothing_goes_all_the_same(person):
    job = under(person, FIRST)
    naming = Aside(name_it(person, FIRST)).start()
    job_delete(job_id=job.pk)
    naming.end(well=False)
    contexts_sweep()
    assert kept() == []


@pytest.mark.django_db(transaction=True)
def test_who_names_a_context_that_is_being_freed_waits_and_makes_it_anew(person):
    job = under(person, FIRST)
    former = Context.objects.get().pk
    freeing = Aside(lambda: job_delete(job_id=job.pk)).start()
    naming = Aside(name_it(person, FIRST)).start(wait=False)
    assert wait_gone(lambda: not somebody_waits(), SECONDS)
    freeing.end()
    assert naming.acted.wait(SECONDS)
    naming.end()
    context = Context.objects.get()
    assert context.pk != former
    assert Item.objects.get().context_id == context.pk


@pytest.mark.django_db(transaction=True)
def test_of_two_jobs_deleted_at_once_the_later_one_takes_the_context_along(person):
    one, two = under(person, FIRST), under(person, FIRST)
    first = Aside(lambda: job_delete(job_id=one.pk)).start()
    second = Aside(lambda: job_delete(job_id=two.pk)).start(wait=False)
    assert wait_gone(lambda: not somebody_waits(), SECONDS)
    first.end()
    assert second.acted.wait(SECONDS)
    second.end()
    assert kept() == []


@contextmanager
def together(*acts: Callable[[], None]):
    """Run all at once, each in its own thread, and raise what they raise."""
    failed: list[BaseException] = []

    def run(act: Callable[[], None]) -> None:
        try:
            act()
        except BaseException as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(act,), daemon=True) for act in acts]
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join(2 * SECONDS)
        assert not thread.is_alive()
    assert not failed, failed


@pytest.mark.django_db(transaction=True)
def test_many_uploads_and_deletions_with_the_same_contexts_neither_fail_nor_leave_any(person):
    def come_and_go() -> None:
        for n in range(12):
            contexts = [FIRST, SECOND] if n % 2 else [SECOND, FIRST]
            job_delete(job_id=under(person, *contexts).pk)

    done = threading.Event()

    def sweep() -> None:
        while not done.wait(0.01):
            contexts_sweep()

    with together(sweep):
        with together(*[come_and_go] * 4):
            pass
        done.set()
    while contexts_sweep():
        pass
    assert kept() == []
    assert not Job.objects.exists()
