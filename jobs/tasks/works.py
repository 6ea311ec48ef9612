"""What the service worker does in the background, by the name of the table that asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from jobs.alignments.searches import search_run
from jobs.alignments.services import neighbours_count
from jobs.models import BackgroundWork, HomologSearch, NeighbourCount


@dataclass(frozen=True, slots=True)
class Kind:
    """`run` takes a primary key as text, works where nobody else does, and says whether its result counts."""

    model: type[BackgroundWork]
    run: Callable[[str], bool]


WORKS: Mapping[str, Kind] = MappingProxyType(
    {
        "neighbourcount": Kind(NeighbourCount, lambda pk: neighbours_count(count_id=int(pk))),
        "homologsearch": Kind(HomologSearch, lambda pk: search_run(search_id=pk)),
    }
)
