"""Parameters of analyses, checked and with every default filled in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID

from e1protocol import MODELS
from jobs.actions.base import known_only
from jobs.actions.encode import Encode
from jobs.errors import InvalidInput
from jobs.models import Job
from jobs.models.artefacts import ANALYSES as KINDS
from jobs.science.maps.groups import METHODS
from jobs.web.numbers import is_whole, json_number, json_whole

FORMATS = {"json": "application/json", "npz": "application/octet-stream"}
"""The files of every analysis."""

MAX_K = 100
MAX_QUERIES = 10_000
"""Items that a request may name. Without names it is about all."""
MAX_SEED = 2**32 - 1


def check_analysis(job: Job, kind: Any, raw: Any) -> dict[str, Any]:
    """Return the parameters of an analysis of this kind over this job. Raises InvalidInput."""
    if kind not in KINDS:
        found = "the field kind is missing" if kind is None else f"there is no analysis {kind!r}"
        raise InvalidInput.one("unknown_kind", found, f"Choose from {', '.join(KINDS)}.", path="kind")
    if raw is not None and not isinstance(raw, dict):
        raise InvalidInput.one(
            "bad_params", "params is not a JSON object", 'Give one such as {"seed": 1}.', path="params"
        )
    check_embeddings(job)
    return _CHECKS[kind](job, raw or {})


def keeps_means(job: Job) -> bool:
    """Return whether the job stores mean embeddings, which analyses compare."""
    return job.action == Encode.name and "mean" in job.params["include"]


def check_embeddings(job: Job, *, path: str | None = None) -> None:
    """Raise InvalidInput if the job stores no mean embeddings."""
    again = "Submit the library again with action encode and include mean (in the browser: Run again with changes)."
    if job.action != Encode.name:
        raise InvalidInput.one(
            "not_an_encode_job", f"this is a {job.action} job; analyses compare mean embeddings", again, path=path
        )
    if "mean" not in job.params["include"]:
        kept = ", ".join(job.params["include"])
        raise InvalidInput.one("no_mean_embeddings", f"this job keeps {kept}, no mean embeddings", again, path=path)


def check_layer(job: Job, raw: Any, *, path: str = "params.layer") -> int:
    """Return the number of a stored layer, by default the last. Raises InvalidInput `layer_not_stored`."""
    stored: list[int] = job.params["repr_layers"]
    if raw is None:
        return stored[-1]
    try:
        layer = MODELS[job.model].layer(raw) if is_whole(raw) else None
    except ValueError:
        layer = None
    if layer not in stored:
        kept = ", ".join(str(number) for number in stored)
        raise InvalidInput.one(
            "layer_not_stored",
            f"layer {raw!r} is not stored with this job",
            f"Choose from {kept}, or encode the library again with that layer.",
            path=path,
        )
    return int(layer)


def _choice(raw: Any, choices: tuple[str, ...], *, path: str) -> str:
    if raw is None:
        return choices[0]
    if raw not in choices:
        raise InvalidInput.one(
            "bad_choice", f"{path.rpartition('.')[2]} is {raw!r}", f"Choose from {', '.join(choices)}.", path=path
        )
    return str(raw)


def _neighbours(job: Job, raw: Mapping[str, Any]) -> dict[str, Any]:
    known_only(raw, ("k", "layer", "against", "queries"))
    return {
        "k": json_whole(raw.get("k"), 10, 1, MAX_K, path="params.k"),
        "layer": check_layer(job, raw.get("layer")),
        "against": check_job_id(raw.get("against"), path="params.against"),
        "queries": _indices(raw.get("queries")),
    }


def check_job_id(raw: Any, *, path: str) -> str | None:
    """Return the id of another job, or None for null. Raises InvalidInput `bad_job_id`."""
    try:
        return None if raw is None else str(UUID(raw))
    except (ValueError, TypeError, AttributeError):
        remedy = "Give the id of another encode job."
        raise InvalidInput.one("bad_job_id", f"against is {raw!r}", remedy, path=path) from None


def _indices(raw: Any) -> list[int] | None:
    if raw is None:
        return None
    if not isinstance(raw, list) or not raw or not all(is_whole(index) and 0 <= index < 2**31 for index in raw):
        remedy = "Give item indices, counted from 0, such as [0, 5]; leave it out for all items."
        raise InvalidInput.one("bad_queries", "queries is not a list of item indices", remedy, path="params.queries")
    if len(raw) > MAX_QUERIES:
        remedy = f"Name at most {MAX_QUERIES:,}, or leave it out for all items."
        raise InvalidInput.one("too_many_queries", f"queries names {len(raw):,} items", remedy, path="params.queries")
    return sorted(set(raw))


def _grouping(job: Job, raw: Mapping[str, Any], methods: tuple[str, ...], *names: str) -> dict[str, Any]:
    """Return the parameters that clusters and maps share. Raises InvalidInput for others than these and `names`."""
    known_only(raw, ("method", "layer", "seed", "neighbours", *names))
    return {
        "method": _choice(raw.get("method"), methods, path="params.method"),
        "layer": check_layer(job, raw.get("layer")),
        "seed": json_whole(raw.get("seed"), 0, 0, MAX_SEED, path="params.seed"),
        "neighbours": json_whole(raw.get("neighbours"), 15, 2, 200, path="params.neighbours"),
    }


def _clusters(job: Job, raw: Mapping[str, Any]) -> dict[str, Any]:
    count = raw.get("count")
    return _grouping(job, raw, METHODS, "resolution", "min_size", "count") | {
        "resolution": json_number(raw.get("resolution"), 1.0, 0.01, 100, path="params.resolution"),
        "min_size": json_whole(raw.get("min_size"), 10, 2, 10_000, path="params.min_size"),
        "count": None if count is None else json_whole(count, 0, 2, 1000, path="params.count"),
    }


def _map(job: Job, raw: Mapping[str, Any]) -> dict[str, Any]:
    shared = _grouping(job, raw, ("umap", "pca"), "min_dist", "clusters")
    clusters = raw.get("clusters", True)
    if not isinstance(clusters, bool):
        what = f"clusters is {clusters!r}"
        raise InvalidInput.one("bad_choice", what, "Give true or false.", path="params.clusters")
    return shared | {
        "min_dist": json_number(raw.get("min_dist"), 0.1, 0, 1, path="params.min_dist"),
        "clusters": clusters,
    }


_CHECKS: Mapping[str, Callable[[Job, Mapping[str, Any]], dict[str, Any]]] = MappingProxyType(
    {"neighbours": _neighbours, "clusters": _clusters, "map": _map}
)
