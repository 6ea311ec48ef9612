"""Results on their way in: formats by suffix, and files that appear under their name only when complete."""

from __future__ import annotations

import base64
import hashlib
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx

from e1client.answers import decoded, last_part
from e1client.errors import Unreachable, UsageError, api_error
from e1client.transport import Patience, Transport

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
        with part.open("x+b") as file:
            yield file
        part.replace(out)
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"{str(out)!r} cannot be written: {reason}", code="bad_output") from error
    finally:
        part.unlink(missing_ok=True)


def fetch_results(
    transport: Transport,
    job_path: str,
    format: str,
    file: IO[bytes],
    *,
    on_bytes: OnBytes,
    pauses: Iterator[float],
    sleep: Callable[[float], object],
) -> None:
    """Write a job's results into `file`, from its start; waits while the server builds the file (HDF5).

    Raises Unreachable where the transfer broke off too often or differs from its checksum, Rejected where the format
    cannot hold these results.
    """
    path, params = f"{job_path}results/", {"format": format}
    while (artefact := _fetch(transport, path, params, file, format, on_bytes)) is not None:
        # The file that is being built: the results of a job that still runs would be another one a moment later.
        path, params = f"{job_path}artefacts/{artefact}/", {}
        sleep(next(pauses))


def fetch_ledger(transport: Transport, job_path: str, file: IO[bytes], *, on_bytes: OnBytes) -> None:
    """Write a job's ledger into `file`, from its start. Raises Unreachable where the transfer broke off too often."""
    _fetch(transport, f"{job_path}ledger/", {}, file, "csv", on_bytes)


def fetch_analysis(
    transport: Transport, job_path: str, number: int, format: str, file: IO[bytes], *, on_bytes: OnBytes
) -> None:
    """Write the file of a ready analysis into `file`. Raises UsageError `analysis_not_ready`, Unreachable as above."""
    path = f"{job_path}artefacts/{number}/"
    if _fetch(transport, path, {"format": format}, file, format, on_bytes) is not None:
        raise UsageError(f"analysis {number} is not ready; wait for it first", code="analysis_not_ready")


def _fetch(  # noqa: PLR0917 - the parts of one request, named at its only call
    transport: Transport,
    path: str,
    params: Mapping[str, str],
    file: IO[bytes],
    format: str,
    on_bytes: OnBytes,
) -> str | None:
    """Stream one answer into `file`, beginning anew where the connection breaks before its end.

    Returns the id of the file that the server is still building (202), None where `file` is whole.
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
                    response.read()
                    return last_part(str(decoded(response).get("url")))
                _copy(response, file, on_bytes)
                _check_end(file, format)
    return None


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


def _check_end(file: IO[bytes], format: str) -> None:
    """Raise Unreachable where the file lacks the end that its format has.

    A transfer without a length that a proxy ended early looks whole to HTTP.
    """
    file.seek(0, 2)
    size = file.tell()
    if format == "npz":
        whole = zipfile.is_zipfile(file)
    else:
        end = {"parquet": b"PAR1", "h5": b"", "json": b""}.get(format, b"\n")
        file.seek(max(0, size - len(end)))
        whole = file.read() == end or (size == 0 and format == "jsonl")
    if not whole:
        raise Unreachable(f"the download broke off after {size} bytes", code="truncated")
