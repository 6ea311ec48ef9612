"""Split out of jobs/api/attachments.py."""

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


def whole(data: Any, name: str) -> int | None:
    """A whole number of a form; None where it is left out. Raises InvalidInput `bad_number`."""
    text = str(data.get(name, "")).strip().replace("\N{MINUS SIGN}", "-")
    if not text:
        return None
    try:
        number = int(text)
    except ValueError:
        number = 10**9
    if abs(number) > 10**8:
        raise InvalidInput.of(
            Problem("bad_number", f"{name} is {text[:40]!r}", "Give a whole number, such as 0 or 23.", path=name)
        )
    return number
