"""Sessions, groups and signals. Standard library only: the guardian starts fast and needs little.

Every child carries `MARKER` in its environment; Postgres's own children, which overwrite theirs, carry the
same id in their title (`cluster_name`). That is how a process of a stack is found again when nobody
remembers its number.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from e1site.stack.errors import StackError

MARKER = "E1_STACK_ID"
_PR_SET_PDEATHSIG = 1
_PROC = Path("/proc")


def _death_signal() -> Callable[[], None] | None:
    """For `preexec_fn`: ask Linux to send the child SIGTERM when its parent dies.

    The library is loaded here, in the parent: nothing but one system call may happen between fork and exec.
    The launcher has one thread only, which is what makes `preexec_fn` (and this signal, bound to a thread)
    safe.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)

    return ask


_ask_for_death_signal = _death_signal()


def spawn(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    log: Path,
    cwd: Path,
    user: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own, its output appended to `log`.

    As root, `user` runs it as the user of that number. Raises StackError where the program cannot be run.
    """
    try:
        with log.open("ab") as output:
            return subprocess.Popen(  # noqa: S603 - our own command lines
                list(command),
                env=dict(env),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=user,
                group=user,
                extra_groups=None if user is None else [],
                preexec_fn=_ask_for_death_signal,  # noqa: PLW1509 - one thread, see above
            )
    except OSError as error:
        whom = "" if user is None else f" as user {user}, to whom its folder must be open"
        raise StackError(f"{command[0]} cannot be run{whom}: {error.strerror}", code="cannot_run") from error


def signal_process(pid: int, number: int) -> None:
    """Send a signal; a process that has gone is no error."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def signal_group(group: int, number: int) -> None:
    """Send a signal to every process of a group; a group that has gone is no error."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return


def is_running(pid: int) -> bool:
    """Whether this process still does something; a zombie does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        state = (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return not _PROC.joinpath("self").exists()
    return state not in ("Z", "X")


def title(pid: int) -> str:
    """The command line of a process as it shows itself; empty where it has gone."""
    if _PROC.joinpath("self").exists():
        try:
            return (_PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    command = ["/bin/ps", "-p", str(pid), "-o", "command="]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed command
    return asked.stdout.strip()


def marked_by_environment(stack_id: str) -> list[int]:
    """Processes that were started with this stack's marker. Empty where there is no /proc (macOS)."""
    wanted = f"{MARKER}={stack_id}".encode()
    return [pid for pid in _others() if wanted in _read(pid, "environ").split(b"\0")]


def marked(stack_id: str) -> list[int]:
    """The same, and those that name the stack in their title: Postgres's own children."""
    return sorted({*marked_by_environment(stack_id), *postgres_children(stack_id)})


def postgres_children(cluster: str) -> list[int]:
    """Postgres's own children (sessions, writers) of this cluster name; not the server itself."""
    wanted = f"postgres: {cluster}".encode()
    return [pid for pid in _others() if _read(pid, "cmdline").startswith(wanted)]


def wait_gone(still_there: Callable[[], bool], seconds: float, step: float = 0.05) -> bool:
    """Poll until `still_there` is false; False when the time is up first."""
    deadline = time.monotonic() + seconds
    while still_there():
        if time.monotonic() > deadline:
            return False
        time.sleep(step)
    return True


def kill_marked(stack_id: str, seconds: float = 5.0) -> None:
    """End whatever is left of a stack, at once, and return when it has gone (or `seconds` are over)."""

    def left() -> bool:
        pids = marked(stack_id)
        for pid in pids:
            signal_process(pid, signal.SIGKILL)
        return bool(pids)

    wait_gone(left, seconds)


def _others() -> Iterator[int]:
    if not _PROC.is_dir():
        return
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            yield int(entry.name)


def _read(pid: int, name: str) -> bytes:
    try:
        return (_PROC / str(pid) / name).read_bytes()
    except OSError:  # gone meanwhile, or somebody else's
        return b""
