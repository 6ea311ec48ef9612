"""Split out of jobs/services/attachments.py."""

from __future__ import annotations

from jobs.models import Assay, Structure


def attachment_delete(*, attachment: Assay | Structure) -> None:
    attachment.delete()
