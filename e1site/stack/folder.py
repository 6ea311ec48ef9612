"""The data folder of one stack: its lock, secrets, logs and sockets."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from e1site.stack.errors import StackError
from e1site.stack.processes import is_running

SOCKET_LIMIT = 100
"""Bytes of a socket's path: the kernel's field holds 108 on Linux and 104 on macOS."""
LONGEST_SOCKET = "pg/.s.PGSQL.5432.lock"
LOG_BYTES = 10 << 20
"""Size beyond which a log is set aside."""
LOGS_KEPT = 5
"""Files of one log, the present one included: NAME.log, NAME.log.1, and so on to older ones."""
_PLAIN_PATH = re.compile(r"[A-Za-z0-9._/-]+")


@dataclass(frozen=True, slots=True)
class DataFolder:
    """A data folder at an absolute path. Nothing is created before `create`."""

    path: Path

    @classmethod
    def at(cls, path: Path) -> DataFolder:
        return cls(path.expanduser().resolve())

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def lock_file(self) -> Path:
        return self.path / "lock"

    @property
    def address_file(self) -> Path:
        """File that holds the URL while the stack is ready, for `make demo` and scripts."""
        return self.path / "url"

    @property
    def other_addresses_file(self) -> Path:
        """File with the URLs by which other machines reach the stack while it is ready, one on each line."""
        return self.path / "other-addresses"

    @property
    def command_file(self) -> Path:
        """File with the command of the last start that became ready."""
        return self.path / "last-start"

    @property
    def sockets(self) -> Path:
        """Folder of the stores' sockets: in the data folder, or a short private one.

        The latter if the path is too long for a socket or would need quoting in a URL.
        """
        inside = self.path / "run"
        fits = len(os.fsencode(inside / LONGEST_SOCKET)) < SOCKET_LIMIT and _PLAIN_PATH.fullmatch(str(inside))
        digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:12]
        return inside if fits else Path(tempfile.gettempdir()) / f"e1-{os.geteuid()}-{digest}"

    @property
    def stack_id(self) -> str:
        """Name by which the next start finds leftovers of an earlier one.

        It follows from the folder's path and inode too. A copy has the same files, and must not end the original.
        """
        own = (self.path / "stack-id").read_text(encoding="ascii").strip()
        here = f"{own} {self.path.stat().st_ino} {self.path}"
        return f"e1-{hashlib.sha256(os.fsencode(here)).hexdigest()[:24]}"

    @property
    def secret_key(self) -> str:
        return (self.path / "secret-key").read_text(encoding="ascii").strip()

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def create(self) -> None:
        """Create missing folders and secrets. Raises StackError if that fails."""
        try:
            self.path.mkdir(mode=0o711, parents=True, exist_ok=True)
            self.logs.mkdir(mode=0o700, exist_ok=True)
            _private_folder(self.sockets)
            write_once(self.path / "secret-key", secrets.token_urlsafe(48))
            write_once(self.path / "stack-id", f"e1-{secrets.token_hex(12)}")
        except OSError as error:
            raise StackError(
                f"the data folder {self.path} cannot be used ({error.strerror}: {error.filename}); "
                "choose another with --data",
                code="data_folder_unusable",
            ) from error

    def turn_log(self, name: str) -> Path:
        """Rename the log of the last run to NAME.log.1 and return the path of a new one."""
        log = self.log(name)
        _make_room(log)
        with contextlib.suppress(FileNotFoundError):
            log.replace(_older(log, 1))
        return log

    def trim_logs(self) -> None:
        """Set aside the content of logs beyond LOG_BYTES as NAME.log.1.

        The files stay in place, because children go on writing to them. They append, so after the cut they write at the
        beginning. A line that is written between the last read and the cut is lost.
        """
        for log in self.logs.glob("*.log"):
            with contextlib.suppress(OSError):  # The disk may be full; the next call tries again.
                if log.stat().st_size > LOG_BYTES:
                    _make_room(log)
                    with log.open("r+b") as content:
                        with _older(log, 1).open("wb") as copy:
                            shutil.copyfileobj(content, copy, LOG_BYTES)
                        content.truncate(0)


def _older(log: Path, number: int) -> Path:
    return log.with_name(f"{log.name}.{number}")


def _make_room(log: Path) -> None:
    """Rename NAME.log.1 to NAME.log.2 and so on, over the oldest one."""
    for number in range(LOGS_KEPT - 1, 1, -1):
        with contextlib.suppress(FileNotFoundError):
            _older(log, number - 1).replace(_older(log, number))


def write_once(path: Path, content: str) -> bool:
    """Create a file that only its owner can read. Return False, and do nothing, if it exists already."""
    if path.exists():
        return False
    # The content appears complete or not at all: linking into place fails on an existing name.
    beside = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(beside, path)
    except FileExistsError:
        return False
    finally:
        beside.unlink()
    return True


@contextlib.contextmanager
def hold(folder: DataFolder, *, patience: float = 30.0) -> Iterator[int]:
    """Hold the folder's lock and yield its descriptor, for the guardian to share.

    Raises StackError if another `e1 up` has it. If that one is dead and its guardian still clears up, waits for at most
    `patience` seconds.
    """
    descriptor = os.open(folder.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + patience
        while not _try_lock(descriptor):
            holder = lock_holder(folder)
            if holder is not None or time.monotonic() > deadline:
                who = f"process {holder}" if holder is not None else "an earlier stack that is still being stopped"
                raise StackError(
                    f"the data folder {folder.path} is in use by {who}; "
                    "stop that one first, or choose another folder with --data",
                    code="data_folder_in_use",
                )
            time.sleep(0.1)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def is_held(folder: DataFolder) -> bool:
    """Return whether a stack runs on this folder."""
    if not folder.lock_file.exists():
        return False
    descriptor = os.open(folder.lock_file, os.O_RDWR | os.O_CLOEXEC)
    try:
        return not _try_lock(descriptor)
    finally:
        os.close(descriptor)


def lock_holder(folder: DataFolder) -> int | None:
    """Return the launcher that wrote its number into the lock, if it is alive."""
    try:
        pid = int(folder.lock_file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return pid if is_running(pid) else None


def _try_lock(descriptor: int) -> bool:
    """Return whether the lock was free. Raises StackError if the file system has no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise StackError(
            f"the file system of the data folder has no file locks ({error.strerror or error}), as with NFS or Lustre; "
            "without them two services could use one folder and damage its database. Name a folder on a local disk "
            "with --data",
            code="data_folder_unusable",
        ) from error
    return True


def _private_folder(path: Path) -> None:
    """Make a folder that only we can list. Raises PermissionError for one of another user, or a link."""
    path.mkdir(mode=0o711, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise PermissionError(1, "it belongs to another user", str(path))
    path.chmod(0o711)  # others may pass through by name: the stores may run as another user
