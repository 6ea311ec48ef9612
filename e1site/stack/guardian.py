"""The guardian: a small process in its own session that outlives a killed launcher just long enough to clear up.

It reads lines from a pipe that only the launcher holds open. `watch PID SIGNAL store|work` names a child that leads its
own group, `forget PID` one that has ended. When the pipe ends, the guardian stops the rest: first the processes that
work, then the stores. Each gets its signal, and after a few seconds SIGKILL. Until then the guardian also holds the
lock of the data folder, so that a new start does not meet half-dead servers.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from e1site.stack.processes import (
    is_running,
    kill_marked,
    marked_by_environment,
    signal_group,
    signal_process,
    wait_gone,
)

WORK_SECONDS = 4.0
STORE_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Ward:
    """A child: its process and group number, the signal that stops it, and whether it keeps data."""

    pid: int
    stop_signal: int
    store: bool


class Guardian:
    """The launcher's end. `watch` and `forget` return at once; `close` waits until the guardian has ended."""

    def __init__(self, stack_id: str, lock: int | None, log: Path) -> None:
        self._stack_id, self._lock, self._log = stack_id, lock, log
        self._wards: dict[int, Ward] = {}
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as output:
            return subprocess.Popen(  # noqa: S603 - our own command line
                [sys.executable, "-m", __name__, self._stack_id],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self._log.parent,
                start_new_session=True,
                pass_fds=[] if self._lock is None else [self._lock],
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def watch(self, ward: Ward) -> None:
        self._wards[ward.pid] = ward
        self._tell(_line(ward))

    def forget(self, pid: int) -> None:
        if self._wards.pop(pid, None):
            self._tell(f"forget {pid}\n")

    def ensure(self) -> None:
        """Start another guardian if the present one was killed, and repeat everything to it."""
        if self._process.poll() is not None:
            with contextlib.suppress(OSError):
                _pipe(self._process).close()
            self._process = self._start()
            for ward in self._wards.values():
                self._tell(_line(ward))

    def close(self) -> None:
        """Close the pipe, and return when nothing that the guardian watches is left."""
        with contextlib.suppress(OSError):
            _pipe(self._process).close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        pipe = _pipe(self._process)
        with contextlib.suppress(OSError):  # `ensure` repeats everything to the next one
            if not pipe.closed:
                pipe.write(line.encode())
                pipe.flush()


def _pipe(process: subprocess.Popen[bytes]) -> IO[bytes]:
    assert process.stdin is not None  # noqa: S101 - it was asked for above
    return process.stdin


def _line(ward: Ward) -> str:
    return f"watch {ward.pid} {ward.stop_signal} {'store' if ward.store else 'work'}\n"


def clear_up(stack_id: str, wards: list[Ward]) -> None:
    """Stop these children and everything else with the stack's marker, within about 20 seconds."""
    stores = [ward for ward in wards if ward.store]
    work = [ward for ward in wards if not ward.store]
    _stop(work, WORK_SECONDS)
    store_groups = {ward.pid for ward in stores}
    for pid in marked_by_environment(stack_id):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getpgid(pid) not in store_groups:
                signal_process(pid, signal.SIGKILL)
    _stop(stores, STORE_SECONDS)
    kill_marked(stack_id)


def _stop(wards: list[Ward], seconds: float) -> None:
    for ward in wards:
        signal_process(ward.pid, ward.stop_signal)
    wait_gone(lambda: any(is_running(ward.pid) for ward in wards), seconds)
    for ward in wards:
        signal_group(ward.pid, signal.SIGKILL)


def main() -> None:
    """Follow the pipe, then clear up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    wards: dict[int, Ward] = {}
    for line in sys.stdin:
        match line.split():
            case ["watch", pid, stop_signal, kind]:
                wards[int(pid)] = Ward(int(pid), int(stop_signal), kind == "store")
            case ["forget", pid]:
                wards.pop(int(pid), None)
    clear_up(sys.argv[1], list(wards.values()))


if __name__ == "__main__":
    main()
