"""A numbering from a file that comes with a request: a structure, a table or a list (docs/variants.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from jobs.errors import TooLarge
from jobs.limits import MAX_ASSAY_BYTES
from jobs.parsing import ItemRules, Record, open_reader
from jobs.parsing.asked import Reading
from jobs.science.variants.numbering_files import FileNumbering, numbering_of_file

FILE = "numbering_file"
"""The field of the file; `numbering_column` and `numbering_chain` choose a column or a chain."""


@dataclass(frozen=True, slots=True)
class NumberingUpload:
    """A file with a numbering, as sent."""

    data: bytes
    name: str = ""
    column: str = ""
    chain: str = ""

    def read(self, parent: str) -> FileNumbering:
        """Return the numbering of this parent. Raises InvalidInput with the path `numbering`."""
        return numbering_of_file(self.data, parent, name=self.name, column=self.column, chain=self.chain)


def numbering_upload(fields: Mapping[str, Any], files: Mapping[str, Any]) -> NumberingUpload | None:
    """Return the file with a numbering in a form, or None. Raises TooLarge."""
    file = files.get(FILE)
    if file is None:
        return None
    if file.size > MAX_ASSAY_BYTES:
        what = f"the file with the numbering is larger than {MAX_ASSAY_BYTES:,} bytes"
        raise TooLarge.one("too_large", what, "Send the structure of this protein alone, or a table.", path="numbering")
    column, chain = (str(fields.get(f"numbering_{what}") or "") for what in ("column", "chain"))
    return NumberingUpload(file.read(), file.name or "", column, chain)


def first_sequence(
    stream: BinaryIO,
    rules: ItemRules,
    filename: str = "",
    media_type: str = "",
    reading: Reading = Reading(),  # noqa: B008  it is frozen
) -> str | None:
    """Return the sequence of the first good record, or None, and go back to the beginning of the stream."""
    try:
        records = open_reader(stream, rules, filename=filename, media_type=media_type, reading=reading)
        return next((record.sequence for record in records if isinstance(record, Record)), None)
    finally:
        stream.seek(0)
