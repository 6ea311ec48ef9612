"""Run every fault against a service: `python -m tests.faults`, or under load: `python -m tests.faults load`.

Both print the tables of docs/performance.md. The first ends with random mixtures of faults.
"""

from __future__ import annotations

import argparse
import re
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from e1site.stack.processes import wait_gone
from tests.faults import load
from tests.faults.kinds import FAKETIME, FAULTS, STALLED, Strike, jumping_clock, stalled_downloads, two_beats
from tests.faults.service import RECOVER_SECONDS, Service
from tests.faults.trial import Outcome, Trial, mixture
from tests.stack import STOP_SECONDS


def trials(trial: Trial, mixtures: int) -> Iterator[tuple[str, Callable[[], Outcome]]]:
    """Yield each fault by its name in the table."""
    from random import Random

    for name, fault in FAULTS.items():
        yield name, lambda fault=fault: trial.run(lambda job_id: fault(Strike(trial.service, job_id, Random(0))))
    yield "two beats", lambda: _two_beats(trial)
    held = stalled_downloads(trial.service, trial.sequences)
    yield "downloads that nobody reads", lambda: _with(trial, held, STALLED)
    if FAKETIME.exists():
        yield "a worker's clock that jumps by days", lambda: jumping(trial)
    for seed in range(1, mixtures + 1):
        yield f"random mixture, seed {seed}", lambda seed=seed: mixture(trial, seed, 6)


def _two_beats(trial: Trial) -> Outcome:
    with two_beats(trial.service):
        assert wait_gone(lambda: not trial.service.second_beat_has_begun(), RECOVER_SECONDS), "no second beat"
        return trial.run(lambda job_id: 1)


def _with(trial: Trial, held, times: int) -> Outcome:
    with held:
        return trial.run(lambda job_id: times)


def jumping(trial: Trial) -> Outcome:
    """Let a worker's clock jump from its start. It must compute its share, and lose no attempt."""
    with jumping_clock(trial.service, "jumping") as jumps:
        alive = "SELECT count(*) FROM jobs_worker WHERE name LIKE 'jumping@%%' AND state = 'ready'"
        assert wait_gone(lambda: not trial.service.one(alive), RECOVER_SECONDS), "no worker with a jumping clock"
        mine = "SELECT count(*) FROM jobs_chunk WHERE job_id = %s AND worker LIKE %s"
        lost = "SELECT count(*) FROM jobs_chunk WHERE job_id = %s AND attempts > 1"

        def strike(job_id: str) -> int:
            trial.finish(job_id)
            assert trial.service.one(mine, job_id, "jumping@%"), "the worker with the jumping clock computed nothing"
            assert not trial.service.one(lost, job_id), "a lease ran out"
            return jumps()

        outcome = trial.run(strike)
    days = set(re.findall(r"\d{4}-\d\d-\d\d", trial.service.folder.log("jumping-clock").read_text()))
    assert len(days) > 1, f"the clock did not jump: the log knows {days}"
    return outcome


def main() -> None:
    usual = load.Load()
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["faults", "load"], default="faults")
    parser.add_argument("--items", type=int, default=2000)
    parser.add_argument("--pooled", action="store_true", help="put pgbouncer between the service and Postgres")
    parser.add_argument("--mixtures", type=int, default=3)
    parser.add_argument(
        "--only", default="", help="faults with one of these texts, separated by commas, in their names"
    )
    parser.add_argument("--quiet-seconds", type=float, default=usual.quiet_seconds, help="load before the faults")
    parser.add_argument("--fault-seconds", type=float, default=usual.fault_seconds, help="load under them, at least")
    parser.add_argument("--readers", type=int, default=usual.readers, help="threads for each kind of request")
    parser.add_argument("--uploaders", type=int, default=usual.uploaders)
    asked = parser.parse_args()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="e1-faults-", ignore_cleanup_errors=True))
        service = Service(Path(folder) / "data", pooled=asked.pooled)
        stack.callback(service.end)
        whole = _under_load(service, asked) if asked.what == "load" else _fault_by_fault(service, asked)
        assert service.launcher is not None
        service.launcher.send_signal(signal.SIGINT)
        service.wait(STOP_SECONDS)
    raise SystemExit(not whole)


def _wanted(asked: argparse.Namespace, name: str) -> bool:
    return any(text in name for text in asked.only.split(","))


def _fault_by_fault(service: Service, asked: argparse.Namespace) -> bool:
    service.start()
    trial = Trial(service, asked.items)
    print(f"undisturbed: {asked.items} items in {trial.seconds:.0f} s", flush=True)
    print("| fault | struck | items | lost | duplicated | differing | largest difference | seconds |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    whole = True
    for name, run in trials(trial, asked.mixtures):
        if _wanted(asked, name):
            one = run()
            whole = whole and one.whole
            numbers = f"{one.struck} | {one.items} | {one.lost} | {one.duplicated} | {one.differing}"
            print(f"| {name} | {numbers} | {one.largest:.1e} | {one.seconds:.0f} |", flush=True)
    return whole


def _under_load(service: Service, asked: argparse.Namespace) -> bool:
    before = load.machine()
    load.started(service)
    amount = load.Load(asked.quiet_seconds, asked.fault_seconds, asked.readers, asked.uploaders)
    faults = {name: fault for name, fault in FAULTS.items() if _wanted(asked, name)}
    report = load.run(service, amount, faults)
    print(report.markdown())
    print(f"\nThe machine before it began: {before}.", flush=True)
    for text in (*report.complaints[:20], *report.lost[:20]):
        print(text, flush=True)
    return report.whole


if __name__ == "__main__":
    main()
