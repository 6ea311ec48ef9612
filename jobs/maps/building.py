"""The build of an analysis in a service worker: read the vectors, compute in a child process, write the files.

Vectors go to a temporary file as they are read, so memory holds only names and results.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import orjson
from django.conf import settings
from numpy.typing import NDArray

from e1protocol.extras import install_command
from jobs.errors import ServiceError
from jobs.files.pieces import npy_header, zip_blocks
from jobs.library.selectors import job_of
from jobs.maps.limits import check_size
from jobs.maps.vectors import Spool, residues_of, spool_vectors
from jobs.models import Artefact
from jobs.queue.progress import job_counts
from jobs.results.export.arrays import facts_of

RENEW_SECONDS = 2.0
"""How often progress is written, which is also how soon a cancel is noticed."""
READ_SHARE = 0.1
"""The share of the progress that reading the vectors takes."""
NAMES_BLOCK = 1024
Column = NDArray[Any] | list[str]
"""One value, or one row of values, for each item."""
NEEDED = {"sklearn": "scikit-learn", "umap": "umap-learn", "networkx": "networkx"}


Renew = Callable[..., None]
"""Renews the lease with `progress` and `stage`. Raises LeaseLost if the build must stop."""


@dataclass(frozen=True, slots=True)
class Built:
    """Files by format, the main one first, and the facts that lists show."""

    paths: Mapping[str, Path]
    facts: Mapping[str, Any] = field(default_factory=dict)


class AnalysisFailed(ServiceError):
    """The end of a computation without a result; the message tells the reason."""

    code = "analysis_failed"


def analysis_build(artefact: Artefact, folder: Path, renew: Renew) -> Built:
    """Write the files of an analysis to `folder`. Raises ServiceError with the reason if it cannot be built."""
    job, params = artefact.job, artefact.params
    check_installed()
    expected = max(1, job_counts(job)["succeeded"])

    def report(count: int) -> None:
        renew(progress=min(READ_SHARE, READ_SHARE * count / expected), stage="reading embeddings")

    spool = spool_vectors(job, params["layer"], folder / "vectors.f4", report=report)
    arrays = {"vectors": (len(spool), spool.width)}
    library = None
    if params.get("against"):
        other = job_of(artefact.added_by or job.owner, params["against"])
        library = spool_vectors(other, params["layer"], folder / "library.f4", report=report)
        arrays["library"] = (len(library), library.width)
    queries = _rows_of(spool, params.get("queries"))
    check_size(artefact.kind, params, items=len(spool if queries is None else queries), library=len(library or spool))
    request = {
        "kind": artefact.kind,
        "params": {**params, "exact_items": settings.E1_CLUSTER_ITEMS},
        "arrays": arrays,
        "queries": None if queries is None else queries.tolist(),
    }
    (folder / "request.json").write_text(json.dumps(request))
    compute_apart(folder, renew)
    return _written(artefact, folder, spool, library, queries)


def check_installed() -> None:
    """Raise ServiceError `not_installed` if a library is missing in this environment."""
    missing = [NEEDED[module] for module in NEEDED if importlib.util.find_spec(module) is None]
    if missing:
        raise ServiceError(
            f"the service worker has no {' and no '.join(missing)}; its admin installs it "
            f"({install_command()}) and starts it again",
            code="not_installed",
        )


def _rows_of(spool: Spool, wanted: list[int] | None) -> NDArray[np.int64] | None:
    """Return the rows of the items with these indices. Raises ServiceError if one has no embedding."""
    if wanted is None:
        return None
    index = np.array(wanted, dtype=np.int64)
    absent = index[~np.isin(index, spool.index)]
    if len(absent):
        raise ServiceError(f"item {absent[0]} has no embedding (it failed, was skipped, or is not computed yet)")
    return np.searchsorted(spool.index, index)


def compute_apart(folder: Path, renew: Renew) -> None:
    """Run the child process, and stop it if the lease is lost."""
    command = [sys.executable, "-m", "jobs.science.maps.child", str(folder)]
    with (folder / "errors").open("w+b") as errors:
        child = subprocess.Popen(  # noqa: S603 - this interpreter with a module of ours
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
        )
        try:
            _follow(child, renew)
        finally:
            child.kill()
            child.communicate()
        if child.returncode != 0:
            raise AnalysisFailed(_why(child.returncode, errors))


def _follow(child: subprocess.Popen[bytes], renew: Renew) -> None:
    """Pass on the child's progress until it ends."""
    latest = f"{READ_SHARE} starting"

    def read() -> None:
        nonlocal latest
        for line in child.stdout or ():
            latest = line.decode()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    while reader.is_alive():
        fraction, _, stage = latest.strip().partition(" ")
        renew(progress=float(fraction), stage=stage)
        reader.join(RENEW_SECONDS)
    child.wait()


