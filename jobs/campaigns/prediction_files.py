"""Files of predictions: requested in a request, computed by a service worker under a lease, kept with the model.

The worker holds five numbers for each variant, and makes the variants in blocks. The same request to the same model
gets the same file, and computed again it has the same bytes.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from pathlib import Path

import orjson
from django.contrib.auth.models import User
from django.db import transaction

from jobs.alignments.leased import Progress
from jobs.background.blocks import files_store
from jobs.background.leases import LeaseLost, work_cancel, work_claim, work_fail, work_publish, work_reset
from jobs.background.renewing import lease_renewed
from jobs.campaigns.predicting import Predictor, Values
from jobs.campaigns.prediction_tables import Table, written
from jobs.campaigns.selections import Selection, selection_stored
from jobs.campaigns.selectors import numbering_of_campaign
from jobs.errors import Conflict, ServiceError
from jobs.library.selectors import existing
from jobs.models import Campaign, PredictionFile, PropertyModel
from jobs.models.states import WorkState
from jobs.quotas.admission import quota_admit_bytes, quota_admit_work

log = logging.getLogger(__name__)

MOST_FILES = 50
"""Files of one model."""
BLOCK = 500
"""Variants that are predicted together."""
STOPPED = "it was stopped"
COMPUTING = 0.85
"""The share of the progress that predictions take. Writing takes the rest."""


def prediction_request(*, model: PropertyModel, selection: Selection, by: User) -> PredictionFile:
    """Return the file of these predictions in any state; ask for it if it is new, or failed before.

    It counts for `by`. Raises Conflict `model_not_ready`, `too_many_predictions`, TooManyRequests, TooLarge.
    """
    Predictor(model)
    asked = orjson.dumps(dict(selection.asked))
    fingerprint = hashlib.sha256(model.digest.encode() + b"\n" + asked).hexdigest()
    files = PredictionFile.objects.filter(model=model)
    again = (WorkState.FAILED, WorkState.CANCELLED)
    if known := files.filter(fingerprint=fingerprint).exclude(state__in=again).first():
        return known
    with transaction.atomic():
        quota_admit_work(user_id=by.pk)
        quota_admit_bytes(user_id=by.pk, size=len(asked))
        Campaign.objects.select_for_update().get(pk=model.campaign_id)  # two requests at once are counted in turn
        added_by = model.campaign.added_by(by.pk)
        found = files.filter(fingerprint=fingerprint).first()
        if found is None:
            found, asks = _made(model, selection, fingerprint, added_by), True
        else:
            asks = work_reset(found, added_by_id=added_by)
    if asks:
        work_publish(found)
    found.refresh_from_db()
    return found


def _made(model: PropertyModel, selection: Selection, fingerprint: str, added_by: int | None) -> PredictionFile:
    if PredictionFile.objects.filter(model=model).count() >= MOST_FILES:
        what = f"a model has at most {MOST_FILES} files of predictions; delete one first"
        raise Conflict(what, code="too_many_predictions")
    return PredictionFile.objects.create(
        model=model,
        kind=selection.kind,
        asked=dict(selection.asked),
        fingerprint=fingerprint,
        count=len(selection),
        added_by_id=added_by,
    )


def predictions_of(model: PropertyModel) -> list[PredictionFile]:
    """Return the files of a model's predictions without what was asked for, newest first."""
    found = list(PredictionFile.objects.filter(model=model).defer("asked").order_by("-pk"))
    for one in found:
        one.model = model
    return found


def prediction_of(model: PropertyModel, file_id: int) -> PredictionFile:
    """Return a file of the model's predictions, in any state. Raises NotFound."""
    missing = f"the model {model.number} has no predictions {file_id}"
    found = existing(PredictionFile.objects.filter(model=model).defer("asked"), missing, pk=file_id)
    found.model = model
    return found


def prediction_stop(found: PredictionFile) -> bool:
    """Stop a file that is queued or computed, and delete its blocks; return False if it has ended.

    A worker that computes it stops when it next renews its lease. The same request asks for it again.
    """
    with transaction.atomic():
        stopped = work_cancel(found)
        if stopped:
            PredictionFile.objects.filter(pk=found.pk).update(reason=STOPPED)
            found.blocks.all().delete()
    return stopped


def prediction_delete(found: PredictionFile) -> None:
    """Delete a file. A worker that computes it stops when it next renews its lease."""
    work_cancel(found)
    found.delete()


def prediction_run(*, file_id: int) -> bool:
    """Claim a file, compute it and store it: the job of the service worker. Return whether it is stored.

    An error becomes the reason, which users see.
    """
    found = work_claim(PredictionFile, file_id)
    if found is None:
        return False
    try:
        with tempfile.TemporaryDirectory(prefix="e1-predictions-") as folder:
            with lease_renewed(found):
                paths = _computed(found, Path(folder))
            charged_to = found.added_by_id or found.model.campaign.owner_id
            return files_store(found, paths=paths, charged_to=charged_to)
    except LeaseLost:
        return False
    except (ServiceError, OSError, ValueError, MemoryError) as error:
        log.exception("predictions %s could not be computed", found.pk)
        with transaction.atomic():
            if work_fail(found, reason=_reason(error)):
                found.blocks.all().delete()
        return False


def _reason(error: Exception) -> str:
    if isinstance(error, ServiceError):
        return error.detail
    if isinstance(error, OSError):
        return f"the builder's disk refused to write: {error.strerror or error}"
    return str(error) or "the machine has too little memory"


def _computed(found: PredictionFile, folder: Path) -> dict[str, Path]:
    """Write the files to `folder`, and return them by format. Raises LeaseLost."""
    model, progress = found.model, Progress(found)
    selection = selection_stored(found.asked, model.campaign.parent)
    predictor = Predictor(model)
    values = Values.empty(len(selection))
    for start in range(0, len(selection), BLOCK):
        end = min(start + BLOCK, len(selection))
        values.put(start, predictor.values(selection.take(range(start, end))))
        progress(COMPUTING * end / len(selection))
    facts = {
        "campaign": model.campaign.name,
        "model": model.number,
        "digest": model.digest,
        "property": model.property.name,
        "unit": model.property.unit,
        "normalisation": model.property.normalisation,
        "ranks_by": predictor.ranks_by,
    }
    table = Table(
        selection=selection,
        values=values,
        order=values.order(by_model=predictor.ranks_by_model),
        scale=predictor.scale,
        numbering=numbering_of_campaign(model.campaign),
        facts=facts,
    )
    return written(table, folder, report=lambda share: progress(COMPUTING + (1 - COMPUTING) * share))
