"""Sessions, groups and signals. Standard library only, so that the guardian starts fast and needs little.

Every child carries `MARKER` in its environment. Postgres's own children overwrite theirs, but carry the same id in
their title (`cluster_name`). This finds a process of a stack again if its number is lost.
"""

from __future__ import annotations

import contextlib
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
    """Return a `preexec_fn` that asks Linux to send the child SIGTERM when its parent dies; None on other systems.

    `preexec_fn`, and this signal, which belongs to a thread, are safe because the launcher has one thread only.
    """
    if sys.platform != "linux":
        return None
    # Loaded in the parent: between fork and exec only one system call may happen.
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
    """Start a child in a session of its own and append its output to `log`.

    Root may name the number of the `user` that runs it. Raises StackError if the program cannot be run.
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
                preexec_fn=_ask_for_death_signal,  # noqa: PLW1509 - one thread, see _death_signal
            )
    except OSError as error:
        whom = "" if user is None else f" as user {user}, to whom its folder must be open"
        raise StackError(f"{command[0]} cannot be run{whom}: {error.strerror}", code="cannot_run") from error


def signal_process(pid: int, number: int) -> None:
    """Send a signal; a process that has ended is no error."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def signal_group(group: int, number: int) -> None:
    """Send a signal to every process of a group; a group that has ended is no error."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def is_running(pid: int) -> bool:
    """Return whether this process still runs; a zombie does not."""
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
    """Return the command line of a process as it shows itself; empty if it has ended."""
    if _PROC.joinpath("self").exists():
        try:
            return (_PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    command = ["/bin/ps", "-p", str(pid), "-o", "command="]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed command
    return asked.stdout.strip()


def marked_by_environment(stack_id: str) -> list[int]:
    """Return processes that were started with this stack's marker. Empty without /proc (macOS)."""
    wanted = f"{MARKER}={stack_id}".encode()
    return [pid for pid in _others() if wanted in _read(pid, "environ").split(b"\0")]


def marked(stack_id: str) -> list[int]:
    """Return processes with the stack's marker, and those with the stack in their title: Postgres's own children."""
    return sorted({*marked_by_environment(stack_id), *postgres_children(stack_id)})


def postgres_children(cluster: str) -> list[int]:
    """Return Postgres's own children (sessions, writers) of this cluster name, without the server itself."""
    wanted = f"postgres: {cluster}".encode()
    return [pid for pid in _others() if _read(pid, "cmdline").startswith(wanted)]


def marked_inside(folder: Path) -> list[int]:
    """Return the processes of any stack that work inside this folder. Empty without /proc (macOS).

    The kernel follows a folder that is moved, so this finds what runs on it under an earlier path.
    """
    return [pid for pid in _others() if _is_ours(pid) and (place := work_folder(pid)) and place.is_relative_to(folder)]


def work_folder(pid: int) -> Path | None:
    """Return the folder that a process works in, by its present path; None if it is unknown or deleted."""
    try:
        place = (_PROC / str(pid) / "cwd").readlink()
    except OSError:
        return None
    return None if str(place).endswith(" (deleted)") else place


def _is_ours(pid: int) -> bool:
    ours = f"{MARKER}=e1-".encode()
    return any(name.startswith(ours) for name in _read(pid, "environ").split(b"\0")) or (
        _read(pid, "cmdline").startswith(b"postgres: e1-")
    )


def wait_gone(still_there: Callable[[], bool], seconds: float, step: float = 0.05) -> bool:
    """Poll until `still_there` is false. Return False if the time is up first."""
    deadline = time.monotonic() + seconds
    while still_there():
        if time.monotonic() > deadline:
            return False
        time.sleep(step)
    return True


def kill_marked(stack_id: str, folder: Path | None = None, seconds: float = 5.0) -> None:
    """Kill the rest of a stack, and return when it has ended or `seconds` have passed.

    With `folder`, also what runs inside that folder: the rest of the stack from before the folder was moved.
    """

    def left() -> bool:
        pids = {*marked(stack_id), *(marked_inside(folder) if folder else ())}
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
    except OSError:  # it has ended, or belongs to another user
        return b""
