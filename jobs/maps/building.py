"""Building an analysis, in a service worker: read the vectors, compute in a child process, write the files.

Memory here is that of names and results; vectors go to a temporary file as they are read.
"""

from __future__ import annotations

import importlib.util
import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
import orjson
from django.conf import settings
from numpy.typing import NDArray

from jobs.errors import ServiceError
from jobs.files.pieces import npy_header, zip_blocks
from jobs.library import selectors
from jobs.maps.limits import check_size
from jobs.maps.vectors import Spool, residues_of, spool_vectors
from jobs.models import Artefact, Job
from jobs.queue import progress as selectors_counts
from jobs.results.export.arrays import facts_of

RENEW_SECONDS = 2.0
"""How often progress is written: what people see move, and how soon a cancel is noticed."""
READ_SHARE = 0.1
"""The part of the whole that reading the vectors counts as."""
NAMES_BLOCK = 1024
Column = NDArray[Any] | Sequence[str]
"""One value, or one row of values, for each item."""
NEEDED = {"sklearn": "scikit-learn", "umap": "umap-learn", "networkx": "networkx"}


class Held(Protocol):
    """Renews the lease and tells the progress; False where the build must stop."""

    def __call__(self, fraction: float | None = None, stage: str = "") -> bool: ...


@dataclass(frozen=True, slots=True)
class Built:
    """Files by format, the first one first, and what lists say of them."""

    paths: Mapping[str, Path]
    facts: Mapping[str, Any] = field(default_factory=dict)


class AnalysisFailed(ServiceError):
    """The computation ended without a result; the sentence says why."""

    code = "analysis_failed"


def analysis_build(artefact: Artefact, folder: Path, held: Held) -> Built | None:
    """The files of an analysis in `folder`, or None where the lease was lost or somebody cancelled it.

    Raises ServiceError with the reason where it cannot be built.
    """
    job, params = artefact.job, artefact.params
    check_installed()
    expected = max(1, selectors_counts.job_counts(job)["succeeded"])

    def going_on(count: int) -> bool:
        return held(min(READ_SHARE, READ_SHARE * count / expected), "reading embeddings")

    spool = spool_vectors(job, params["layer"], folder / "vectors.f4", going_on=going_on)
    if spool is None:
        return None
    library = None
    if params.get("against"):
        other = selectors.job_of(job.owner, params["against"])
        library = spool_vectors(other, params["layer"], folder / "library.f4", going_on=going_on)
        if library is None:
            return None
    queries = _rows_of(spool, params.get("queries"))
    check_size(artefact.kind, params, items=len(spool if queries is None else queries), library=len(library or spool))
    _write_request(folder, artefact, spool, library, queries)
    if not _compute(folder, held):
        return None
    return _written(artefact, folder, spool, library, queries)


def check_installed() -> None:
    """Raise ServiceError `not_installed` where a library is missing here."""
    missing = [NEEDED[module] for module in NEEDED if importlib.util.find_spec(module) is None]
    if missing:
        raise ServiceError(
            f"the service worker has no {' and no '.join(missing)}; its admin installs the extra `science` "
            "(pip install '.[science]' in a checkout) and starts it again",
            code="not_installed",
        )


def _rows_of(spool: Spool, wanted: list[int] | None) -> NDArray[np.int64] | None:
    """Rows of the items with these indices; raises ServiceError where one has no embedding."""
    if wanted is None:
        return None
    index = np.array(wanted, dtype=np.int64)
    rows = np.searchsorted(spool.index, index)
    held = np.array([row < len(spool) and spool.index[row] == one for row, one in zip(rows, index, strict=True)])
    if not held.all():
        raise ServiceError(f"item {index[~held][0]} has no embedding (it failed, was skipped, or is not computed yet)")
    return rows


def _write_request(
    folder: Path, artefact: Artefact, spool: Spool, library: Spool | None, queries: NDArray[np.int64] | None
) -> None:
    arrays = {"vectors": (len(spool), spool.width)}
    if library is not None:
        arrays["library"] = (len(library), library.width)
    request = {
        "kind": artefact.kind,
        "params": {**artefact.params, "exact_items": settings.E1_CLUSTER_ITEMS},
        "arrays": arrays,
        "queries": None if queries is None else queries.tolist(),
    }
    (folder / "request.json").write_text(json.dumps(request))


