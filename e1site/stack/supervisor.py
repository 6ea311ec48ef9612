"""Starting children, starting them again when they die, stopping them in order. One thread calls `tick` in a loop."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from e1site.stack.errors import StopRequested
from e1site.stack.folder import DataFolder
from e1site.stack.guardian import Guardian, Ward
from e1site.stack.parts import Part
from e1site.stack.processes import signal_group, spawn

FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
STEADY_SECONDS = 60.0
"""The next death of a child that lived this long counts as its first."""
TICK = 0.05
"""Between two looks at the children and the signals."""
HURRIED_STORE_SECONDS = 5.0
LOG_LOOK_SECONDS = 10.0
"""Between two looks at the sizes of the logs."""


class StopSignals:
    """Counter of SIGINT, SIGTERM and SIGHUP."""

    def __init__(self) -> None:
        self.count = 0

    @contextlib.contextmanager
    def installed(self) -> Iterator[StopSignals]:
        """Handle the three signals until the block ends. One that the caller ignores stays ignored.

        `nohup` ignores SIGHUP, and a shell without job control ignores SIGINT of what it starts in the background.
        """
        numbers = [
            number
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
            if signal.getsignal(number) != signal.SIG_IGN
        ]
        before = {number: signal.signal(number, self._note) for number in numbers}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.count += 1


@dataclass(slots=True)
class Child:
    """A part and its present process, or the time of its next start."""

    part: Part
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    delay: float = FIRST_DELAY
    start_at: float = 0.0
    deaths: int = 0
    last_words: list[str] = field(default_factory=list)


class Supervisor:
    """Owner of the children of one stack. `say` prints a plain line for the person at the terminal."""

    def __init__(
        self,
        folder: DataFolder,
        env: Mapping[str, str],
        guardian: Guardian,
        signals: StopSignals,
        say: Callable[[str], None],
    ) -> None:
        self.env = dict(env)
        self._folder, self._guardian, self._signals, self._say = folder, guardian, signals, say
        self._children: dict[str, Child] = {}
        self._look_at_logs = 0.0

    def start(self, part: Part) -> None:
        self._folder.turn_log(part.name)
        self._children[part.name] = child = Child(part)
        self._launch(child)

    def deaths(self, name: str) -> int:
        """Return how often this child died since its first start."""
        return self._children[name].deaths

    def run_once(self, name: str, command: Sequence[str], *, env: Mapping[str, str], user: int | None = None) -> int:
        """Run a command that ends by itself, watch the children meanwhile, and return its exit status.

        Raises StopRequested after ending the command if a signal comes first.
        """
        process = spawn(command, env=env, log=self._folder.log(name), cwd=self._folder.logs, user=user)
        self._guardian.watch(Ward(process.pid, signal.SIGTERM, store=False))
        try:
            while process.poll() is None:
                self.tick()
        finally:
            signal_group(process.pid, signal.SIGKILL)
            process.wait()
            self._guardian.forget(process.pid)
        return process.returncode

    def tick(self) -> None:
        """Sleep for a moment, then restart dead children and trim long logs. Raises StopRequested after a signal."""
        time.sleep(TICK)
        if self._signals.count:
            raise StopRequested
        self._guardian.ensure()
        now = time.monotonic()
        if now >= self._look_at_logs:
            self._folder.trim_logs()
            self._look_at_logs = now + LOG_LOOK_SECONDS
        for child in self._children.values():
            if child.process is not None and child.process.poll() is not None:
                self._bury(child, now)
            if child.process is None and now >= child.start_at:
                self._launch(child)

    def stop(self) -> None:
        """Stop all children, the highest stage first, each within its deadline; another signal hurries.

        Returns when all have ended.
        """
        running = [child for child in self._children.values() if child.process is not None]
        before = self._signals.count
        for stage in sorted({child.part.stage for child in running}, reverse=True):
            self._stop_stage([child for child in running if child.part.stage == stage], before)

    def _launch(self, child: Child) -> None:
        part = child.part
        part.prepare()
        child.process = spawn(
            part.command,
            env={**self.env, **part.env},
            log=self._folder.log(part.name),
            cwd=self._folder.logs,
            user=part.user,
        )
        child.started = time.monotonic()
        self._guardian.watch(Ward(child.process.pid, part.stop_signal, part.keeps_data))

    def _bury(self, child: Child, now: float) -> None:
        """Record a death: end the rest of its group, report it, plan the next start."""
        process = child.process
        assert process is not None  # noqa: S101 - the caller has just polled it
        signal_group(process.pid, signal.SIGKILL)
        self._guardian.forget(process.pid)
        if now - child.started >= STEADY_SECONDS:
            child.delay = FIRST_DELAY
        child.process = None
        child.deaths += 1
        child.start_at = now + child.delay
        self._say(f"{child.part.name} {how_it_ended(process.returncode)}; starting it again in {child.delay:g} s")
        words = last_lines(self._folder.log(child.part.name), 6)
        if words != child.last_words:
            for line in (f"its last words ({self._folder.log(child.part.name)}):", *words):
                self._say(f"  {line}")
        child.last_words = words
        child.delay = min(2 * child.delay, LONGEST_DELAY)

    def _stop_stage(self, children: list[Child], signals_before: int) -> None:
        deadlines: dict[str, float] = {}
        for child in children:
            if child.process is not None and child.process.poll() is None:
                child.process.send_signal(child.part.stop_signal)
                deadlines[child.part.name] = time.monotonic() + child.part.stop_seconds
        while waiting := [c for c in children if c.process is not None and c.process.poll() is None]:
            time.sleep(TICK)
            hurried = self._signals.count > signals_before
            for child in waiting:
                assert child.process is not None  # noqa: S101 - selected above
                if hurried:
                    grace = HURRIED_STORE_SECONDS if child.part.keeps_data else 0.0
                    deadlines[child.part.name] = min(deadlines[child.part.name], time.monotonic() + grace)
                if time.monotonic() >= deadlines[child.part.name]:
                    signal_group(child.process.pid, signal.SIGKILL)
        for child in children:
            if child.process is not None:
                signal_group(child.process.pid, signal.SIGKILL)
                self._guardian.forget(child.process.pid)
                child.process = None


def how_it_ended(status: int) -> str:
    """Return words such as "ended with status 1" or "was ended by SIGKILL"."""
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"


def last_lines(log: Path, count: int) -> list[str]:
    """Return the last lines of a log that are not blank, each cut to the width of a terminal."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 8192))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return []
    return [line.rstrip()[:200] for line in lines if line.strip()][-count:]
