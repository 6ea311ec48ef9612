"""Building a file of a job's results, in a service worker."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from jobs.arrayfiles.hdf5 import Hdf5File
from jobs.errors import ServiceError
from jobs.export.arrays import batches, facts_of, is_masked
from jobs.export.columns import columns_of
from jobs.models import Artefact, Job
from jobs.services.artefacts import artefact_claim, artefact_fail, artefact_renew, artefact_store

log = logging.getLogger(__name__)

Held = Callable[[], bool]


def artefact_build(*, artefact_id: int) -> bool:
    """Claim, build, store. True where this call made the file ready.

    An error is kept as the artefact's reason and said to whoever asks for the file.
    """
    token = artefact_claim(artefact_id=artefact_id)
    if token is None:
        return False
    artefact = Artefact.objects.select_related("job").get(pk=artefact_id)
    try:
        with tempfile.TemporaryDirectory(prefix="e1-artefact-") as folder:
            path = Path(folder) / artefact.kind
            held = BUILDERS[artefact.kind](
                artefact.job, path, lambda: artefact_renew(artefact_id=artefact_id, token=token)
            )
            return held and artefact_store(artefact_id=artefact_id, token=token, path=path)
    except (OSError, ServiceError) as error:
        log.exception("the %s of job %s could not be built", artefact.kind, artefact.job_id)
        artefact_fail(artefact_id=artefact_id, token=token, reason=_reason(error))
        return False


def _reason(error: OSError | ServiceError) -> str:
    if isinstance(error, ServiceError):
        return error.detail
    return f"the builder's disk refused to write: {error.strerror or error}"


def _hdf5(job: Job, path: Path, held: Held) -> bool:
    """The job's results as HDF5; False where the lease was lost on the way."""
    columns = columns_of(job)
    file = Hdf5File(path, columns, masked=is_masked(job))
    try:
        for rows in batches(job, columns):
            file.write(rows)
            if not held():
                return False
        file.close(facts_of(job))
    finally:
        file.abandon()
    return True


BUILDERS: Mapping[str, Callable[[Job, Path, Held], bool]] = MappingProxyType({"h5": _hdf5})
"""By kind of artefact."""
