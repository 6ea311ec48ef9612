"""Mean embeddings as features: computed by an ordinary encode job of those who ask, once for all their models.

The job has the parent and every single mutant, under the campaign's contexts. Its Idempotency-Key is what its numbers
depend on: sequences, model, layer, contexts and precision. So the next model of this parent gets the same job, also in
another campaign. Its tokens and bytes count against quota and budget as those of any job.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import orjson
from django.contrib.auth.models import User

from jobs.actions.encode import Encode
from jobs.contexts.selectors import context_set_sequences
from jobs.errors import Conflict, InvalidInput
from jobs.intake.requests import submission_of_body
from jobs.intake.submit import job_submit
from jobs.learning.embeddings import described
from jobs.learning.samples import Floats
from jobs.maps.vectors import vector_blocks
from jobs.models import Campaign, Job, PropertyModel
from jobs.models.states import JobState
from jobs.science.variants.codes import single_variants

LAYER = -1
MOST_TURNS = 100
"""Jobs of the same features whose results are gone, before another one is refused."""


def embeddings_request(campaign: Campaign, *, by: User) -> Job:
    """Return the job of `by` that computes the campaign's embeddings: an earlier one if its numbers are still there.

    Raises TooLarge and TooManyRequests if the quota does not allow it, and InvalidInput for contexts that `by` may not
    see.
    """
    contexts = contexts_of(campaign, by, path="features")
    told = [campaign.parent, campaign.model, LAYER, contexts, "auto"]
    digest = hashlib.sha256(orjson.dumps(told)).hexdigest()
    gone = (JobState.FAILED, JobState.CANCELLED, JobState.PARTIAL, JobState.EXPIRED)
    for turn in range(MOST_TURNS):
        key = f"features-{digest}-{turn}"
        known = Job.objects.filter(owner=by, idempotency_key=key).first()
        if known is None:
            return job_submit(owner=by, submission=submission_of_body(_body(campaign, contexts), key, owner=by))[0]
        if known.state not in gone:
            return known
    raise Conflict("a hundred jobs of these embeddings failed; look at the newest ones", code="features_failed")


def contexts_of(campaign: Campaign, by: User, *, path: str) -> list[list[str]]:
    """Return the contexts of the campaign's set. A member must be able to see the same set.

    Raises InvalidInput `unknown_context_set` at `path`.
    """
    name = campaign.context_set
    if not name:
        return []
    found = [list(one) for one in context_set_sequences(by, name, path=path)]
    if by.pk != campaign.owner_id:
        real = [list(one) for one in context_set_sequences(campaign.owner, name, path=path)]
        if found != real:
            what = f"the context set {name!r} of the campaign is its owner's, and yours of this name is another one"
            remedy = "Ask the owner to share the set in the project, or make the model without embeddings."
            raise InvalidInput.one("unknown_context_set", what, remedy, path=path)
    return found


def _body(campaign: Campaign, contexts: list[list[str]]) -> dict[str, Any]:
    parent = campaign.parent
    params: dict[str, Any] = {"repr_layers": [LAYER], "include": ["mean"]}
    if contexts:
        params["contexts"] = contexts
    items = [{"name": "parent", "sequence": parent}]
    items += [{"name": one.code(), "sequence": one.sequence(parent)} for one in single_variants(parent)]
    name = f"Embeddings for {campaign.name}"[:100]
    return {"action": Encode.name, "model": campaign.model, "params": params, "name": name, "items": items}


def embeddings_of(model: PropertyModel) -> Floats:
    """Return the descriptions [L, 20, k] from the finished job of a model. Raises Conflict `features_failed`."""
    job, parent = model.features_job, model.campaign.parent
    if job is None:
        raise Conflict("the job of the embeddings was deleted; make another model", code="features_failed")
    if job.state != JobState.SUCCEEDED:
        raise Conflict(f"job {job.pk} of the embeddings has {job.state}; make another model", code="features_failed")
    layer = job.params["repr_layers"][0]
    vectors = np.concatenate([block.vectors for block in vector_blocks(job, layer)])
    return described(parent, vectors[1:], vectors[0])
