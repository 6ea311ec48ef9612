"""Structures (PDB, mmCIF) beside the results of a job."""

from __future__ import annotations

from pathlib import Path

from e1client.downloads import OnBytes, complete_file, fetch
from e1client.errors import UsageError
from e1client.job import JobLike, job_path
from e1client.reading import Body, JobReader, ignore
from e1client.uploads import Source, open_upload


class StructureClient(JobReader):
    """The part of `e1client.api.Client` for structures. Methods return JSON as the server shows it."""

    def upload_structure(self, job: JobLike, file: Source, *, item: int = 0, chain: str = "") -> Body:
        """Store a structure beside an item, counted from 0, and return its contacts and the precision of the map.

        `file` is PDB or mmCIF, packed with gzip or not. Without `chain`, the one that suits the sequence best is read.
        """
        fields = {"item": str(item)} | ({"chain": chain} if chain else {})
        with open_upload(file) as upload:
            path = f"{job_path(job)}structures/"
            return self._transport.json("POST", path, data=fields, files={"file": upload}, repeatable=False)

    def structures(self, job: JobLike) -> list[Body]:
        """Return the job's structures, newest first."""
        return list(self._transport.json("GET", f"{job_path(job)}structures/")["results"])

    def structure(self, job: JobLike, number: int) -> Body:
        """Return a structure with its contacts."""
        return self._transport.json("GET", f"{job_path(job)}structures/{number}/")

    def download_structure(
        self, job: JobLike, number: int, out: str | Path | None = None, *, on_bytes: OnBytes = ignore
    ) -> Path:
        """Write the file as it was sent to `out`, by default to its own name in the current folder.

        Raises UsageError `bad_output` if that name is taken.
        """
        if out is None:
            out = Path(Path(str(self.structure(job, number)["name"])).name or f"structure-{number}")
            if out.exists():
                raise UsageError(f"{str(out)!r} is there already; name another file", code="bad_output")
        with complete_file(Path(out)) as file:
            fetch(self._transport, f"{job_path(job)}structures/{number}/file/", file, "file", on_bytes=on_bytes)
        return Path(out)

    def delete_structure(self, job: JobLike, number: int) -> None:
        """Remove a structure."""
        self._transport.request("DELETE", f"{job_path(job)}structures/{number}/", repeatable=False)
