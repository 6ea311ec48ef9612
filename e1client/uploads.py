"""Input files on their way out: named so that the server knows their format, and readable more than once."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from e1client.errors import UsageError

STDIN = "-"
GZIP_MAGIC = b"\x1f\x8b"

Source = str | Path | IO[bytes]
"""A path, "-" for standard input, or a stream of bytes."""


@contextmanager
def open_upload(source: Source, *, what: str = "FILE") -> Iterator[tuple[str, IO[bytes]]]:
    """Yield (file name, open file at its start). Raises UsageError where it cannot be read.

    A stream is kept in a temporary file, from where it stands to its end: a request that is repeated reads it again.
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
        suffix = guess_suffix(spool.read(2))
        spool.seek(0)
        yield name + suffix, spool


def guess_suffix(start: bytes) -> str:
    """The suffix of the format that begins with these two bytes; of other text the service looks at the first line."""
    if start == GZIP_MAGIC:
        return ".fasta.gz"
    if start.lstrip().startswith((b">", b";")):
        return ".fasta"
    return ".jsonl" if start.lstrip().startswith(b"{") else ".txt"
