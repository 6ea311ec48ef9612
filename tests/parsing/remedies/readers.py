"""The readers of every entrance, and a refusal with what its remedy makes of it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

from jobs.alignments.bodies import parent_of, truth
from jobs.errors import InvalidInput
from jobs.limits import MAX_UPLOAD_BYTES
from jobs.maps import column_files
from jobs.parsing import BadRecord, ItemReader, bodies, open_reader, read_context
from jobs.parsing.asked import Reading
from jobs.parsing.tally import InputTally
from jobs.parsing.upload import context_bytes
from jobs.science.alignments.reading import read_alignment
from jobs.science.contacts.chains import read_chains
from jobs.science.contacts.structures import map_structure
from jobs.science.variants.features import read_features
from jobs.science.variants.numbering import SEQUENTIAL
from jobs.science.variants.numbering_files import numbering_of_file
from jobs.science.variants.numbering_forms import numbering_of, numbering_of_texts
from jobs.science.variants.overlays import check_names
from jobs.science.variants.rules import VariantRules
from jobs.variants.assay_files import read_assay
from tests.parsing.reading import ENCODE

PARENT = "MKTAYIAKQRQISFVKSHFSRQ"


def scored(*, lengths: bool = False, numbering: Any = SEQUENTIAL, parent: str = PARENT) -> Any:
    return replace(ENCODE, variants=VariantRules(parent, numbering, lengths=lengths))


def library(
    data: bytes,
    *,
    rules: Any = ENCODE,
    name: str = "",
    on_invalid: str = "reject",
    max_bytes: int = MAX_UPLOAD_BYTES,
    **reading: str,
) -> int:
    """Read a library as a job does, and return the number of its good records."""
    source = open_reader(io.BytesIO(data), rules, filename=name, max_bytes=max_bytes, reading=Reading(**reading))
    counts = InputTally(on_invalid, "nothing is queued", hint=rules.variants.hint if rules.variants else None)
    for record in source:
        counts.note(record)
    counts.check_room()
    counts.check()
    return counts.total - counts.bad


def items(data: bytes, *, rules: Any = ENCODE, shared: tuple[str, ...] = ()) -> list[Any]:
    records = list(ItemReader(json.loads(data), rules, strict=False, shared_context=shared))
    if bad := [record for record in records if isinstance(record, BadRecord)]:
        raise InvalidInput.of(*bad[0].problems)
    return records


def names(data: bytes, **options: Any) -> tuple[str, ...]:
    """Read a table of measurements as the service stores it: most of its names are variants of the parent."""
    found = read_assay(io.BytesIO(data), **options)
    check_names(found.names, PARENT, SEQUENTIAL)
    return found.names


def context_file(data: bytes) -> bytes:
    return context_bytes(SimpleNamespace(size=len(data), read=lambda: data))


def body(data: bytes) -> dict[str, Any]:
    """Read the body of a request for a job."""
    found = bodies.parse_body(data)
    bodies.check_request(found, {})
    return found


READERS: dict[str, Callable[..., Any]] = {
    "library": library,
    "body": body,
    "items": items,
    "contexts": lambda data, rules=ENCODE, **options: read_context(data, rules, **options),
    "alignment": read_alignment,
    "assay": lambda data, **options: read_assay(io.BytesIO(data), **options),
    "columns": lambda data, **options: column_files.read_columns(data, ["a"], **options),
    "features": lambda data: read_features(data, len(PARENT), SEQUENTIAL).features,
    "structure": read_chains,
    "map": lambda data, **options: map_structure(data, PARENT, **options),
    "names": names,
    "context file": context_file,
    "reading": lambda data: Reading.of(json.loads(data)),
    "parent": parent_of,
    "field": lambda data: truth(data.decode(), "add_parent") or True,
    "numbering": lambda data: numbering_of_file(data, PARENT),
    "params": lambda data: numbering_of(json.loads(data)),
    "form": lambda data: numbering_of_texts(**json.loads(data)),
}


@dataclass(frozen=True)
class Case:
    """A refusal. Each of `mended` is what comes of `sent` by its remedy, or another way to read it."""

    code: str
    reader: str
    sent: bytes
    words: str
    mended: tuple[Any, ...]
    asked: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.code}: {self.words[:40]}"


def case_in(
    cases: list[Case],
    code: str,
    reader: str,
    sent: bytes | str,
    words: str,
    *mended: bytes | str | dict[str, Any],
    **asked: Any,
) -> None:
    data = [one.encode() if isinstance(one, str) else one for one in (sent, *mended)]
    cases.append(Case(code, reader, data[0], words, tuple(data[1:]), asked))


SMALL = replace(ENCODE, max_tokens=20)
