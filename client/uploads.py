"""Input files on their way out: named so that the server knows their format, and readable more than once."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from client.errors import UsageError

STDIN = "-"
GZIP_MAGIC = b"\x1f\x8b"


@contextmanager
def open_upload(source: str | Path, *, what: str = "FILE") -> Iterator[tuple[str, IO[bytes]]]:
    """Yield (file name, open file at its start). "-" is standard input, kept in a temporary file, since a
    request that is repeated reads it again. Raises UsageError where there is no such file.
    """
    if str(source) == STDIN:
        with tempfile.TemporaryFile() as spool:
            shutil.copyfileobj(sys.stdin.buffer, spool)
            spool.seek(0)
            name = f"stdin{guess_suffix(spool.read(2))}"
            spool.seek(0)
            yield name, spool
        return
    path = Path(source)
    try:
        file = path.open("rb")
    except OSError as error:
        reason = f"{what} {str(path)!r} cannot be read: {error.strerror}"
        raise UsageError(reason, code="file_unreadable") from error
    with file:
        yield path.name, file


def guess_suffix(start: bytes) -> str:
    """The suffix of the format that begins with these two bytes; a text without `>` or `{` is a table."""
    if start == GZIP_MAGIC:
        return ".fasta.gz"
    if start.lstrip().startswith((b">", b";")):
        return ".fasta"
    return ".jsonl" if start.lstrip().startswith(b"{") else ".csv"
