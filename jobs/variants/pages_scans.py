"""The substitutions of a scan as a ranked table, with what is beside their scores: CSV and XLSX."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import numpy as np
from django.http import Http404, HttpRequest, StreamingHttpResponse
from django.views.decorators.http import require_safe

from jobs.files.names import attachment
from jobs.files.tables import ItemRows, number_lines
from jobs.library.selectors import item_of
from jobs.results.export.arrays import facts_of
from jobs.results.export.names import item_file
from jobs.results.items import result_of
from jobs.science.variants.scans import ScanTable
from jobs.variants.beside import BLOSUM62, PERCENTILE, PROFILE
from jobs.variants.files import BLOCK, content_type, table_blocks
from jobs.variants.layers import MEASURED, Layers, layers_of
from jobs.web.access import open_job_with_rows, page, user_of

HEADS = (
    *("rank", "variant", "position", "number", "wild_type", "mutant"),
    *("score", "spread", "probability", "percentile", "profile", "blosum62", "measured"),
)


@page
@require_safe
def scan_substitutions(request: HttpRequest, job_id: UUID, index: int, format: str) -> StreamingHttpResponse:
    """Send all substitutions of a scan, best score first."""
    job = open_job_with_rows(request, job_id)
    item = item_of(job, index)
    result = result_of(job, item) if item is not None else None
    if item is None or result is None or "positions" not in result or "scores" not in result:
        raise Http404(f"job {job_id} has no scan {index}")
    table = ScanTable.of(result, item.sequence)
    layers = layers_of(user_of(request), item, table, request.GET)
    about = facts_of(job) | layers.baselines.about()
    if layers.assay is not None:
        about["measured"] = layers.assay.name
    bom = request.GET.get("bom") == "true"
    blocks = table_blocks("substitutions", HEADS, _rows(table, layers), format, bom=bom, about=about)
    response = StreamingHttpResponse(blocks, content_type=content_type(format))
    response["Content-Disposition"] = attachment(item_file(job, index, item.name, "substitutions", suffix=format))
    return response


def _rows(table: ScanTable, layers: Layers) -> Iterator[ItemRows]:
    order = table.ranked()
    missing = np.full(table.scores.shape, np.nan)
    others = [layers.matrices.get(name, missing) for name in (PERCENTILE, PROFILE, BLOSUM62, MEASURED)]
    columns = [matrix.ravel() for matrix in (table.scores, table.spread, table.probabilities, *others)]
    for start in range(0, len(order), BLOCK):
        part = order[start : start + BLOCK]
        lines = number_lines(np.stack([column[part] for column in columns], axis=1))
        for rank, (one, numbers) in enumerate(zip(table.substitutions(part), lines, strict=True), start + 1):
            keys = (one.code, one.position, one.number, one.wild, one.mutant)
            yield ItemRows((rank,), [(keys, numbers)], ())
