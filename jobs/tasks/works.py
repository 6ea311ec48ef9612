"""The kinds of background work, by model name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from jobs.alignments.searches import search_run
from jobs.alignments.services import neighbours_count
from jobs.background.leases import works_release
from jobs.campaigns.prediction_files import prediction_run
from jobs.campaigns.training import model_run
from jobs.models import Artefact, BackgroundWork, HomologSearch, NeighbourCount, PredictionFile, PropertyModel
from jobs.queue.lifecycle import jobs_follow_owners
from jobs.tasks.building import artefact_build


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of background work. `run` takes a primary key as text and returns whether it finished the work.

    `owner` is the path from the model to the user.
    """

    model: type[BackgroundWork]
    owner: str
    run: Callable[[str], bool]


WORKS: Mapping[str, Kind] = MappingProxyType(
    {
        "artefact": Kind(Artefact, "job__owner", lambda pk: artefact_build(artefact_id=int(pk))),
        "neighbourcount": Kind(NeighbourCount, "alignment__owner", lambda pk: neighbours_count(count_id=int(pk))),
        "homologsearch": Kind(HomologSearch, "owner", lambda pk: search_run(search_id=pk)),
        "propertymodel": Kind(PropertyModel, "campaign__owner", lambda pk: model_run(model_id=int(pk))),
        "predictionfile": Kind(PredictionFile, "model__campaign__owner", lambda pk: prediction_run(file_id=int(pk))),
    }
)


def owners_follow() -> None:
    """Stop the jobs and the background work of deactivated users, and bring back those of users who are active again.

    Nothing is deleted. Waiting work gets no turn (`jobs.tasks.turns`), and webhooks send nothing meanwhile.
    """
    jobs_follow_owners()
    for kind in WORKS.values():
        works_release(kind.model._default_manager.filter(**{f"{kind.owner}__is_active": False}))
