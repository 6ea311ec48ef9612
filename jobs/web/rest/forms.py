"""Files of forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from jobs.errors import InvalidInput, TooLarge


def opened_of(files: Mapping[str, Any]) -> tuple[IO[bytes], int]:
    """Return the uploaded field `file`, opened, and its size. Raises InvalidInput `no_file`."""
    file = files.get("file")
    if file is None:
        raise InvalidInput.one("no_file", "there is no file yet", "Choose one, in the field `file`.", path="file")
    return file.file, file.size


def file_of(files: Mapping[str, Any], limit: int) -> tuple[bytes, str]:
    """Return content and name of the uploaded field `file`. Raises InvalidInput `no_file`, TooLarge."""
    file, size = opened_of(files)
    if size > limit:
        raise TooLarge.one("too_large", f"the file is larger than {limit:,} bytes", path="file")
    return file.read(), files["file"].name or ""
