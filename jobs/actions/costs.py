"""The bytes that a job will store, before anything is computed. `jobs.intake.cutting` counts what it runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jobs.actions.columns import Column, result_bytes
from jobs.limits import RECORD_BYTES
from jobs.parsing import BadRecord, Record


@dataclass(slots=True)
class CostTally:
    """Bytes of the records of one library, summed while it is read: residues, names and headers as UTF-8, results.

    `text_bytes` includes the rows of the records, `RECORD_BYTES` each.
    """

    columns: Sequence[Column]
    residues: int = 0
    text_bytes: int = 0
    result_bytes: int = 0

    def note(self, record: Record | BadRecord) -> None:
        """Count one record. A skipped one keeps its text only."""
        self.text_bytes += RECORD_BYTES + len(record.name.encode()) + len(record.header.encode())
        if isinstance(record, BadRecord):
            self.text_bytes += len(record.sequence)
        else:
            self.residues += len(record.sequence)
            self.result_bytes += result_bytes(self.columns, record.sequence)

    @property
    def stored_bytes(self) -> int:
        """Bytes of its owner's storage that the job will take, without files built from its results later."""
        return self.residues + self.text_bytes + self.result_bytes
