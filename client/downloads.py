"""Results on their way in: formats by suffix, and files that appear under their name only when complete."""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx

from client.errors import Unreachable, UsageError, api_error
from client.transport import Patience, Transport

FORMATS = ("jsonl", "csv", "npz", "h5", "parquet")
BLOCK = 1 << 20

OnBytes = Callable[[int, int | None], None]
"""Told (bytes so far, bytes in all or None where the server does not know)."""


def format_of(out: Path, chosen: str | None = None) -> str:
    """The format asked for, else the one that the file's suffix names. Raises UsageError for any other."""
    name = chosen or out.suffix.removeprefix(".").lower()
    if name not in FORMATS:
        raise UsageError(
            f"{str(out)!r} names no result format; "
            f"end it in one of {', '.join('.' + f for f in FORMATS)}, or use --format",
            code="unknown_format",
        )
    return name


def check_folder(out: Path) -> None:
    """Raise UsageError where `out` cannot be written: better before a job than after it."""
    if out.is_dir():
        raise UsageError(f"{str(out)!r} is a folder; name a file", code="bad_output")
    if not out.parent.is_dir():
        raise UsageError(f"the folder {str(out.parent)!r} does not exist; create it first", code="bad_output")


@contextmanager
def complete_file(out: Path) -> Iterator[IO[bytes]]:
    """A file beside `out` under a temporary name; renamed to `out` at the end, deleted at an exception."""
    check_folder(out)
    part = out.with_name(f".{out.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        with part.open("xb") as file:
            yield file
        part.replace(out)
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"{str(out)!r} cannot be written: {reason}", code="bad_output") from error
    finally:
        part.unlink(missing_ok=True)


def fetch(
    transport: Transport, path: str, params: dict[str, str], file: IO[bytes], on_bytes: OnBytes
) -> bool:
    """Stream one answer into `file`, beginning anew where the connection breaks before its end.

    Returns False where the server is still building the file (202). Raises Unreachable or ApiError.
    """
    for attempt in transport.attempts(Patience()):
        with attempt, transport.connected():
            file.seek(0)
            file.truncate()
            # Arrays hardly compress, and the checksum is that of the plain bytes.
            headers = {"Accept-Encoding": "identity", "Accept": "*/*"}
            with transport.http.stream("GET", path, params=params, headers=headers) as response:
                if response.is_error:
                    response.read()
                    raise api_error(response)
                if response.status_code == httpx.codes.ACCEPTED:
                    return False
                _copy(response, file, on_bytes)
    return True


def _copy(response: httpx.Response, file: IO[bytes], on_bytes: OnBytes) -> None:
    """Copy the body. Raises Unreachable where it differs from the checksum that came with it (RFC 9530)."""
    length = response.headers.get("Content-Length")
    digest, done = hashlib.sha256(), 0
    for block in response.iter_bytes(BLOCK):
        file.write(block)
        digest.update(block)
        done += len(block)
        on_bytes(done, int(length) if length else None)
    expected = _sha256_in(response.headers.get("Repr-Digest", ""))
    if expected is not None and expected != digest.digest():
        raise Unreachable("the download differs from its checksum", code="checksum_mismatch")


def _sha256_in(header: str) -> bytes | None:
    """The digest in `sha-256=:BASE64:`, or None where the header has none."""
    for member in header.split(","):
        name, _, value = member.strip().partition("=")
        if name.lower() == "sha-256" and value.startswith(":") and value.endswith(":"):
            return base64.b64decode(value[1:-1])
    return None
