"""A job under every fault and under random mixtures, on a whole service, compared with an undisturbed run."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from e1site.stack.processes import wait_gone
from jobs.library.outputs import checksum
from tests.faults.__main__ import jumping
from tests.faults.kinds import FAKETIME, FAULTS, Strike, stalled_downloads, two_beats
from tests.faults.service import RECOVER_SECONDS, Service
from tests.faults.trial import Trial, mixture
from tests.needed import unavailable

pytestmark = [pytest.mark.stack, pytest.mark.slow]

ITEMS = 400
"""Short items, enough for a fault to strike before the last one."""
MIXED_ITEMS = 1000
MANY_ITEMS = 2000
"""For a second worker's share, and for faults that strike at what the job goes on doing."""
LASTING = ("pg_terminate_backend during COMMIT", "full disk at output")


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with tempfile.TemporaryDirectory(prefix="e1-faults-", ignore_cleanup_errors=True) as folder:
        service = Service(Path(folder) / "data")
        try:
            service.start()
            yield service
        finally:
            service.end()


@pytest.fixture(scope="module")
def trial(service: Service) -> Trial:
    return Trial(service, ITEMS)


@pytest.fixture(scope="module")
def long_trial(service: Service) -> Trial:
    return Trial(service, MANY_ITEMS)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_loses_doubles_and_changes_nothing(trial, long_trial, name):
    trial = long_trial if name in LASTING else trial
    outcome = trial.run(lambda job_id: FAULTS[name](Strike(trial.service, job_id, Random(0))))
    assert outcome.whole, outcome


def test_two_beats_are_one_too_many_and_harmless(trial):
    with two_beats(trial.service):
        assert wait_gone(lambda: not trial.service.second_beat_has_begun(), RECOVER_SECONDS), "the second has not begun"
        outcome = trial.run(lambda job_id: 1)
    assert outcome.whole, outcome


def test_downloads_that_nobody_reads_hold_up_neither_the_job_nor_others(trial):
    with stalled_downloads(trial.service, trial.sequences):
        outcome = trial.run(lambda job_id: 1)
        assert wait_gone(lambda: not trial.service.works(), RECOVER_SECONDS)
    assert outcome.whole, outcome


def test_an_upload_that_breaks_off_leaves_no_job(trial):
    FAULTS["upload cut off half way"](Strike(trial.service, "", Random(0)))
    left = "SELECT count(*) FROM jobs_job WHERE name = 'broken'"
    assert wait_gone(lambda: trial.service.one(left) > 0, RECOVER_SECONDS)


def test_leases_go_by_the_databases_clock(long_trial):
    """A worker whose time of day jumps by days computes its share, and none of its leases runs out."""
    if not FAKETIME.exists():
        unavailable("libfaketime is not installed; on Debian and Ubuntu install the package faketime")
    outcome = jumping(long_trial)
    assert outcome.whole, outcome


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.full)])
def test_faults_at_random_lose_double_and_change_nothing(service, seed):
    outcome = mixture(Trial(service, MIXED_ITEMS), seed, strikes=5)
    assert outcome.whole, outcome


def test_the_comparison_notices_what_it_is_there_for(trial):
    """The comparison finds lost, doubled and changed results in the database of a finished job."""
    job_id = trial.submit()
    trial.finish(job_id)
    whole = trial.compare(job_id, 1, 0.0)
    assert whole.whole
    with trial.service.patient_sql() as cursor:
        # Item 0 gets item 1's numbers with a correct checksum, as after a wrong computation.
        cursor.execute(
            "SELECT output.id, output.data, output.width FROM jobs_output output JOIN jobs_item item "
            "ON item.chunk_id = output.chunk_id WHERE item.job_id = %s AND item.index = 0",
            [job_id],
        )
        row_id, data, width = cursor.fetchone()
        changed = bytes(data)[4 * width : 8 * width] + bytes(data)[4 * width :]
        cursor.execute(
            "UPDATE jobs_output SET data = %s, checksum = %s WHERE id = %s", [changed, checksum(changed), row_id]
        )
    assert trial.compare(job_id, 1, 0.0).differing == 1
    with trial.service.patient_sql() as cursor:
        cursor.execute(
            "INSERT INTO jobs_output (chunk_id, kind, layer, item_index, dtype, width, rows, data, checksum) "
            "SELECT chunk_id, 'logits', 0, 0, dtype, width, '[1]', data, checksum FROM jobs_output WHERE id = %s",
            [row_id],
        )
        # A whole chunk of eight is lost: the download itself notices a single missing item.
        cursor.execute(
            "UPDATE jobs_chunk SET state = 'cancelled', n_succeeded = 0 "
            "WHERE id = (SELECT chunk_id FROM jobs_item WHERE job_id = %s AND index = 399)",
            [job_id],
        )
    outcome = trial.compare(job_id, 1, 0.0)
    assert (outcome.lost, outcome.duplicated, outcome.differing) == (8, 1, 1)
