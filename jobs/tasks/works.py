"""The kinds of background work, by model name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from jobs.alignments.searches import search_run
from jobs.alignments.services import neighbours_count
from jobs.models import Artefact, BackgroundWork, HomologSearch, NeighbourCount
from jobs.tasks.building import artefact_build


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of background work. `run` takes a primary key as text and returns whether it finished the work."""

    model: type[BackgroundWork]
    run: Callable[[str], bool]


WORKS: Mapping[str, Kind] = MappingProxyType(
    {
        "artefact": Kind(Artefact, lambda pk: artefact_build(artefact_id=int(pk))),
        "neighbourcount": Kind(NeighbourCount, lambda pk: neighbours_count(count_id=int(pk))),
        "homologsearch": Kind(HomologSearch, lambda pk: search_run(search_id=pk)),
    }
)
