"""Parameters of analyses: checked, with every default filled in. What is not there, or too much, is refused here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID

from e1protocol import MODELS
from jobs.actions.base import known_only
from jobs.errors import InvalidInput
from jobs.models import Job
from jobs.models.artefacts import ANALYSES as KINDS
from jobs.science.maps.groups import METHODS
from jobs.web.numbers import is_whole, json_number, json_whole

FORMATS = {"json": "application/json", "npz": "application/octet-stream"}
"""The files of every analysis."""

MAX_K = 100
MAX_QUERIES = 10_000
"""Items that are named one by one; beyond, ask for all."""
MAX_SEED = 2**32 - 1


def check_analysis(job: Job, kind: Any, raw: Any) -> dict[str, Any]:
    """The parameters of an analysis of this kind over this job. Raises InvalidInput."""
    if kind not in KINDS:
        found = "the field kind is missing" if kind is None else f"there is no analysis {kind!r}"
        raise InvalidInput.one("unknown_kind", found, f"Choose from {', '.join(KINDS)}.", path="kind")
    if raw is not None and not isinstance(raw, dict):
        raise InvalidInput.one("bad_params", "params is no JSON object", 'Give one such as {"seed": 1}.', path="params")
    check_embeddings(job)
    return _CHECKS[kind](job, raw or {})


def keeps_means(job: Job) -> bool:
    """Return whether the job stores mean embeddings, which analyses compare."""
    return job.action == "encode" and "mean" in job.params["include"]


def check_embeddings(job: Job, *, path: str | None = None) -> None:
    """Raise InvalidInput where the job stores no mean embedding of its items, with what to do about it."""
    again = "Submit the library again with action encode and include mean (in the browser: Run again with changes)."
    if job.action != "encode":
        raise InvalidInput.one(
            "not_an_encode_job", f"this is a {job.action} job; analyses compare mean embeddings", again, path=path
        )
    if "mean" not in job.params["include"]:
        kept = ", ".join(job.params["include"])
        raise InvalidInput.one("no_mean_embeddings", f"this job keeps {kept}, no mean embeddings", again, path=path)


def check_layer(job: Job, raw: Any, *, path: str = "params.layer") -> int:
    """The resolved layer: the last one asked for by the job unless named. Raises InvalidInput `layer_not_stored`."""
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
        "against": _job_id(raw.get("against")),
        "queries": _indices(raw.get("queries")),
    }


def _job_id(raw: Any) -> str | None:
    if raw is None:
        return None
    try:
        return str(UUID(raw))
    except (ValueError, TypeError, AttributeError):
        raise InvalidInput.one(
            "bad_job_id", f"against is {raw!r}", "Give the id of another encode job.", path="params.against"
        ) from None


def _indices(raw: Any) -> list[int] | None:
    if raw is None:
        return None
    if not isinstance(raw, list) or not raw or not all(is_whole(index) and 0 <= index < 2**31 for index in raw):
        remedy = "Give item indices, counted from 0, such as [0, 5]; leave it out for all items."
        raise InvalidInput.one("bad_queries", "queries is no list of item indices", remedy, path="params.queries")
    if len(raw) > MAX_QUERIES:
        remedy = f"Name at most {MAX_QUERIES:,}, or leave it out for all items."
        raise InvalidInput.one("too_many_queries", f"queries names {len(raw):,} items", remedy, path="params.queries")
    return sorted(set(raw))


def _clusters(job: Job, raw: Mapping[str, Any]) -> dict[str, Any]:
    known_only(raw, ("method", "layer", "seed", "neighbours", "resolution", "min_size", "count"))
    count = raw.get("count")
    return {
        "method": _choice(raw.get("method"), METHODS, path="params.method"),
        "layer": check_layer(job, raw.get("layer")),
        "seed": json_whole(raw.get("seed"), 0, 0, MAX_SEED, path="params.seed"),
        "neighbours": json_whole(raw.get("neighbours"), 15, 2, 200, path="params.neighbours"),
        "resolution": json_number(raw.get("resolution"), 1.0, 0.01, 100, path="params.resolution"),
        "min_size": json_whole(raw.get("min_size"), 10, 2, 10_000, path="params.min_size"),
        "count": None if count is None else json_whole(count, 0, 2, 1000, path="params.count"),
    }


def _map(job: Job, raw: Mapping[str, Any]) -> dict[str, Any]:
    known_only(raw, ("method", "layer", "seed", "neighbours", "min_dist", "clusters"))
    clusters = raw.get("clusters", True)
    if not isinstance(clusters, bool):
        raise InvalidInput.one("bad_choice", f"clusters is {clusters!r}", "Give true or false.", path="params.clusters")
    return {
        "method": _choice(raw.get("method"), ("umap", "pca"), path="params.method"),
        "layer": check_layer(job, raw.get("layer")),
        "seed": json_whole(raw.get("seed"), 0, 0, MAX_SEED, path="params.seed"),
        "neighbours": json_whole(raw.get("neighbours"), 15, 2, 200, path="params.neighbours"),
        "min_dist": json_number(raw.get("min_dist"), 0.1, 0, 1, path="params.min_dist"),
        "clusters": clusters,
    }


_CHECKS: Mapping[str, Callable[[Job, Mapping[str, Any]], dict[str, Any]]] = MappingProxyType(
    {"neighbours": _neighbours, "clusters": _clusters, "map": _map}
)
