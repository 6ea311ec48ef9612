"""Input files to send: open, and readable more than once. Their format is the server's business."""

from __future__ import annotations

import shutil
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

    A stream is copied from its present position to a temporary file, so that a repeated request can read it again.
    """
    if isinstance(source, str | Path) and str(source) != STDIN:
        path = Path(source)
        try:
            file = path.open("rb")
        except OSError as error:
            reason = f"{what} {str(path)!r} cannot be read: {error.strerror}"
            raise UsageError(reason, code="file_unreadable") from error
        with file:
            yield path.name, file
        return
    stream, name = (sys.stdin.buffer, "stdin") if isinstance(source, str | Path) else (source, "stream")
    with tempfile.TemporaryFile() as spool:
        try:
            shutil.copyfileobj(stream, spool)
        except (AttributeError, TypeError) as error:
            reason = f"{what} is no stream of bytes; open the file in binary mode, or give its path"
            raise UsageError(reason, code="file_unreadable") from error
        spool.seek(0)
        yield name, spool


@contextmanager
def all_open(uploads: Mapping[str, Upload]) -> Iterator[dict[str, Named]]:
    """Yield the opened files of a form by field."""
    with ExitStack() as stack:
        yield {field: stack.enter_context(upload) for field, upload in uploads.items()}
