"""SIGTERM in the computing process: the current bundle is finished, or handed over when the grace is over."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap

PROGRAM = """
    import sys, time
    from worker import stopping

    stopping.GRACE_SECONDS = float(sys.argv[1])
    stop = stopping.Stopping(lambda: print("handed over", flush=True))
    with stop.in_order():
        print("computing", flush=True)
        while not (stop.asked and sys.argv[2] == "finishes"):
            time.sleep(0.01)
        print("finished", flush=True)
    print("idle", flush=True)
    time.sleep(600)
"""


def stopped(grace: float, work: str) -> tuple[int, list[str]]:
    """Return how a process ended after SIGTERM, and the lines that it wrote then."""
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), str(grace), work]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "computing\n"
        process.send_signal(signal.SIGTERM)
        lines = process.stdout.read().splitlines()
        return process.wait(timeout=120), lines


def test_a_bundle_that_ends_in_time_is_finished_and_the_idle_process_ends():
    assert stopped(600, "finishes") == (-signal.SIGTERM, ["finished", "idle"])


def test_a_bundle_that_outlasts_the_grace_is_handed_over():
    assert stopped(0.5, "goes on") == (0, ["handed over"])
