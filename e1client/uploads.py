"""Input files to send: open, and readable more than once. Their format is the server's business."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import IO

from e1client.errors import UsageError

STDIN = "-"

Source = str | Path | IO[bytes]
"""A path, "-" for standard input, or a stream of bytes."""
Named = tuple[str, IO[bytes]]
"""A file name and an open file at its start."""
Upload = AbstractContextManager[Named]


@contextmanager
def open_upload(source: Source, *, what: str = "FILE") -> Iterator[Named]:
    """Yield (file name, open file at its start). Raises UsageError if it cannot be read.

    A stream is copied from its present position to a temporary file, so that a repeated request can read it again. So
    is what a path names if it is no regular file: a pipe such as `<(zcat x.gz)`, or a device.
    """
    if isinstance(source, str | Path) and str(source) != STDIN:
        path = Path(source)
        try:
            file = path.open("rb")
        except OSError as error:
            reason = f"{what} {str(path)!r} cannot be read: {error.strerror}"
            raise UsageError(reason, code="file_unreadable") from error
        with file:
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                yield path.name, file
            else:
                # The shell's names, such as /dev/fd/63, tell people nothing.
                with _spooled(file, what) as spool:
                    yield "stream" if path.parent.name == "fd" else path.name, spool
        return
    stream, name = (sys.stdin.buffer, "stdin") if isinstance(source, str | Path) else (source, "stream")
    with _spooled(stream, what) as spool:
        yield name, spool


@contextmanager
def _spooled(stream: IO[bytes], what: str) -> Iterator[IO[bytes]]:
    """Yield a temporary file with the rest of a stream, at its start."""
    with tempfile.TemporaryFile() as spool:
        try:
            shutil.copyfileobj(stream, spool)
        except (AttributeError, TypeError) as error:
            reason = f"{what} is no stream of bytes; open the file in binary mode, or give its path"
            raise UsageError(reason, code="file_unreadable") from error
        except OSError as error:
            reason = f"{what} cannot be copied to a temporary file: {error.strerror}"
            raise UsageError(reason, code="file_unreadable") from error
        spool.seek(0)
        yield spool


@contextmanager
def regular_file(path: Path, *, what: str = "FILE") -> Iterator[Path]:
    """Yield the path of a file that can be read more than once: `path`, or a copy if it is a pipe or a device.

    Raises UsageError if it cannot be read.
    """
    with open_upload(path, what=what) as (name, file):
        if path.is_file():
            yield path
            return
        with tempfile.TemporaryDirectory(prefix="e1-input-") as folder:
            copy = Path(folder) / name
            with copy.open("wb") as target:
                shutil.copyfileobj(file, target)
            yield copy


@contextmanager
def all_open(uploads: Mapping[str, Upload]) -> Iterator[dict[str, Named]]:
    """Yield the opened files of a form by field."""
    with ExitStack() as stack:
        yield {field: stack.enter_context(upload) for field, upload in uploads.items()}