def _why(returncode: int, errors: IO[bytes]) -> str:
    if returncode < 0:
        return (
            "the computation was killed, probably for want of memory; "
            "choose method pca, or a smaller library, or give the service worker more memory"
        )
    errors.seek(0)
    last = errors.read().decode(errors="replace").strip().rpartition("\n")[2]
    return f"the computation failed: {last or 'it said nothing'}"


def _written(
    artefact: Artefact, folder: Path, spool: Spool, library: Spool | None, queries: NDArray[np.int64] | None
) -> Built:
    """Write the result with indices and names, as JSON and as NPZ."""
    with np.load(folder / "result.npz", allow_pickle=False) as result:  # noqa: TID251
        found = dict(result)
    facts = json.loads((folder / "facts.json").read_text())
    rows = np.arange(len(spool)) if queries is None else queries
    arrays: dict[str, Column] = {
        "index": spool.index[rows],
        "name": [spool.name[row] for row in rows],
        "residues": residues_of(artefact.job, spool.index[rows]),
    }
    if "row" in found:
        other = spool if library is None else library
        places = found["row"]
        arrays["neighbours"] = np.where(places < 0, -1, other.index[places]) if len(other) else places
        arrays["similarity"] = found["similarity"]
        if library is not None or queries is not None:
            arrays |= {"library_index": other.index, "library_name": other.name}
    else:
        arrays |= found
    facts = {"items": len(rows), **facts}
    of_job = {
        name: value for name, value in facts_of(artefact.job).items() if name in ("job", "model", "demonstration")
    }
    head = {"kind": artefact.kind, **of_job, "params": artefact.params, "facts": facts}
    _write_json(folder / "analysis.json", head, arrays)
    _write_npz(folder / "analysis.npz", arrays)
    return Built({"json": folder / "analysis.json", "npz": folder / "analysis.npz"}, facts)


def _write_json(path: Path, head: Mapping[str, Any], columns: Mapping[str, Column]) -> None:
    """Write one object: the members of `head`, and each column under its name."""
    with path.open("wb") as file:
        file.write(orjson.dumps(head)[:-1])
        for name, column in columns.items():
            values = np.ascontiguousarray(column) if isinstance(column, np.ndarray) else column
            file.write(b"," + orjson.dumps(name) + b":" + orjson.dumps(values, option=orjson.OPT_SERIALIZE_NUMPY))
        file.write(b"}\n")


def _write_npz(path: Path, columns: Mapping[str, Column]) -> None:
    with path.open("wb") as file:
        file.writelines(zip_blocks((f"{name}.npy", _member(column)) for name, column in columns.items()))


def _member(column: Column) -> Iterator[bytes]:
    if isinstance(column, np.ndarray):
        array = np.ascontiguousarray(column, dtype=column.dtype.newbyteorder("<"))
        yield npy_header(array.dtype, array.shape)
        yield array.tobytes()
        return
    # A single long name makes the array of names wide, so names are converted block by block.
    dtype = np.dtype(f"<U{max(map(len, column), default=1) or 1}")
    yield npy_header(dtype, (len(column),))
    for at in range(0, len(column), NAMES_BLOCK):
        yield np.array(column[at : at + NAMES_BLOCK], dtype=dtype).tobytes()
