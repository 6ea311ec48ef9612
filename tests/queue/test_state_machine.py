"""Claims, completions, losses, cancelling, retrying and extending in any order, with completions by dead workers.

After every step the counts add up. At the end every item has one final state.
"""

from __future__ import annotations

import itertools
from datetime import timedelta

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.db import connection
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from e1protocol import EngineIdentity
from jobs.actions import Stored, get_action
from jobs.errors import Conflict, Problem
from jobs.fleet import workers
from jobs.intake.extend import job_extend
from jobs.library.outputs import pack_outputs, unpack
from jobs.library.selectors import items_of
from jobs.models import Chunk, Item, Job, Output
from jobs.models.states import ChunkState, ItemState, JobState
from jobs.queue import leases, lifecycle, losses, tallies
from jobs.queue.progress import closable_jobs, job_counts
from tests.factories import bad, be_patient, expire, ids, make_job, record, submission

pytestmark = pytest.mark.django_db

LOG_PROB = get_action("log_prob")
MAX_ITEMS = 60
DAY_SECONDS = 86_400
LOSS = Problem("worker_error", "it broke")


class Jobs(RuleBasedStateMachine):
    """One job. `claimed` has every chunk that was ever handed out.

    Every completion stores numbers of its own, which shows whose results were kept.
    """

    owner: User
    engine_id: int

    def __init__(self) -> None:
        super().__init__()
        self.claimed: list[leases.ClaimedChunk] = []
        self.numbers = itertools.count(1)
        self.stored: dict[int, float] = {}
        self.settled: dict[int, str] = {}
        self.job: Job

    @initialize(count=st.integers(1, 30), skipped=st.booleans())
    def submitted(self, count: int, skipped: bool) -> None:
        wrong = count // 2 if skipped else -1
        records = [bad(n) if n == wrong else record(n) for n in range(count + skipped)]
        self.job = make_job(self.owner, records, on_invalid="skip")

    # --- workers -----------------------------------------------------------------------------------------------------

    @rule(data=st.data(), patient=st.booleans())
    def claim(self, data: st.DataObject, patient: bool) -> None:
        if patient:
            be_patient(self.job)
        some = data.draw(st.lists(st.sampled_from(ids(self.job)), min_size=1, max_size=4, unique=True))
        state = self.now().state
        got = leases.chunks_claim(chunk_ids=some, worker="w")
        assert not got or state in JobState.claimable()
        self.claimed += got

    @precondition(lambda self: self.claimed)
    @rule(data=st.data())
    def complete(self, data: st.DataObject) -> None:
        chunk = data.draw(st.sampled_from(self.claimed))
        failing = data.draw(st.sets(st.sampled_from([item.index for item in chunk.items])))
        holds = Chunk.objects.filter(pk=chunk.id, state=ChunkState.LEASED, lease_token=chunk.token).exists()
        assert self.finish(chunk, failing) == holds

    @precondition(lambda self: self.claimed)
    @rule(data=st.data(), how=st.sampled_from(["renew", "lose", "release", "begin"]))
    def hold(self, data: st.DataObject, how: str) -> None:
        token = data.draw(st.sampled_from(self.claimed)).token
        if how == "renew":
            leases.lease_renew(token=token)
        elif how == "lose":
            losses.lease_lost(token=token, reason=LOSS)
        elif how == "release":
            leases.lease_release(token=token)
        else:
            leases.chunks_begin(token=token)

    @rule(data=st.data())
    def reap(self, data: st.DataObject) -> None:
        leased = ids(self.job, state=ChunkState.LEASED)
        dead = data.draw(st.lists(st.sampled_from(leased), unique=True)) if leased else []
        expire(dead)
        assert losses.leases_reap() == len(dead)

    # --- people ------------------------------------------------------------------------------------------------------

    @rule(do=st.sampled_from([lifecycle.job_cancel, lifecycle.job_pause, lifecycle.job_resume]))
    def steer(self, do) -> None:
        try:
            do(job_id=self.job.pk)
        except Conflict:
            return

    @rule()
    def retry(self) -> None:
        failed = {index for index, state in self.settled.items() if state == ItemState.FAILED}
        try:
            count = lifecycle.job_retry(job_id=self.job.pk)
        except Conflict:
            return
        assert count == len(failed)
        self.settled = {index: state for index, state in self.settled.items() if index not in failed}

    @precondition(lambda self: self.now().total_items < MAX_ITEMS)
    @rule(count=st.integers(1, 10))
    def extend(self, count: int) -> None:
        before = self.now()
        try:
            job_extend(job=self.now(), submission=submission([record(n) for n in range(count)]))
        except Conflict:
            assert before.state == JobState.CANCELLING
            return
        assert self.now().total_items == before.total_items + count

    # --- safety nets -------------------------------------------------------------------------------------------------

    @rule()
    def tally(self) -> None:
        tallies.tally_advance(job_id=self.job.pk)

    @rule()
    def close(self) -> None:
        before = self.now().state
        # Ready chunks of a job that is cancelling can't be claimed; they are cancelled first.
        waited_for = [ChunkState.LEASED] if before == JobState.CANCELLING else ChunkState.open()
        closes = before in JobState.closable() and not ids(self.job, state__in=waited_for)
        assert not closes or self.job.pk in {job.pk for job in closable_jobs()}, "the safety net would miss it"
        assert lifecycle.job_finalise(job_id=self.job.pk) == closes
        assert not closes or self.now().state in JobState.final()

    # --- what must always hold ---------------------------------------------------------------------------------------

    @invariant()
    def the_books_balance(self) -> None:
        job = self.now()
        counts = job_counts(job)
        states = list(items_of(job).values_list("index", "state"))
        assert [index for index, _ in states] == list(range(job.total_items))
        assert sum(counts.values()) == 2 * counts["total"], counts
        for state in ItemState.values:
            assert counts[state] == sum(found == state for _, found in states), (state, counts)
        if job.state in JobState.final():
            assert counts["pending"] == 0

    @invariant()
    def what_is_final_stays_and_every_result_is_stored_once(self) -> None:
        for index, state in items_of(self.job).values_list("index", "state"):
            if state != ItemState.PENDING:
                assert self.settled.setdefault(index, state) == state, index
            else:
                assert index not in self.settled, f"item {index} was {self.settled[index]} and is pending"
        found: dict[int, float] = {}
        for output in Output.objects.filter(chunk__job=self.job):
            members = Item.objects.filter(chunk_id=output.chunk_id, error_code__isnull=True).order_by("index")
            arrays = unpack(bytes(output.data), output.dtype, output.width, output.rows)
            for index, array in zip(members.values_list("index", flat=True), arrays, strict=True):
                assert index not in found
                found[index] = float(array[0, 0])
        assert found == self.stored
        assert set(found) == {index for index, state in self.settled.items() if state == ItemState.SUCCEEDED}

    # --- how ---------------------------------------------------------------------------------------------------------

    def now(self) -> Job:
        return Job.objects.get(pk=self.job.pk)

    def finish(self, chunk: leases.ClaimedChunk, failing: set[int]) -> bool:
        numbers = {item.index: float(next(self.numbers)) for item in chunk.items if item.index not in failing}
        rows = [(index, [Stored("log_prob", -1, np.array([[number]]))]) for index, number in numbers.items()]
        closed = leases.chunk_complete(
            chunk_id=chunk.id,
            token=chunk.token,
            outputs=pack_outputs(LOG_PROB, rows),
            failures=dict.fromkeys(failing, Problem("out_of_memory", "too large")),
            succeeded=len(rows),
            engine_id=self.engine_id,
        )
        if closed:
            self.stored |= numbers
        return closed

    def teardown(self) -> None:
        """Left alone, healthy workers bring the job to its end."""
        if not hasattr(self, "job"):
            return
        if self.now().state == JobState.PAUSED:
            lifecycle.job_resume(job_id=self.job.pk)
        expire(ids(self.job, state=ChunkState.LEASED))
        losses.leases_reap()
        be_patient(self.job)
        for chunk in leases.chunks_claim(chunk_ids=ids(self.job), worker="w"):
            assert self.finish(chunk, set())
        lifecycle.job_finalise(job_id=self.job.pk)
        assert self.now().state in JobState.final()
        self.the_books_balance()
        self.what_is_final_stays_and_every_result_is_stored_once()
        lifecycle.job_delete(job_id=self.job.pk)


@pytest.mark.slow
def test_no_order_of_events_loses_or_doubles_anything(person, monkeypatch):
    # Leases and back-offs end where a rule ends them, never by the clock.
    monkeypatch.setattr(losses, "back_off", lambda _: timedelta(seconds=DAY_SECONDS))
    monkeypatch.setattr(leases, "LEASE_SECONDS", float(DAY_SECONDS))
    Jobs.owner = person
    Jobs.engine_id = workers.engine_record(
        identity=EngineIdentity("e1-demo", "0" * 64, "float32", "cpu", "sdpa", "2", "0", True)
    )
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # a broken reference shows at its step, not at the end
    run_state_machine_as_test(
        Jobs,
        settings=settings(
            max_examples=20,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
