"""Files that hold a whole request: the body of `POST /api/jobs/`, as `e1 run` takes it too."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from e1client.errors import UsageError
from e1client.uploads import Source, open_upload

SUFFIXES = (".json", ".json.gz")
NEEDED = "--model and --action are needed, unless FILE is a .json file that names them"


def is_request(file: Source) -> bool:
    """Return whether a file is a request, by its name."""
    return isinstance(file, str | Path) and str(file).endswith(SUFFIXES)


def request_of(file: Source, fields: Mapping[str, Any], elsewhere: Mapping[str, object]) -> bytes:
    """Return the body in a file, with `fields` that are not None in place of its own.

    A list is that of the items. `elsewhere` are arguments of files that have no place in a body. Raises UsageError if
    one is given. Anything else than a list or an object is returned as it is, for the server to refuse.
    """
    if wrong := [name for name, value in elsewhere.items() if value]:
        remedy = "put context_sequences and params.numbering into it"
        raise UsageError(f"a .json file holds the whole request, so {wrong[0]} is not read; {remedy}")
    with open_upload(file) as (name, stream):
        raw = stream.read()
    if name.endswith(".gz"):
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError, zlib.error) as error:
            raise UsageError(f"FILE {name!r} is no gzip file: {error}", code="file_unreadable") from error
    given = {field: value for field, value in fields.items() if value is not None}
    try:
        body = json.loads(raw)
    except ValueError:
        return raw
    if isinstance(body, list):
        return json.dumps({"items": body} | given).encode()
    return json.dumps(body | given).encode() if given and isinstance(body, dict) else raw