def _compute(folder: Path, held: Held) -> bool:
    """Run the child, telling its progress; False where the lease was lost: then the child is stopped."""
    command = [sys.executable, "-m", "jobs.science.maps.child", str(folder)]
    with (folder / "errors").open("w+b") as errors:
        child = subprocess.Popen(  # noqa: S603 - this interpreter with a module of ours
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
        )
        try:
            if not _follow(child, held):
                return False
        finally:
            child.kill()
            child.communicate()
        if child.returncode != 0:
            raise AnalysisFailed(_why(child.returncode, errors))
    return True


def _follow(child: subprocess.Popen[bytes], held: Held) -> bool:
    """Pass on the child's progress until it ends; False where the lease was lost first."""
    lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    output = child.stdout
    if output is None:
        raise ValueError("the child was started without a pipe")
    threading.Thread(target=_pump, args=(output, lines.put), daemon=True).start()
    fraction, stage = READ_SHARE, "starting"
    while True:
        if not held(fraction, stage):
            return False
        ended, latest = _drain(lines)
        if latest:
            number, _, words = latest.decode().strip().partition(" ")
            fraction, stage = float(number), words
        if ended:
            child.wait()
            return True


def _pump(output: IO[bytes], put: Callable[[bytes | None], None]) -> None:
    for line in output:
        put(line)
    put(None)


def _drain(lines: queue.SimpleQueue[bytes | None]) -> tuple[bool, bytes]:
    """Wait for RENEW_SECONDS, or until the output ends; whether it has ended, and its last line."""
    deadline = time.monotonic() + RENEW_SECONDS
    latest = b""
    while (left := deadline - time.monotonic()) > 0:
        try:
            line = lines.get(timeout=left)
        except queue.Empty:
            break
        if line is None:
            return True, latest
        latest = line
    return False, latest


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
    """The result with indices and names, as JSON and as NPZ."""
    with np.load(folder / "result.npz") as result:
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
        places, similarity = found["row"], found["similarity"]
        arrays["neighbours"] = np.where(places < 0, -1, other.index[places]) if len(other) else places
        arrays["similarity"] = similarity
        if library is not None or queries is not None:
            arrays["library_index"] = other.index
            arrays["library_name"] = other.name
    else:
        arrays |= found
    facts = {"items": len(rows), **facts}
    head = {"kind": artefact.kind, **_head(artefact.job), "params": artefact.params, "facts": facts}
    _write_json(folder / "analysis.json", head, arrays)
    _write_npz(folder / "analysis.npz", arrays)
    return Built({"json": folder / "analysis.json", "npz": folder / "analysis.npz"}, facts)


def _head(job: Job) -> dict[str, Any]:
    return {name: value for name, value in facts_of(job).items() if name in ("job", "model", "demonstration")}


def _write_json(path: Path, head: Mapping[str, Any], columns: Mapping[str, Column]) -> None:
    """One object: what was asked, and each column under its name."""
    with path.open("wb") as file:
        file.write(orjson.dumps(dict(head))[:-1])
        for name, column in columns.items():
            values = np.ascontiguousarray(column) if isinstance(column, np.ndarray) else list(column)
            file.write(b"," + orjson.dumps(name) + b":" + orjson.dumps(values, option=orjson.OPT_SERIALIZE_NUMPY))
        file.write(b"}\n")


def _write_npz(path: Path, columns: Mapping[str, Column]) -> None:
    """The same columns as arrays; names block by block, for a single long one makes their array wide."""
    with path.open("wb") as file:
        for block in zip_blocks((f"{name}.npy", _member(column)) for name, column in columns.items()):
            file.write(block)


def _member(column: Column) -> Iterator[bytes]:
    if isinstance(column, np.ndarray):
        array = np.ascontiguousarray(column, dtype=column.dtype.newbyteorder("<"))
        yield npy_header(array.dtype, array.shape)
        yield array.tobytes()
        return
    dtype = np.dtype(f"<U{max((len(name) for name in column), default=1) or 1}")
    yield npy_header(dtype, (len(column),))
    for at in range(0, len(column), NAMES_BLOCK):
        yield np.array(column[at : at + NAMES_BLOCK], dtype=dtype).tobytes()
