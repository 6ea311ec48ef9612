"""What the page of a job shows of its results: a picture, a table of scores, or the first items."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from django.http import HttpRequest

from e1protocol import CANONICAL, MODELS
from jobs.actions import ACTIONS
from jobs.actions.columns import result_bytes
from jobs.api.presenters import present_item
from jobs.library import selectors
from jobs.models import Item, Job
from jobs.models.states import ItemState
from jobs.pages.items import BARS, RESULT_PAGES, item_files, shown_result
from jobs.results.items import results_of
from jobs.results.summaries import masked_residues, recovery
from jobs.science.variants.scans import ScanTable
from jobs.variants.likelihoods import is_ranked, likelihood_table
from jobs.variants.scan_pages import scoring_of
from jobs.variants.table import Wanted, variant_table

SHOWN = 10
"""Rows of the table on the page of a job. Other pages have all."""
READ_BYTES = 4_000_000
"""Bytes of results that are read for the table of the first items; later items have no figures there."""
RANKED = 20_000
"""Items that are ranked while the page of a job is made; larger jobs link to the page that ranks them."""
VALUES = 4
MASKS = 6
ONE_LINE = 60
"""Characters of a result that are not wrapped in the table of the first items."""


class First(NamedTuple):
    """One of the first items, with its result in a few words."""

    item: Mapping[str, Any]
    words: str

    @property
    def short(self) -> bool:
        """Whether the words fit on one line beside the name."""
        return len(self.words) <= ONE_LINE


def outcome_of(request: HttpRequest, job: Job) -> dict[str, Any]:
    """Return the template's context for the results of a finished job that has at least one result."""
    action = ACTIONS[job.action]
    if job.total_items > RANKED and (action.takes_variants or is_ranked(job)):
        return {"kind": "variants" if action.takes_variants else "ranked", "rows": (), "total": job.total_items}
    if action.takes_variants:
        table = variant_table(job)
        rows = table.rows(table.select(Wanted())[:SHOWN])
        return {
            "kind": "variants",
            "rows": rows,
            "total": len(table),
            "several": scoring_of(job)["contexts"] > 1,
            "named": any(row.name not in ("", row.code) for row in rows),
        }
    if is_ranked(job):
        ranking = likelihood_table(job)
        return {"kind": "ranked", "rows": ranking.rows(ranking.select("best")[:SHOWN]), "total": len(ranking)}
    if job.total_items == 1:
        item = selectors.item_of(job, 0)
        if item is not None:
            return {
                "kind": "item",
                "item": present_item(item, of_variants=action.takes_variants),
                "shown": RESULT_PAGES.get(job.action),
                "files": list(item_files(job, item)),
                "letters": CANONICAL,
                "bars": BARS,
                **shown_result(request, job, item),
            }
    return {"kind": "items", "firsts": list(_firsts(job))}


def _firsts(job: Job) -> Iterator[First]:
    """Yield the first items that succeeded."""
    items = list(selectors.items_in_state(selectors.items_of(job), ItemState.SUCCEEDED)[:SHOWN])
    results = results_of(job, _readable(job, items))
    shown = RESULT_PAGES.get(job.action)
    picture = shown.picture if shown is not None else ""
    for item in items:
        result = results.get(item.index)
        words = in_words(result, item.sequence, picture) if result is not None else ""
        yield First(present_item(item), words)


def _readable(job: Job, items: list[Item]) -> list[int]:
    """Return the indices of the first items whose results take at most `READ_BYTES` together."""
    columns, read, total = ACTIONS[job.action].columns(job.params, MODELS[job.model]), [], 0
    for item in items:
        total += result_bytes(columns, item.sequence)
        if total > READ_BYTES:
            break
        read.append(item.index)
    return read


def in_words(result: Mapping[str, Any], sequence: str, picture: str = "") -> str:
    """Return a result in a few words, by what it has; `picture` is what the page of an item draws."""
    if "embeddings" in result:
        last = result["embeddings"][-1]
        vector = np.asarray(last["embedding"], dtype=np.float64)
        first = " ".join(f"{value:.3f}" for value in vector[:VALUES])
        return f"layer {last['layer']}, norm {np.linalg.norm(vector):.3f}: {first} …"
    if "mask_positions" in result:
        masks = list(masked_residues(sequence, result["logits"], result["mask_positions"]))
        best = ", ".join(f"{one.ranked[0][0]} at {one.position} ({one.ranked[0][1]:.2f})" for one in masks[:MASKS])
        return f"{best} and {len(masks) - MASKS} more" if len(masks) > MASKS else best
    if "per_token_embeddings" in result:
        return f"{len(sequence):,} vectors of {np.asarray(result['per_token_embeddings'][-1]['embeddings']).shape[1]}"
    if "positions" in result:
        table = ScanTable.of(result, sequence)
        (top,) = table.substitutions(table.ranked()[:1])
        return f"best substitution {top.code} ({top.score:.2f}) of {table.scores.size - len(table):,}"
    found = recovery(sequence, result["logits"]) if "logits" in result else None
    if found:
        return f"{found['first']:,} of {found['judged']:,} residues are the network's first choice"
    return f"{picture} of {len(sequence):,} residues" if picture else ""
