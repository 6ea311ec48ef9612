"""Building of files and analyses in a service worker."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jobs.background.artefacts import artefact_fail, artefact_store
from jobs.background.leases import LeaseLost, work_claim, work_renew
from jobs.errors import ServiceError
from jobs.files.hdf5 import Hdf5File
from jobs.maps.building import Built, Renew, analysis_build
from jobs.models import Artefact
from jobs.models.artefacts import ANALYSES as KINDS
from jobs.results.export.arrays import batches, facts_of, is_masked
from jobs.results.export.columns import columns_of

log = logging.getLogger(__name__)


def artefact_build(*, artefact_id: int) -> bool:
    """Claim, build and store a file; return True if this call finished it.

    An error becomes the artefact's reason, which users see.
    """
    artefact = work_claim(Artefact, artefact_id, stage="")
    if artefact is None:
        return False

    def renew(**changes: Any) -> None:
        if not work_renew(artefact, **changes):
            raise LeaseLost

    try:
        with tempfile.TemporaryDirectory(prefix="e1-artefact-") as folder:
            built = BUILDERS[artefact.kind](artefact, Path(folder), renew)
            # Result files are exempt from the storage quota; analyses are not.
            asker = artefact.added_by_id or artefact.job.owner_id
            charged_to = asker if artefact.kind in KINDS else None
            return artefact_store(artefact, paths=built.paths, facts=built.facts, charged_to=charged_to)
    except LeaseLost:
        return False
    except (OSError, ServiceError) as error:
        log.exception("the %s of job %s could not be built", artefact.kind, artefact.job_id)
        artefact_fail(artefact, reason=_reason(error))
        return False


def _reason(error: OSError | ServiceError) -> str:
    if isinstance(error, ServiceError):
        return error.detail
    return f"the builder's disk refused to write: {error.strerror or error}"


def _hdf5(artefact: Artefact, folder: Path, renew: Renew) -> Built:
    """Write the job's results as HDF5."""
    job, path = artefact.job, folder / "results.h5"
    columns = columns_of(job)
    file = Hdf5File(path, columns, masked=is_masked(job))
    try:
        for rows in batches(job, columns):
            file.write(rows)
            renew()
        file.close(facts_of(job))
    finally:
        file.abandon()
    return Built({"h5": path})


BUILDERS: Mapping[str, Callable[[Artefact, Path, Renew], Built]] = MappingProxyType(
    {"h5": _hdf5, **dict.fromkeys(KINDS, analysis_build)}
)
"""Builders by kind of artefact. Each writes files into a folder."""
