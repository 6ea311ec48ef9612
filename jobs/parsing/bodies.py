"""Bodies of requests in JSON, bounded before anything is built from them, and what a body of `POST /api/jobs/` has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from jobs.errors import UNBOX, InvalidInput, Problem, Problems, TooLarge
from jobs.limits import MAX_JSON_BODY, MAX_JSON_VALUES, MIB, SHOWN_NAME
from jobs.parsing.asked import REJECT, SKIP, skips_bad

FIELDS = ("model", "action", "params", "name", "project", "on_invalid")
REQUESTS = (".json", ".json.gz")
"""How the name of a file ends that is a request."""

_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_MARK = b"\xef\xbb\xbf"  # UTF-8's byte order mark, which editors write and JSON does not have
_KINDS = {list: "list", str: "text", bool: "truth value", int: "number", float: "number", type(None): "null"}


def parse_body(data: bytes) -> dict[str, Any]:
    """Return a JSON object from bytes.

    Raises InvalidInput `bad_json` with the line and column of the error, `bad_body` for another value, and TooLarge
    `too_many_values`.
    """
    return _object(_value(data))


def parse_file(blocks: Iterable[bytes]) -> dict[str, Any]:
    """Return the request in a file that is one JSON value, from its unpacked blocks. A list is that of its items.

    Raises what `parse_body` raises, and TooLarge `upload_too_large` beyond MAX_JSON_BODY bytes.
    """
    parts: list[bytes] = []
    size = 0
    for block in blocks:
        size += len(block)
        if size > MAX_JSON_BODY:
            what = f"The file is one JSON value of more than {MAX_JSON_BODY // MIB} MiB, which is held in memory"
            raise TooLarge.one("upload_too_large", what, "Write one item on each line (JSONL), or send FASTA.")
        parts.append(block)
    value = _value(b"".join(parts).removeprefix(_MARK))
    return {"items": value} if isinstance(value, list) else _object(value)


def _value(data: bytes) -> Any:
    _check_values(data)
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        what = f"the body is not JSON: {error.msg}"
        remedy = "Check it with a JSON validator. A library with an item on each line is JSONL: name it .jsonl."
        raise InvalidInput.one("bad_json", what, remedy, line=error.lineno, column=error.colno) from error


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        remedy = "Send an object with fields: a job has model, action, and items as a list."
        raise InvalidInput.one("bad_body", f"the body is a JSON {_KINDS[type(value)]}, not an object", remedy)
    return value


def check_request(body: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Check the fields of a body of `POST /api/jobs/`, except for `params` and the items themselves.

    `known` are values that the request has elsewhere. Raises InvalidInput.
    """
    only_fields(body, (*FIELDS, "items", "context_sequences"))
    check_choices({**body, **{name: value for name, value in known.items() if value}})
    require_items(body)


def check_choices(fields: Mapping[str, Any]) -> str:
    """Return the choice `on_invalid`. Raises InvalidInput `missing_field`, `bad_on_invalid`, `wrong_type`."""
    for name in ("model", "action", "name", "project", "on_invalid"):
        if isinstance(value := fields.get(name), list) and value:
            what = f"{name} is a list of {len(value)}, not a text"
            raise InvalidInput.one("wrong_type", what, UNBOX, path=name)
    for name in ("model", "action"):
        if not isinstance(fields.get(name), str) or not fields[name]:
            raise InvalidInput.one("missing_field", f"the field {name} is missing", path=name)
    return SKIP if skips_bad(fields) else REJECT


def require_items(data: Mapping[str, Any]) -> list[Any]:
    """Return the field `items`. Raises InvalidInput `no_items` unless it is a list with at least one entry."""
    items = data.get("items")
    if not isinstance(items, list) or not items:
        found = "missing" if items is None else ("empty" if items == [] else "not a list")
        raise InvalidInput.one(
            "no_items", f"items is {found}", 'Give a list such as [{"sequence": "MKT"}].', path="items"
        )
    return items


def shared_context(data: Mapping[str, Any]) -> list[Any]:
    """Return the field `context_sequences`, empty if it is left out. Raises InvalidInput `wrong_type`."""
    shared = data.get("context_sequences")
    if shared is not None and not isinstance(shared, list):
        what = f"context_sequences is a {_KINDS.get(type(shared), 'JSON object')}, not a list"
        remedy = 'Write ["MKT...", "MRT..."], also for a single one.'
        raise InvalidInput.one("wrong_type", what, remedy, path="context_sequences")
    return shared or []


def unread_fields(fields: Sequence[str]) -> list[Problem]:
    """Return the note that these fields of a request in a file were not read, empty for none."""
    if not fields:
        return []
    what = f"The file is a whole request; what it says of {', '.join(fields)} was not read"
    remedy = "The request that brought the file says otherwise, and that counts."
    return [Problem("request_in_file", what, remedy)]


def unknown_fields(data: Iterable[str], known: Sequence[str]) -> Problems:
    """Return a problem for each field of a body that is not in `known`."""
    problems, choice = Problems(), f"Choose from {', '.join(known)}."
    unknown = [name[:SHOWN_NAME] for name in data if name not in known]
    problems.each(unknown, lambda n: Problem("unknown_field", f"there is no field {n!r}", choice, path=n))
    return problems


def only_fields(data: Iterable[str], known: Sequence[str]) -> None:
    """Raise InvalidInput if a body has a field that is not in `known`."""
    if problems := unknown_fields(data, known):
        raise problems.refusal()


def _check_values(data: bytes) -> None:
    """Raise TooLarge `too_many_values` before anything is built from the body."""
    if _structure(data) > MAX_JSON_VALUES and _structure(_STRINGS.sub(b"", data)) > MAX_JSON_VALUES:
        what = f"the JSON body has more than {MAX_JSON_VALUES:,} values"
        raise TooLarge.of(Problem("too_many_values", what, "Upload the library as a file (FASTA, JSONL, CSV)."))


def _structure(data: bytes) -> int:
    """Return the number of commas and opening brackets: at least the number of values, less one."""
    return sum(map(data.count, (b",", b"[", b"{")))
