"""What requests say about projects, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from jobs.errors import InvalidInput
from jobs.models.projects import Role
from jobs.parsing.letters import storable
from jobs.projects.limits import MAX_DESCRIPTION, MAX_MOVED, MAX_NAME, MAX_NOTES, MAX_TAG, MAX_TAGS


def checked_texts(data: Mapping[str, Any]) -> dict[str, str]:
    """Return the name, the description and the notes in a body, as far as it has them. Raises InvalidInput."""
    found: dict[str, str] = {}
    for field, most in (("name", MAX_NAME), ("description", MAX_DESCRIPTION), ("notes", MAX_NOTES)):
        if field not in data:
            continue
        text = data[field]
        if not isinstance(text, str) or len(text) > most or "\0" in text:
            raise InvalidInput.one(f"bad_{field}", f"{field} must be text of at most {most:,} characters", path=field)
        found[field] = _of_lines(text) if field == "notes" else storable(" ".join(text.split()))
    if "name" in found and (not found["name"] or not found["name"].isprintable()):
        raise InvalidInput.one("bad_name", "a project needs a printable name", "Give one such as TEM-1.", path="name")
    return found


def _of_lines(text: str) -> str:
    """Return text of several lines as it is stored: storable, with plain ends of lines, and spaces for tabs."""
    return "\n".join(map(storable, text.replace("\r\n", "\n").expandtabs(4).split("\n")))


def checked_tags(raw: Any) -> list[str]:
    """Return tags in the order given, each once. Raises InvalidInput `bad_tags`."""
    if not isinstance(raw, list) or len(raw) > MAX_TAGS:
        raise InvalidInput.one("bad_tags", f"tags must be a list of at most {MAX_TAGS} texts", path="tags")
    for tag in raw:
        if not isinstance(tag, str) or not tag.strip() or len(tag) > MAX_TAG or not tag.isprintable() or "," in tag:
            what = f"a tag is printable text of 1 to {MAX_TAG} characters without a comma"
            raise InvalidInput.one("bad_tags", what, path="tags")
    return list(dict.fromkeys(storable(tag.strip()) for tag in raw))


def checked_role(raw: Any) -> Role:
    """Return a role. Raises InvalidInput `bad_role`."""
    if raw not in Role.values:
        remedy = f"Choose from {', '.join(Role.values)}."
        raise InvalidInput.one("bad_role", f"there is no role {str(raw)[:40]!r}", remedy, path="role")
    return Role(raw)


def checked_flag(data: Mapping[str, Any], field: str) -> bool:
    """Return a truth value of a body. Raises InvalidInput `wrong_type`."""
    if not isinstance(data[field], bool):
        raise InvalidInput.one("wrong_type", f"{field} is no truth value", "Give true or false.", path=field)
    return bool(data[field])


def checked_ids(data: Mapping[str, Any], field: str) -> list[UUID]:
    """Return the ids in a list of a body, empty if it is left out. Raises InvalidInput `bad_ids`."""
    return [_id(one, field) for one in _listed(data, field)]


def checked_names(data: Mapping[str, Any], field: str) -> list[str]:
    """Return the names in a list of a body, empty if it is left out. Raises InvalidInput `bad_ids`."""
    names = _listed(data, field)
    if not all(isinstance(name, str) for name in names):
        raise InvalidInput.one("bad_ids", f"{field} must be a list of names", path=field)
    return [storable(name) for name in names]


def _listed(data: Mapping[str, Any], field: str) -> list[Any]:
    values = data.get(field)
    if values is None:
        return []
    if not isinstance(values, list) or len(values) > MAX_MOVED:
        raise InvalidInput.one("bad_ids", f"{field} must be a list of at most {MAX_MOVED:,} entries", path=field)
    return values


def _id(raw: Any, field: str) -> UUID:
    try:
        return UUID(raw)
    except (ValueError, TypeError, AttributeError):
        raise InvalidInput.one("bad_ids", f"{field} holds {str(raw)[:60]!r}, which is no id", path=field) from None
