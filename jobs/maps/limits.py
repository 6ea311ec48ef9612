"""How large a library an analysis takes: each limit is an error that names it, before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from jobs.errors import InvalidInput

LEAST = {"neighbours": 2, "clusters": 2, "map": 3}


def check_size(kind: str, params: Mapping[str, Any], *, items: int, library: int) -> None:
    """Raise InvalidInput where an analysis of `items` items against a library of so many cannot be made."""
    pairs = settings.E1_NEIGHBOUR_ITEMS**2
    if library < LEAST[kind] and not params.get("against"):
        raise InvalidInput.one(
            "too_few_items",
            f"{library} items have an embedding; {kind} needs at least {LEAST[kind]}",
            "Wait until more of the job is computed, or encode a larger library.",
        )
    if kind == "map" and params["method"] == "umap" and items > settings.E1_MAP_ITEMS:
        raise InvalidInput.one(
            "too_many_items",
            f"UMAP takes at most {settings.E1_MAP_ITEMS:,} items on this service; {items:,} have an embedding",
            "Choose method pca, which takes any number.",
            path="params.method",
        )
    if kind == "clusters" and params["method"] in ("hdbscan", "louvain") and items > settings.E1_CLUSTER_ITEMS:
        raise InvalidInput.one(
            "too_many_items",
            f"{params['method']} takes at most {settings.E1_CLUSTER_ITEMS:,} items on this service; "
            f"{items:,} have an embedding",
            "Choose method kmeans, or auto.",
            path="params.method",
        )
    if kind == "neighbours" and items * library > pairs:
        raise InvalidInput.one(
            "too_many_items",
            f"{items:,} items against {library:,} are {items * library:,} pairs; "
            f"this service compares at most {pairs:,}",
            "Name fewer items in params.queries, or ask for one item at a time (POST .../neighbours/).",
            path="params.queries",
        )
