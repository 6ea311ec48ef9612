"""Uploads of alignments: a form with a file, or the raw file with the fields in the query string."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from rest_framework.request import Request

from jobs.alignments.services import alignment_read, alignment_store
from jobs.errors import InvalidInput, TooLarge
from jobs.limits import MIB
from jobs.models import Alignment
from jobs.parsing.letters import clean_sequence
from jobs.parsing.text import file_name
from jobs.science.alignments.reading import MAX_ALIGNMENT_BYTES

_TRUE, _FALSE = ("true", "1", "on", "yes"), ("", "false", "0", "off", "no")


@dataclass(frozen=True, slots=True)
class AlignmentAsked:
    """An uploaded file, gzip or not, and its fields. The letters of `parent` are cleaned."""

    data: bytes
    filename: str
    name: str
    parent: str | None
    add_parent: bool
    skip_empty: bool


def read_upload(request: Request) -> AlignmentAsked:
    """Read the upload of a request.

    Raises InvalidInput for a form without a file and for wrong fields, TooLarge beyond `MAX_ALIGNMENT_BYTES`.
    """
    data: Any = request.data
    if isinstance(data, dict) and "stream" in data and "media_type" in data:
        text = data["stream"].read(MAX_ALIGNMENT_BYTES + 1)
        check_size(len(text))
        data["stream"].check_whole()
        return alignment_asked(text, request.query_params, str(request.query_params.get("filename", "")))
    file = request.FILES.get("file")
    if file is None:
        what = "the form has no file"
        raise InvalidInput.one("no_file", what, "Send the alignment in the field `file`.", path="file")
    check_size(file.size or 0)
    fields = {name: data[name] for name in ("name", "parent", "add_parent", "skip_empty") if name in data}
    if (parent := request.FILES.get("parent")) is not None:
        fields["parent"] = parent.read(MIB).decode("utf-8", "replace")
    return alignment_asked(file.read(), fields, file.name or "")


def upload_store(owner: User, asked: AlignmentAsked) -> Alignment:
    """Read an uploaded alignment and store it. Raises InvalidInput, and what `alignment_store` raises."""
    rows = alignment_read(
        asked.data,
        filename=asked.filename,
        parent=asked.parent,
        add_parent=asked.add_parent,
        skip_empty=asked.skip_empty,
    )
    return alignment_store(owner=owner, name=asked.name, source="upload", rows=rows)


def check_size(size: int) -> None:
    """Raise TooLarge for a file beyond `MAX_ALIGNMENT_BYTES`, gzip or not."""
    if size > MAX_ALIGNMENT_BYTES:
        what = f"the alignment has more than {MAX_ALIGNMENT_BYTES // MIB} MiB"
        raise TooLarge.one("upload_too_large", what, "Filter it, for instance with hhfilter.", path="file")


def alignment_asked(data: bytes, fields: Mapping[str, Any], filename: str) -> AlignmentAsked:
    """Read the fields of an upload from text. Raises InvalidInput."""
    parent = str(fields["parent"]) if fields.get("parent") else None
    return AlignmentAsked(
        data,
        filename,
        file_name(str(fields.get("name") or "") or filename or "alignment"),
        parent_of(parent) if parent and parent.strip() else None,
        truth(fields.get("add_parent", ""), "add_parent"),
        truth(fields.get("skip_empty", ""), "skip_empty"),
    )


def parent_of(text: str) -> str:
    """Return the cleaned sequence of a parent, given as letters or as a FASTA file with one record.

    The letters are not checked. Raises InvalidInput `several_parents`.
    """
    lines = text.strip().splitlines()
    if lines and lines[0].startswith(">"):
        lines = lines[1:]
    if any(line.startswith(">") for line in lines):
        what = "the parent's file has several records"
        raise InvalidInput.one("several_parents", what, "Send the parent alone.", path="parent")
    return clean_sequence("".join(lines))[0]


def truth(value: object, path: str) -> bool:
    """Return a field of a form as true or false. Raises InvalidInput `wrong_type`."""
    word = str(value).strip().lower()
    if word not in _TRUE + _FALSE:
        raise InvalidInput.one("wrong_type", f"{path} is {word[:40]!r}", "Give true or false.", path=path)
    return word in _TRUE
