"""Limits on the size of the library of an analysis. Each is an error that names it before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from jobs.errors import InvalidInput

LEAST = {"neighbours": 2, "clusters": 2, "map": 3}
LIMITED = {
    "umap": ("UMAP", "E1_MAP_ITEMS", "Choose method pca, which takes any number."),
    "hdbscan": ("hdbscan", "E1_CLUSTER_ITEMS", "Choose method kmeans, or auto."),
    "louvain": ("louvain", "E1_CLUSTER_ITEMS", "Choose method kmeans, or auto."),
}
"""The name of each method that takes a limited number of items, the setting that limits it, and the remedy."""


def check_size(kind: str, params: Mapping[str, Any], *, items: int, library: int) -> None:
    """Raise InvalidInput if an analysis of `items` items against `library` items is too small or too large."""
    if library < LEAST[kind] and not params.get("against"):
        what = f"{library} items have an embedding; {kind} needs at least {LEAST[kind]}"
        raise InvalidInput.one(
            "too_few_items", what, "Wait until more of the job is computed, or encode a larger library."
        )
    if (method := params.get("method")) in LIMITED:
        name, setting, remedy = LIMITED[method]
        most = getattr(settings, setting)
        if items > most:
            what = f"{name} takes at most {most:,} items on this service; {items:,} have an embedding"
            raise InvalidInput.one("too_many_items", what, remedy, path="params.method")
    pairs, most = items * library, settings.E1_NEIGHBOUR_ITEMS**2
    if kind == "neighbours" and pairs > most:
        what = f"{items:,} items against {library:,} are {pairs:,} pairs; this service compares at most {most:,}"
        remedy = "Name fewer items in params.queries, or ask for one item at a time (POST .../neighbours/)."
        raise InvalidInput.one("too_many_items", what, remedy, path="params.queries")
