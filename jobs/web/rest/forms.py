"""Files of forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.errors import InvalidInput, TooLarge


def file_of(files: Mapping[str, Any], limit: int) -> tuple[bytes, str]:
    """Return content and name of the uploaded field `file`. Raises InvalidInput `no_file`, TooLarge."""
    file = files.get("file")
    if file is None:
        raise InvalidInput.one("no_file", "there is no file yet", "Choose one, in the field `file`.", path="file")
    if file.size > limit:
        raise TooLarge.one("too_large", f"the file is larger than {limit:,} bytes", path="file")
    return file.read(), file.name or ""
