"""The bad records of a job as a file to mend and send again: what was read of each, with the reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from e1protocol import MODELS
from jobs.actions import get_action
from jobs.errors import InvalidInput
from jobs.files.lines import BOM, csv_head
from jobs.files.pieces import in_blocks, text_cell
from jobs.limits import MAX_HEADER
from jobs.models import Item, Job

FORMATS: Mapping[str, str] = MappingProxyType(
    {"fasta": "text/x-fasta; charset=utf-8", "csv": "text/csv; charset=utf-8"}
)
PAGE = 2048
"""Records per query."""
NOT_WHOLE = "the sequence was not kept whole, so it is left out here"


def bad_record_blocks(job: Job, format: str, *, bom: bool = False) -> Iterator[bytes]:
    """Yield the skipped records in input order, as FASTA with the reason in the header or as CSV.

    A sequence that was cut when it was stored is left out: sent again, it would be taken for a whole one. Variants are
    CSV only. Raises InvalidInput `unknown_format` before the first block.
    """
    variants = get_action(job.action).takes_variants
    formats = ["csv"] if variants else list(FORMATS)
    if format not in formats:
        what = f"bad records of this job cannot be had as {format!r}"
        raise InvalidInput.one("unknown_format", what, f"Choose from {', '.join(formats)}.", path="format")
    lines = _csv(job, "variant" if variants else "sequence", bom=bom) if format == "csv" else _fasta(job)
    return in_blocks(lines)


def _fasta(job: Job) -> Iterator[bytes]:
    for item, sequence in _records(job):
        header = " ".join((item.header or item.name).split())
        reason = f" [{_reason(item, sequence)}]"
        yield f">{header}{reason[: max(0, MAX_HEADER - len(header))]}\n{sequence}\n".encode()


def _csv(job: Job, title: str, *, bom: bool) -> Iterator[bytes]:
    yield (BOM if bom else b"") + csv_head(["name", title, "line", "code", "reason", "remedy"])
    for item, sequence in _records(job):
        first = _first(item)
        texts = (item.error_code or "", _reason(item, sequence, code=False), str(first.get("remedy", "")))
        line = first.get("line") or item.line or ""
        cells = ",".join(text_cell(text) for text in texts)
        yield f"{text_cell(item.name)},{text_cell(sequence)},{line},{cells}\n".encode()


def _records(job: Job) -> Iterator[tuple[Item, str]]:
    """Yield each skipped record with its sequence, which is empty if only a part of it is stored."""
    limit = get_action(job.action).rules_for(MODELS[job.model], job.params).max_residues
    rows = Item.objects.filter(job=job, chunk__isnull=True, error_code__isnull=False).order_by("index")
    last = -1
    while page := list(rows.filter(index__gt=last)[:PAGE]):
        last = page[-1].index
        for item in page:
            yield item, item.sequence if len(item.sequence) < limit else ""


def _first(item: Item) -> Mapping[str, Any]:
    return item.error[0] if item.error else {}


def _reason(item: Item, sequence: str, *, code: bool = True) -> str:
    message = str(_first(item).get("message", item.error_code))
    cut = f"; {NOT_WHOLE}" if item.sequence and not sequence else ""
    return f"{item.error_code}: {message}{cut}" if code else f"{message}{cut}"
