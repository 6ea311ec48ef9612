"""Files of forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.errors import InvalidInput, Problem, TooLarge


def file_of(files: Mapping[str, Any], limit: int) -> tuple[bytes, str]:
    """Content and name of the uploaded field `file`. Raises InvalidInput `no_file`, TooLarge."""
    file = files.get("file")
    if file is None:
        raise InvalidInput.of(
            Problem("no_file", "there is no file yet", "Choose one, in the field `file`.", path="file")
        )
    if file.size > limit:
        raise TooLarge.of(Problem("too_large", f"the file is larger than {limit:,} bytes", path="file"))
    return file.read(), file.name or ""
