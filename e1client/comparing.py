"""The comparison of two jobs that scored variants of the same parent."""

from __future__ import annotations

from e1client.job import JobLike, job_path, last_part
from e1client.reading import Body, JobReader

SECONDS = 600.0
"""Read limit: large jobs are read and ranked a thousand times while the request waits."""


class ComparisonClient(JobReader):
    """The part of `e1client.api.Client` for comparisons."""

    def compare(self, job: JobLike, other: JobLike, *, item: int = 0, other_item: int = 0) -> Body:
        """Return rank correlation, interval and differences of the variants that both jobs scored.

        `item` and `other_item` choose the item of a scan, counted from 0.
        """
        params = {"with": last_part(job_path(other)), "item": str(item), "with_item": str(other_item)}
        return self._transport.json("GET", f"{job_path(job)}comparison/", params=params, seconds=SECONDS)
