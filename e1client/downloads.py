"""Receiving results: formats by suffix, and files that appear under their name only when complete."""

from __future__ import annotations

import base64
import hashlib
import shutil
import tempfile
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx

from e1client.errors import Unreachable, UsageError, api_error
from e1client.job import last_part
from e1client.transport import Patience, Transport, decoded

FORMATS = ("jsonl", "csv", "xlsx", "npz", "h5", "parquet")
RECORD_FORMATS = ("fasta", "csv")
"""Formats of the bad records of a job. Those of variants have CSV only."""
BLOCK = 1 << 20

OnBytes = Callable[[int, int | None], None]
"""Called with the bytes so far, and those in all or None if the server does not know."""


def format_of(
    out: Path, chosen: str | None = None, formats: Sequence[str] = FORMATS, *, remedy: str = ", or use --format"
) -> str:
    """Return the chosen format, else the one that the file's suffix names. Raises UsageError for any other.

    `remedy` ends the message; it is empty if the command has no option for the format.
    """
    name = chosen or out.suffix.removeprefix(".").lower()
    if name not in formats:
        raise UsageError(
            f"{str(out)!r} names no format of these; end it in one of {', '.join('.' + f for f in formats)}{remedy}",
            code="unknown_format",
        )
    return name


def check_folder(out: Path) -> None:
    """Raise UsageError if `out` cannot be written: before a job rather than after it."""
    if out.is_dir():
        raise UsageError(f"{str(out)!r} is a folder; name a file", code="bad_output")
    if not out.parent.is_dir():
        raise UsageError(f"the folder {str(out.parent)!r} does not exist; create it first", code="bad_output")


def check_out(out: Path) -> None:
    """Raise UsageError if `out` names no result format, or cannot be written: its folder is tried."""
    format_of(out, remedy="")
    check_folder(out)
    if out.exists() and not out.is_file():
        return  # A pipe or a device is written by itself.
    trial = _part_of(out)
    try:
        trial.touch(exist_ok=False)
    except OSError as error:
        raise _unwritable(out, error) from error
    trial.unlink(missing_ok=True)


def _part_of(out: Path) -> Path:
    """Return a new name beside `out`."""
    return out.with_name(f".{out.name}.{uuid.uuid4().hex[:8]}.part")


def _unwritable(out: Path, error: OSError) -> UsageError:
    return UsageError(f"{str(out)!r} cannot be written: {error.strerror or error}", code="bad_output")


@contextmanager
def place_for(out: Path) -> Iterator[Path]:
    """Yield the path to write to: `out`, or a temporary file that is copied there, if `out` is a pipe or a device.

    Renaming a finished file would replace the pipe or the device itself, such as /dev/stdout.
    """
    if not out.exists() or out.is_file() or out.is_dir():
        yield out
        return
    with tempfile.TemporaryDirectory(prefix="e1-output-") as folder:
        place = Path(folder) / out.name
        yield place
        with place.open("rb") as complete, out.open("wb") as target:
            shutil.copyfileobj(complete, target)


@contextmanager
def complete_file(out: Path) -> Iterator[IO[bytes]]:
    """Yield a file with a temporary name beside `out`; rename it to `out` at the end, delete it on an exception."""
    check_folder(out)
    try:
        with place_for(out) as place:
            part = _part_of(place)
            try:
                with part.open("x+b") as file:
                    yield file
                part.replace(place)
            finally:
                part.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(out, error) from error


def fetch(
    transport: Transport,
    path: str,
    file: IO[bytes],
    format: str,
    *,
    on_bytes: OnBytes,
    params: Mapping[str, str] | None = None,
) -> str | None:
    """Stream one answer into `file`, starting again if the connection breaks before its end.

    Returns None if `file` is complete, or the id of the file that the server is still building (202). Raises
    Unreachable if the transfer broke off too often.
    """
    for attempt in transport.attempts(Patience()):
        with attempt, transport.connected():
            file.seek(0)
            file.truncate()
            # Arrays hardly compress, and the checksum is that of the plain bytes.
            headers = {"Accept-Encoding": "identity", "Accept": "*/*"}
            with transport.http.stream("GET", path, params=params or {}, headers=headers) as response:
                if response.is_error:
                    response.read()
                    raise api_error(response)
                if response.status_code == httpx.codes.ACCEPTED:
                    response.read()
                    return last_part(str(decoded(response).get("url")))
                _copy(response, file, on_bytes)
                _check_end(file, format)
    return None


def _copy(response: httpx.Response, file: IO[bytes], on_bytes: OnBytes) -> None:
    """Copy the body. Raises Unreachable if it differs from the checksum that came with it (RFC 9530)."""
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
    """Return the digest in `sha-256=:BASE64:`, or None if the header has none."""
    for member in header.split(","):
        name, _, value = member.strip().partition("=")
        if name.lower() == "sha-256" and value.startswith(":") and value.endswith(":"):
            return base64.b64decode(value[1:-1])
    return None


def _check_end(file: IO[bytes], format: str) -> None:
    """Raise Unreachable if the file lacks the end that its format has."""
    # A transfer without a length that a proxy ended early looks complete to HTTP.
    file.seek(0, 2)
    size = file.tell()
    if format in ("npz", "xlsx", "zip"):
        whole = zipfile.is_zipfile(file)
    else:
        end = {"parquet": b"PAR1", "h5": b"", "json": b"", "file": b""}.get(format, b"\n")
        file.seek(max(0, size - len(end)))
        whole = file.read() == end or (size == 0 and format in ("jsonl", "fasta"))
    if not whole:
        raise Unreachable(f"the download broke off after {size} bytes", code="truncated")
