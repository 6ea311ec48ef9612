"""Analyses of an encode job, columns to colour them by, and measurements beside scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from e1client.downloads import OnBytes, complete_file, fetch
from e1client.errors import UsageError
from e1client.job import JobLike, job_path
from e1client.numbering import NumberingLike, numbering_file
from e1client.reading import Body, JobReader, ignore
from e1client.uploads import Source, all_open, open_upload

ANALYSIS_PAUSE = 1.0
ANSWER_SECONDS = 600.0
"""Read limit of what is computed while the request waits."""
FORMATS = ("json", "npz")


class AnalysisClient(JobReader):
    """The part of `e1client.api.Client` for analyses and measurements. Methods return JSON as the server shows it."""

    def analyse(self, job: JobLike, kind: str, **params: Any) -> Body:
        """Request an analysis, `neighbours`, `clusters` or `map`. A repeated request returns the existing one."""
        return self._transport.json("POST", f"{job_path(job)}analyses/", json={"kind": kind, "params": params})

    def analyses(self, job: JobLike) -> list[Body]:
        """Return the job's analyses, newest first."""
        return list(self._transport.json("GET", f"{job_path(job)}analyses/")["results"])

    def analysis(self, job: JobLike, number: int) -> Body:
        """Return an analysis with its progress, and its files once it is ready."""
        return self._transport.json("GET", f"{job_path(job)}analyses/{number}/")

    def cancel_analysis(self, job: JobLike, number: int) -> Body:
        """Stop an analysis that is not over."""
        return self._transport.json("POST", f"{job_path(job)}analyses/{number}/cancel/")

    def wait_analysis(self, job: JobLike, number: int, *, on_update: Callable[[Body], None] = ignore) -> Body:
        """Wait until an analysis is `ready`, `failed` or `cancelled`."""
        return self._until_over(lambda: self.analysis(job, number), on_update, ANALYSIS_PAUSE)

    def download_analysis(
        self, job: JobLike, number: int, out: str | Path, *, format: str | None = None, on_bytes: OnBytes = ignore
    ) -> Path:
        """Write a ready analysis to `out`, which appears only when complete; its suffix names the format, json or npz.

        Raises UsageError `bad_format` for another suffix, and `analysis_not_ready`.
        """
        out = Path(out)
        chosen = format or out.suffix.removeprefix(".")
        if chosen not in FORMATS:
            raise UsageError(f"{str(out)!r}: an analysis is a .json or an .npz file", code="bad_format")
        path = f"{job_path(job)}artefacts/{number}/"
        with complete_file(out) as file:
            if fetch(self._transport, path, file, chosen, on_bytes=on_bytes, params={"format": chosen}) is not None:
                raise UsageError(f"analysis {number} is not ready; wait for it first", code="analysis_not_ready")
        return out

    def neighbours(self, job: JobLike, query: Mapping[str, Any], *, k: int = 10) -> Body:
        """Return the k items nearest to `query` by cosine: {"sequence"}, {"vector"} or {"index"}."""
        path = f"{job_path(job)}neighbours/"
        return self._transport.json("POST", path, json={**query, "k": k}, seconds=ANSWER_SECONDS)

    def upload_columns(self, job: JobLike, file: Source, *, sheet: str = "", on_invalid: str | None = None) -> Body:
        """Attach columns of values to the job's items: a table with `name` or `index`, as CSV or a workbook.

        `sheet` names one of a workbook. `on_invalid="skip"` leaves out rows that cannot be read. Returns how many rows
        matched items.
        """
        fields = ({"sheet": sheet} if sheet else {}) | ({"on_invalid": on_invalid} if on_invalid else {})
        with open_upload(file) as upload:
            path, files = f"{job_path(job)}columns/", {"file": upload}
            return self._transport.json("POST", path, data=fields, files=files, repeatable=False)

    def upload_assay(
        self,
        job: JobLike,
        file: Source,
        *,
        variant_column: str = "",
        value_column: str = "",
        offset: int | None = None,
        numbering: NumberingLike | None = None,
        item: int | None = None,
        sheet: str = "",
        on_invalid: str | None = None,
    ) -> Body:
        """Compare measured values with the scores of a job of score or scan: a table of variants and numbers.

        The service finds the columns if they are empty. `numbering` is as in `submit`, `item` one of a scan, counted
        from 0; `sheet` and `on_invalid` are as in `upload_columns`. Returns the counts, the metrics and every point.
        """
        given = {
            "variant_column": variant_column, "value_column": value_column, "sheet": sheet,
            "on_invalid": on_invalid or "", "offset": "" if offset is None else str(offset),
            "item": "" if item is None else str(item),
        }  # fmt: skip
        fields = {name: text for name, text in given.items() if text}
        numbers = numbering_file(numbering)
        uploads = {"file": open_upload(file)} | (numbers.upload() if numbers else {})
        with all_open(uploads) as files:
            data = fields | (numbers.fields() if numbers else {})
            return self._transport.json(
                "POST", f"{job_path(job)}assays/", data=data, files=files, seconds=ANSWER_SECONDS, repeatable=False
            )
