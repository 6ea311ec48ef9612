"""Uploads of alignments: a form with a file, or the raw file with the fields in the query string."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from django.contrib.auth.models import User
from rest_framework.request import Request

from e1protocol import EXTENDED
from jobs.alignments.services import alignment_read, alignment_store
from jobs.errors import InvalidInput, TooLarge
from jobs.limits import MIB
from jobs.models import Alignment
from jobs.parsing import ItemRules, Reader, Record
from jobs.parsing.letters import clean_sequence
from jobs.parsing.text import file_name
from jobs.parsing.upload import Upload
from jobs.science.alignments.reading import MAX_ALIGNMENT_BYTES

_PARENT = ItemRules(sequence=EXTENDED, context=EXTENDED, needs_mask=False, max_residues=MIB, max_tokens=2 * MIB)
"""Letters of a parent. Its length is checked with the models that read it."""
_LETTERS_ALONE = ("plain", "unknown", "empty")
"""Kinds of text that has no names."""
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
    parent = request.FILES.get("parent")
    if parent is None:
        return alignment_asked(file.read(), fields, file.name or "")
    sequence = parent_of(parent.read(MIB + 1), parent.name or "")
    return replace(alignment_asked(file.read(), fields | {"parent": ""}, file.name or ""), parent=sequence)


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


def parent_of(data: str | bytes, filename: str = "") -> str:
    """Return the cleaned sequence of a parent: letters on any number of lines, or a library of one record.

    Letters alone are not checked. Raises InvalidInput `several_parents`, and the problems of a library at `parent`.
    """
    raw = data if isinstance(data, bytes) else data.encode()
    try:
        upload = Upload(io.BytesIO(raw), filename=filename, max_bytes=MIB)
        if upload.kind.key in _LETTERS_ALONE:
            return clean_sequence(b"".join(upload).decode("utf-8", "replace"))[0]
        records = list(islice(Reader(upload, upload.reader("library"), _PARENT), 2))
    except InvalidInput as error:
        problems = [replace(problem, path="parent") for problem in error.problems]
        raise type(error)(error.detail, code=error.code, problems=problems) from None
    if len(records) > 1:
        what = "the parent's file has several records"
        raise InvalidInput.one("several_parents", what, "Send the parent alone.", path="parent")
    (record,) = records
    if isinstance(record, Record):
        return record.sequence
    if record.problems[0].code == "empty_sequence":
        return ""
    raise InvalidInput.of(*(replace(problem, path="parent") for problem in record.problems))


def truth(value: object, path: str) -> bool:
    """Return a field of a form as true or false. Raises InvalidInput `wrong_type`."""
    word = str(value).strip().lower()
    if word not in _TRUE + _FALSE:
        raise InvalidInput.one("wrong_type", f"{path} is {word[:40]!r}", "Give true or false.", path=path)
    return word in _TRUE
