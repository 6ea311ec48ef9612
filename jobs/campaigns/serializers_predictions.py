"""Bodies of the REST interface about predictions and their files."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from rest_framework import serializers as s

from jobs.background.blocks import files_of
from jobs.campaigns.prediction_tables import FORMATS
from jobs.campaigns.selections import KINDS
from jobs.campaigns.serializers import MODEL_STATES, RANKS_BY, STATES
from jobs.models import PredictionFile
from jobs.models.states import WorkState
from jobs.web.rest.fields import Shape


class PredictionRequest(Shape):
    variants = s.ListField(child=s.CharField(), required=False)
    all_singles = s.BooleanField(required=False)
    combinations = s.ListField(child=s.CharField(), required=False, help_text="Mutations to combine.")
    file = s.BooleanField(required=False, help_text="Store the predictions as a file, also if they are few.")


class PredictionRow(Shape):
    variant = s.CharField()
    mean = s.FloatField(allow_null=True)
    low = s.FloatField(allow_null=True)
    high = s.FloatField(allow_null=True)
    prior = s.FloatField(allow_null=True)
    rank = s.IntegerField(help_text="By `ranks_by`, from 1.")


class Predictions(Shape):
    n = s.IntegerField()
    digest = s.CharField()
    ranks_by = s.ChoiceField(RANKS_BY)
    rows = PredictionRow(many=True)


class PredictionFilePart(Shape):
    format = s.ChoiceField(FORMATS)
    url = s.CharField()
    size = s.IntegerField()
    sha256 = s.CharField()


class PredictionFileBody(Shape):
    id = s.IntegerField()
    n = s.IntegerField(help_text="The number of the model.")
    url = s.CharField()
    state = s.ChoiceField(MODEL_STATES)
    progress = s.FloatField(help_text="A share from 0 to 1.")
    reason = s.CharField(required=False)
    asked = s.ChoiceField(KINDS)
    count = s.IntegerField(help_text="Variants.")
    digest = s.CharField(help_text="That of the model.")
    ranks_by = s.ChoiceField(RANKS_BY)
    files = PredictionFilePart(many=True, help_text="Empty until the file is ready. Both have the same numbers.")
    created_at = s.DateTimeField()
    finished_at = s.DateTimeField(allow_null=True)


class PredictionFilePage(Shape):
    results = PredictionFileBody(many=True)


def prediction_body(found: PredictionFile) -> dict[str, Any]:
    """Return the body of a file of predictions."""
    model = found.model
    place = [model.campaign_id, model.number, found.pk]
    address = reverse("campaign-prediction-file", args=place)
    body = {
        "id": found.pk,
        "n": model.number,
        "url": reverse("campaign-prediction", args=place),
        "state": STATES.get(WorkState(found.state), found.state),
        "progress": round(found.progress, 3),
        "asked": found.kind,
        "count": found.count,
        "digest": model.digest,
        "ranks_by": model.card.get("ranks_by", "prior"),
        "files": [
            {"format": one.format, "url": f"{address}?format={one.format}", "size": one.size, "sha256": one.sha256}
            for one in files_of(found).values()
        ],
        "created_at": found.created_at,
        "finished_at": found.finished_at,
    }
    return body | ({"reason": found.reason} if found.reason else {})
