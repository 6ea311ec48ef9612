"""Building a file of a job's results, in a service worker."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from jobs.background.artefacts import artefact_claim, artefact_fail, artefact_renew, artefact_store
from jobs.errors import ServiceError
from jobs.files.hdf5 import Hdf5File
from jobs.maps.building import Built, Held, analysis_build
from jobs.models import Artefact
from jobs.models.artefacts import ANALYSES as KINDS
from jobs.results.export.arrays import batches, facts_of, is_masked
from jobs.results.export.columns import columns_of

log = logging.getLogger(__name__)


def artefact_build(*, artefact_id: int) -> bool:
    """Claim, build, store. True where this call made the file ready.

    An error is kept as the artefact's reason and said to whoever asks for the file.
    """
    token = artefact_claim(artefact_id=artefact_id)
    if token is None:
        return False
    artefact = Artefact.objects.select_related("job").get(pk=artefact_id)

    def held(fraction: float | None = None, stage: str = "") -> bool:
        return artefact_renew(artefact_id=artefact_id, token=token, fraction=fraction, stage=stage)

    try:
        with tempfile.TemporaryDirectory(prefix="e1-artefact-") as folder:
            built = BUILDERS[artefact.kind](artefact, Path(folder), held)
            if built is None:
                return False
            # The user's own results are not kept from him by a full storage; what is computed of them is.
            charged_to = artefact.job.owner_id if artefact.kind in KINDS else None
            return artefact_store(
                artefact_id=artefact_id, token=token, paths=built.paths, facts=built.facts, charged_to=charged_to
            )
    except (OSError, ServiceError) as error:
        log.exception("the %s of job %s could not be built", artefact.kind, artefact.job_id)
        artefact_fail(artefact_id=artefact_id, token=token, reason=_reason(error))
        return False


def _reason(error: OSError | ServiceError) -> str:
    if isinstance(error, ServiceError):
        return error.detail
    return f"the builder's disk refused to write: {error.strerror or error}"


def _hdf5(artefact: Artefact, folder: Path, held: Held) -> Built | None:
    """The job's results as HDF5."""
    job, path = artefact.job, folder / "results.h5"
    columns = columns_of(job)
    file = Hdf5File(path, columns, masked=is_masked(job))
    try:
        for rows in batches(job, columns):
            file.write(rows)
            if not held():
                return None
        file.close(facts_of(job))
    finally:
        file.abandon()
    return Built({"h5": path})


BUILDERS: Mapping[str, Callable[[Artefact, Path, Held], Built | None]] = MappingProxyType(
    {"h5": _hdf5, **dict.fromkeys(KINDS, analysis_build)}
)
"""By kind of artefact: the files, written into a folder, or None where the lease was lost on the way."""
