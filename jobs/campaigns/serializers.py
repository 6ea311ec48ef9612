"""Bodies of the REST interface about campaigns."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers as s

from jobs.campaigns.priors import PRIORS
from jobs.learning.folds import KINDS
from jobs.learning.normalising import METHODS
from jobs.learning.priors import FEATURES
from jobs.learning.proposing import STRATEGIES
from jobs.models import PropertyModel
from jobs.models.campaigns import ROUND_STATES
from jobs.models.states import WorkState
from jobs.web.rest.fields import ListPage, Rows, Shape, Url

STATES = {WorkState.WAITING: "queued", WorkState.DONE: "ready", WorkState.CANCELLED: "failed"}
MODEL_STATES = ("queued", "running", "ready", "failed")
RANKS_BY = ("model", "prior")


class CampaignSubmission(Shape):
    name = s.CharField(max_length=200)
    parent = s.CharField(help_text="Canonical residues.")  # type: ignore[assignment]  # the field's name
    model = s.CharField()
    context_set = s.CharField(required=False, help_text="The name of one of your context sets.")
    alignment = s.CharField(required=False, help_text="The id of an alignment of yours, whose parent is this one.")
    numbering = s.JSONField(required=False, help_text="As in jobs: an offset, a start with skipped numbers, or labels.")
    cds = s.CharField(required=False, help_text="The coding sequence of the parent. A stop codon is dropped.")
    host = s.CharField(required=False, help_text="Its codon table is used for mutated residues, e_coli by default.")
    exclude = s.ListField(child=s.CharField(), required=False, help_text='Ranges in your numbering, such as "1-25".')
    project = s.CharField(
        required=False, allow_null=True, allow_blank=True, help_text="The id of a project that you may edit."
    )


class CampaignChange(Shape):
    project = s.CharField(
        allow_null=True, allow_blank=True, help_text="The id of a project that you may edit; null: none."
    )


class CampaignBody(Shape):
    id = s.UUIDField(source="pk")
    url = Url("campaign-detail", "pk")
    name = s.CharField()
    owner = s.CharField(source="owner.username")
    project = s.UUIDField(source="project_id", allow_null=True)
    access = s.ChoiceField(["view", "edit", "own"], help_text="What you may do.")
    parent = s.CharField()  # type: ignore[assignment]  # the field's name
    model = s.CharField()
    context_set = s.CharField(required=False)
    alignment = s.UUIDField(
        source="alignment_shown", allow_null=True, help_text="Null also if you may not see the alignment."
    )
    numbering = s.JSONField()
    cds = s.CharField(required=False)
    host = s.CharField(required=False)
    exclude = s.ListField(child=s.CharField())
    created_at = s.DateTimeField()


class CampaignUpload(Shape):
    file = s.FileField(help_text="The file that the export of a campaign returned.")


class ImportedCounts(Shape):
    properties = s.IntegerField()
    measurements = s.IntegerField()
    models = s.IntegerField()
    rounds = s.IntegerField()


class CampaignImported(CampaignBody):
    digest = s.CharField(help_text="SHA-256 of the digests of all files, as in `manifest.json`.")
    imported = ImportedCounts()


class CampaignPage(ListPage):
    results = CampaignBody(many=True)


class PropertySubmission(Shape):
    name = s.CharField(max_length=100)
    unit = s.CharField(required=False, max_length=40)
    higher_is_better = s.BooleanField()
    log = s.BooleanField(required=False)
    limits = s.ListField(
        child=s.FloatField(allow_null=True), required=False, help_text="Detection limits, in the unit of the file."
    )
    threshold = s.FloatField(required=False, allow_null=True)
    normalisation = s.ChoiceField(METHODS, required=False)


class PropertyBody(Shape):
    id = s.IntegerField(source="pk")
    name = s.CharField()
    unit = s.CharField(required=False)
    higher_is_better = s.BooleanField()
    log = s.BooleanField()
    limits = s.SerializerMethodField()
    threshold = s.FloatField(allow_null=True)
    normalisation = s.ChoiceField(METHODS)
    created_at = s.DateTimeField()

    def get_limits(self, found: Any) -> list[float | None]:
        return [found.limit_low, found.limit_high]


class PropertyPage(Shape):
    results = PropertyBody(many=True)


class MeasurementUpload(Shape):
    file = s.FileField(help_text="CSV, TSV or XLSX, wide or long.")
    property = s.CharField(required=False, help_text="The only property of the file.")
    columns = s.CharField(required=False, help_text='JSON, such as {"activity": "kcat"}: the column of each property.')
    round = s.CharField(required=False, help_text="The number of the round that was measured.")
    sheet = s.CharField(required=False)


class MeasurementCounts(Shape):
    n = s.IntegerField(help_text="Rows that were added.")
    read = s.IntegerField(help_text="Cells: the sum of matched, failed, censored, unchanged and unreadable.")
    matched = s.IntegerField()
    failed = s.IntegerField()
    censored = s.IntegerField()
    unchanged = s.IntegerField(help_text="Cells that were stored before.")
    corrected = s.IntegerField(help_text="Added rows that replace an earlier value of their well.")
    unreadable = s.IntegerField()
    properties = s.DictField(child=s.DictField(child=s.IntegerField()))
    problems = Rows(child=s.DictField())


class MeasurementRow(Shape):
    """A `Measurement`."""

    id = s.IntegerField(source="pk")
    property = s.CharField(source="property.name")
    variant = s.CharField(help_text="By position; empty for blanks.")
    digest = s.CharField()
    round = s.IntegerField(allow_null=True)
    plate = s.CharField()
    well = s.CharField()
    replicate = s.CharField()
    role = s.CharField()
    value = s.FloatField(allow_null=True)
    censored = s.IntegerField()
    failed = s.BooleanField()
    written = s.CharField()
    created_at = s.DateTimeField()


class MeasurementPage(ListPage):
    results = MeasurementRow(many=True)


class ModelSubmission(Shape):
    property = s.CharField()
    prior = s.ChoiceField(PRIORS, required=False)
    features = s.ChoiceField(("auto", *FEATURES), required=False)
    seed = s.IntegerField(required=False, min_value=0)


class ModelBody(Shape):
    n = s.IntegerField()
    url = s.CharField()
    state = s.ChoiceField(MODEL_STATES)
    reason = s.CharField(required=False)
    property = s.CharField()
    prior = s.JSONField(help_text="What was asked for, what was used, and where it comes from.")
    features = s.JSONField()
    features_job = s.CharField(required=False, help_text="The job of the embeddings, which the model waits for.")
    seed = s.IntegerField()
    digest = s.CharField(required=False)
    n_training = s.IntegerField()
    n_censored = s.IntegerField(help_text="Variants of the training set with a censored well, taken at the limit.")
    counts = s.DictField(child=s.IntegerField())
    cross_validation = s.JSONField(required=False, help_text=f"Figures by kind of folds: {', '.join(KINDS)}.")
    reasons = s.JSONField(required=False, help_text="Why a kind of folds is null.")
    gain = s.JSONField(
        required=False,
        help_text="The share of the prior's squared error that the model removes, with an interval of `level`, "
        "and the paired difference of `spearman`.",
    )
    learning_curve = s.JSONField(
        required=False, help_text="Spearman of model and prior by the size `n` of the training set, with its interval."
    )
    coverage = s.JSONField(required=False)
    method = s.CharField(required=False)
    ranks_by = s.ChoiceField(RANKS_BY, required=False)
    versions = s.JSONField(required=False)
    created_at = s.DateTimeField()


class ModelPage(Shape):
    results = ModelBody(many=True)


class ObjectiveRequest(Shape):
    model = s.IntegerField()
    threshold = s.FloatField(required=False, allow_null=True)


class PlateRequest(Shape):
    wells = s.IntegerField(required=False, help_text="96 or 384.")
    wild_type = s.IntegerField(required=False)
    dead = s.IntegerField(required=False)
    dead_variant = s.CharField(required=False, help_text="The dead control, such as S70A.")
    blanks = s.IntegerField(required=False)
    replicates = s.IntegerField(required=False, help_text="Plates with the same contents.")
    retests = s.IntegerField(required=False)
    bridging = s.IntegerField(required=False)
    random = s.IntegerField(required=False)


class ProposalRequest(Shape):
    objectives = ObjectiveRequest(many=True)
    count = s.IntegerField(required=False, help_text="Needed without a plate.")
    strategy = s.ChoiceField(STRATEGIES, required=False)
    pool = s.JSONField(required=False, help_text='"singles", "doubles", a list, or {"combinations": [...]}.')
    plate = PlateRequest(required=False)
    max_per_position = s.IntegerField(required=False)
    mutations = s.ListField(child=s.IntegerField(), required=False, min_length=2, max_length=2)
    exclude = s.ListField(child=s.CharField(), required=False)
    seed = s.IntegerField(required=False, min_value=0)


class Proposed(Shape):
    round = s.IntegerField()
    n = s.IntegerField()
    digest = s.CharField()
    url = s.CharField()


class RoundSummary(Shape):
    n = s.IntegerField(source="number")
    state = s.ChoiceField(ROUND_STATES)
    digest = s.CharField()
    created_at = s.DateTimeField()
    ordered_at = s.DateTimeField(allow_null=True)
    measured_at = s.DateTimeField(allow_null=True)


class RoundPage(Shape):
    results = RoundSummary(many=True)


class RoundBody(Shape):
    n = s.IntegerField()
    state = s.ChoiceField(ROUND_STATES)
    digest = s.CharField(help_text="SHA-256 of all that was frozen.")
    created_at = s.DateTimeField()
    ordered_at = s.DateTimeField(allow_null=True)
    measured_at = s.DateTimeField(allow_null=True)
    realised = s.JSONField(allow_null=True, help_text="Of a measured round: variants measured, and hits.")
    asked = s.JSONField()
    objectives = s.JSONField()
    expected = s.JSONField(allow_null=True, help_text="Expected hits. Picks are biased upwards.")
    rows = Rows(child=s.DictField())


def model_body(model: PropertyModel, url: str) -> dict[str, Any]:
    """Return the body of a model. Figures are there once it is ready."""
    used = {"prior": {"asked": model.prior}, "features": {"asked": model.features}}
    body = {
        "n": model.number,
        "url": url,
        "state": STATES.get(WorkState(model.state), model.state),
        "property": model.property.name,
        **used,
        "seed": model.seed,
        "n_training": len(model.training),
        "n_censored": model.counts.get("censored_variants", 0),
        "counts": model.counts,
        "created_at": model.created_at,
    }
    if model.reason:
        body["reason"] = model.reason
    if model.features_job_id is not None:
        body["features_job"] = str(model.features_job_id)
    if model.state == WorkState.DONE:
        body |= {"digest": model.digest, **{name: value for name, value in model.card.items() if value is not None}}
    return body
