"""Analyses and columns as the REST interface and the pages show them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.urls import reverse

from jobs.background.artefacts import artefact_files, artefact_fingerprint
from jobs.files.pieces import iso
from jobs.library import selectors
from jobs.maps.column_files import Matching
from jobs.models import Artefact, Job, JobColumn
from jobs.models.states import ArtefactState, WorkState
from jobs.queue import progress


def present_analysis(job: Job, artefact: Artefact) -> dict[str, Any]:
    """One analysis: what was asked, how far it is, and where its files are."""
    ready = artefact.state == WorkState.DONE
    file_url = reverse("job-artefact", args=[job.pk, artefact.pk])
    files = artefact_files(artefact).values() if ready else ()
    return {
        "id": artefact.pk,
        "url": reverse("job-analysis", args=[job.pk, artefact.pk]),
        "kind": artefact.kind,
        "params": artefact.params,
        "state": ArtefactState.of(artefact.state),
        "fraction": round(artefact.progress, 3),
        "stage": artefact.stage,
        "reason": artefact.reason,
        "facts": artefact.facts,
        "behind": ready and _is_behind(job, artefact),
        "files": [
            {"format": f.format, "url": f"{file_url}?format={f.format}", "bytes": f.size, "sha256": f.sha256}
            for f in files
        ],
        "created_at": iso(artefact.created_at),
        "finished_at": iso(artefact.finished_at),
    }


def present_analyses(job: Job, artefacts: Iterable[Artefact]) -> list[dict[str, Any]]:
    return [present_analysis(job, artefact) for artefact in artefacts]


def _is_behind(job: Job, artefact: Artefact) -> bool:
    """Whether the same request would make another one now."""
    also = ""
    if other_id := artefact.params.get("against"):
        other = selectors.jobs_of(job.owner).filter(pk=UUID(other_id)).first()
        if other is None:
            return False
        also = progress.results_fingerprint(other)
    return artefact.fingerprint != artefact_fingerprint(job, artefact.params, also)


def present_column(column: JobColumn) -> dict[str, Any]:
    """A column without its values."""
    return {
        "id": column.pk,
        "url": reverse("job-column", args=[column.job_id, column.pk]),
        "name": column.name,
        "kind": column.kind,
        "categories": column.categories,
        "items": column.items,
        "filled": column.filled,
    }


def present_matching(report: Matching) -> dict[str, Any]:
    """How the rows of a file found items."""
    return {
        "by": report.by,
        "rows": report.rows,
        "matched_rows": report.matched_rows,
        "items": report.items,
        "matched_items": report.matched_items,
        "unmatched": asdict(report.unmatched),
        "duplicated": asdict(report.duplicated),
        "shared": asdict(report.shared),
        "taken_as_words": [{"column": one.column, "because": one.text, "line": one.line} for one in report.words],
    }


def matching_sentence(report: Matching) -> str:
    """The same in words, for pages."""
    said = [
        f"{report.matched_rows:,} of {report.rows:,} rows found {report.matched_items:,} of the job's "
        f"{report.items:,} items by {report.by}."
    ]
    for listed, words in (
        (report.unmatched, "about no item of this job"),
        (report.duplicated, "repeating an item, of which the first counts"),
        (report.shared, "with a name of several items, which all got the value"),
    ):
        if listed.count:
            names = listed.examples[:5]
            more = ", ..." if listed.count > len(names) else ""
            said.append(f"Rows {words}: {listed.count:,} ({', '.join(names)}{more}).")
    said += [
        f"The column {one.column} is taken as words because of {one.text[:40]!r} in line {one.line}; if it is to be "
        "numbers, leave that cell empty and upload it again."
        for one in report.words
    ]
    return " ".join(said)
