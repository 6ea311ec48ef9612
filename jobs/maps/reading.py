"""A ready map in memory, for pages that filter its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from jobs.background.blocks import file_blocks, files_of
from jobs.errors import TooLarge
from jobs.models import Artefact

READABLE = 200_000
"""Items of a map that a page reads. Larger ones are files to download."""
READABLE_BYTES = 128_000_000
"""Bytes of its file, which is read into memory."""


@dataclass(frozen=True, slots=True)
class MapRow:
    """One item of a map. `cluster` is None if the map has no clusters, and -1 for an item in none."""

    index: int
    name: str
    residues: int
    x: float
    y: float
    cluster: int | None


class MapTable:
    """The rows of a ready map, in input order."""

    def __init__(self, artefact: Artefact) -> None:
        """Read the map. Raises TooLarge beyond READABLE items or READABLE_BYTES."""
        items, size = artefact.facts.get("items", 0), files_of(artefact)["json"].size
        if items > READABLE:
            raise TooLarge(f"the map has {items:,} items, and pages show at most {READABLE:,}; download its files")
        if size > READABLE_BYTES:
            what = f"the map has {size:,} bytes, most of them names, and pages read at most {READABLE_BYTES:,}"
            raise TooLarge(f"{what}; download its files")
        self._body: dict[str, Any] = orjson.loads(b"".join(file_blocks(artefact, "json")))

    def __len__(self) -> int:
        return len(self._body["index"])

    def narrowed(self, *, cluster: int | None = None, search: str = "") -> Sequence[int]:
        """Return places of the rows in a cluster, and of those whose names contain a text in any case."""
        places: Sequence[int] = range(len(self))
        clusters = self._body.get("cluster")
        if cluster is not None and clusters is not None:
            places = [place for place in places if clusters[place] == cluster]
        if search:
            wanted, names = search.lower(), self._body["name"]
            places = [place for place in places if wanted in names[place].lower()]
        return places

    def row(self, place: int) -> MapRow:
        one = {name: self._body[name][place] for name in ("index", "name", "residues", "x", "y")}
        clusters = self._body.get("cluster")
        return MapRow(**one, cluster=clusters[place] if clusters else None)
