"""The figures of an alignment for its page, and its rows as files."""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from uuid import UUID

import numpy as np
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from e1protocol import CANONICAL
from jobs.alignments.selectors import alignment_of, published_count
from jobs.files.names import attachment, file_name
from jobs.library.alignments import alignment_load
from jobs.models import Alignment
from jobs.models.states import WorkState
from jobs.science.alignments.packed import counts_unpacked
from jobs.science.alignments.summary import ENOUGH, TOO_THIN, Summary, a3m, fasta, summarised, verdict
from jobs.web.access import page, user_of

MOST_CELLS = 60_000_000
"""Rows times columns of the largest alignment that a page is drawn of: it takes a few seconds and some 300 MB."""
FORMATS = {"a3m": a3m, "fasta": fasta}


def depth_facts(stored: Alignment, effective_depth: float | None) -> dict[str, Any]:
    """Return effective sequences per residue with the verdict; nothing before neighbours are counted."""
    if effective_depth is None:
        return {}
    return {
        "per_residue": effective_depth / stored.columns,
        "verdict": verdict(effective_depth, stored.columns),
        "too_thin": TOO_THIN,
        "enough": ENOUGH,
    }


def is_drawn(stored: Alignment) -> bool:
    return stored.depth * stored.columns <= MOST_CELLS


def summary_of(stored: Alignment) -> Summary:
    """Return the figures of an alignment, weighted once its neighbours are counted."""
    count = published_count(stored)
    weighted = count is not None and count.state == WorkState.DONE
    return _summary(stored, weighted=weighted)


@lru_cache(maxsize=8)
def _summary(stored: Alignment, *, weighted: bool) -> Summary:
    count = published_count(stored) if weighted else None
    weights = None if count is None else 1.0 / counts_unpacked(bytes(count.counts))
    return summarised(alignment_load(stored), weights)


@page
@require_safe
def alignment_summary(request: HttpRequest, alignment_id: UUID) -> HttpResponse:
    """Send the figures that the page draws. A band that covers a position less than half has null there."""
    stored = alignment_of(user_of(request), alignment_id)
    if not is_drawn(stored):
        return JsonResponse({"detail": "the alignment is too large to be drawn"}, status=413)
    found = summary_of(stored)
    bands = [[None if np.isnan(value) else round(value, 4) for value in row] for row in found.bands.tolist()]
    return JsonResponse(
        {
            "parent": stored.parent,
            "depth": found.depth.tolist(),
            "rows": stored.depth,
            "bands": bands,
            "band_rows": found.band_rows.tolist(),
            "letters": list(CANONICAL),
            "frequencies": found.frequencies.round(5).tolist(),
        }
    )


@page
@require_safe
def alignment_rows(request: HttpRequest, alignment_id: UUID, format: str) -> HttpResponse:
    """Send the rows as A3M or FASTA."""
    stored = alignment_of(user_of(request), alignment_id)
    text = FORMATS[format](alignment_load(stored))
    name = file_name(stored.name, f"alignment-{stored.pk.hex[:8]}", suffix=format)
    headers = {"Content-Disposition": attachment(name)}
    return HttpResponse(text, content_type="text/plain; charset=utf-8", headers=headers)
