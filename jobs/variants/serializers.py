"""Bodies of the REST interface about assays."""

from __future__ import annotations

from rest_framework import serializers as s

from jobs.parsing.left_out import LEFT_OUT
from jobs.web.rest.fields import Rows, Shape, Url
from jobs.web.rest.serializers import ProblemBody


class AssayUpload(Shape):
    file = s.FileField(help_text="CSV with a column of variants and one of measurements.")
    variant_column = s.CharField(
        required=False,
        help_text="If absent, a column called mutant, variant, hgvs_pro, mutated_sequence or the like.",
    )
    sheet = s.CharField(required=False, help_text="Of a workbook: the sheet to read. If absent, the first visible one.")
    on_invalid = s.ChoiceField(
        ["reject", "skip"],
        required=False,
        help_text="Whether bad rows refuse the file, or are left out.",
    )
    value_column = s.CharField(
        required=False,
        help_text="If absent, DMS_score, else score, fitness, activity, measured, measurement or value, else the only "
        "column with numbers.",
    )
    offset = s.IntegerField(
        required=False, help_text="Added to positions of the parent to number the variants. If absent, the job's own."
    )
    numbering = s.CharField(required=False, help_text="JSON as text, as in the parameters of a job, instead of offset.")
    numbering_file = s.FileField(
        required=False, help_text="A structure (PDB, mmCIF), a table or a list with the number of each residue."
    )
    numbering_column = s.CharField(required=False, help_text="The column of numbers in the table.")
    numbering_chain = s.CharField(required=False, help_text="The chain of the structure.")
    item = s.IntegerField(required=False, help_text="Of a scan: the item, counted from 0.")


class AssaySummary(Shape):
    id = s.IntegerField(source="pk")
    url = Url("job-assay", "job_id", "pk")
    name = s.CharField()
    sha256 = s.CharField()
    item = s.IntegerField(source="item_index")
    variant_column = s.CharField()
    value_column = s.CharField()
    offset = s.IntegerField()
    numbering = s.JSONField(allow_null=True, help_text="Null if the offset says it all.")
    created_at = s.DateTimeField()
    notes = ProblemBody(many=True, help_text="What was changed in the file, or left out.")


class AssayCounts(Shape):
    rows = s.IntegerField()
    matched = s.IntegerField()
    duplicates = s.IntegerField(help_text="Further rows of a variant; the mean is used.")
    without_score = s.IntegerField()
    without_measurement = s.IntegerField()
    unreadable = s.IntegerField(help_text="Rows whose name is not a variant of the parent.")
    left_out = s.DictField(
        child=s.IntegerField(),
        help_text=f"Rows of changes that have no score, by kind: {', '.join(LEFT_OUT)}.",
    )


class AssayMetrics(Shape):
    spearman = s.FloatField(allow_null=True)
    ndcg = s.FloatField(allow_null=True, help_text="Over the best-scored tenth.")
    top_recall = s.FloatField(allow_null=True, help_text="Of the best-measured tenth among the best-scored tenth.")


class JudgedMutations(Shape):
    mutations = s.IntegerField(allow_null=True, help_text="0 for the parent; null for another length.")
    variants = s.IntegerField()


class JudgedScore(Shape):
    name = s.CharField(help_text="score, other, profile or blosum62.")
    title = s.CharField()


class JudgedMetric(Shape):
    name = s.CharField(help_text="spearman, ndcg, ndcg_proteingym, top_recall, pearson, auroc or mcc.")
    title = s.CharField()
    chance = s.FloatField(allow_null=True, help_text="The expected value of a random order.")
    best = s.FloatField(allow_null=True, help_text="The value of the best order of these measurements.")
    values = s.DictField(child=s.FloatField(allow_null=True), help_text="By the name of the score.")


class JudgedEnds(Shape):
    score = s.CharField()
    value = s.FloatField(allow_null=True)
    low = s.FloatField(allow_null=True)
    high = s.FloatField(allow_null=True)


class JudgedDifference(JudgedEnds):
    against = s.CharField()


class JudgedInterval(Shape):
    metric = s.CharField()
    level = s.FloatField()
    draws = s.IntegerField()
    groups = s.IntegerField(help_text="Groups of variants that share positions: the bootstrap draws them as wholes.")
    reason = s.CharField(allow_blank=True, help_text="Why there are no intervals; empty if there are.")
    values = JudgedEnds(many=True)
    differences = JudgedDifference(many=True, help_text="The score minus the one that it is compared with.")


class JudgedBody(Shape):
    alignment = s.JSONField(allow_null=True, help_text="As in the answer of baselines.")
    no_profile = s.JSONField(allow_null=True)
    pairs = s.IntegerField(help_text="Variants that have all scores and a measurement.")
    left_out = s.IntegerField(help_text="Measured variants that miss a score.")
    mutations = JudgedMutations(many=True)
    threshold = s.FloatField(allow_null=True)
    hits = s.IntegerField(allow_null=True)
    scores = JudgedScore(many=True)
    metrics = JudgedMetric(many=True)
    interval = JudgedInterval()


class AssayPoint(Shape):
    variant = s.CharField()
    score = s.FloatField()
    measured = s.FloatField()


class OverlayBody(Shape):
    """A `jobs.science.variants.overlays.Overlay`."""

    counts = AssayCounts(source="*")
    metrics = AssayMetrics(source="*")
    points = Rows(child=AssayPoint())
    warnings = ProblemBody(many=True, help_text="What a wrong numbering may have done to the names that match.")
    unreadable_examples = ProblemBody(many=True, source="examples")
    without_score_examples = s.ListField(child=s.CharField(), source="unscored")


class AssayDetail(AssaySummary, OverlayBody):
    """An assay with its overlay."""


class AssayPage(Shape):
    results = AssaySummary(many=True)


class ComparedRun(Shape):
    job = s.UUIDField()
    item = s.IntegerField(help_text="Of a scan; 0 for a job of variants.")
    name = s.CharField()
    action = s.CharField()
    model = s.CharField()
    contexts = s.IntegerField()


class ComparedInterval(Shape):
    low = s.FloatField()
    high = s.FloatField()
    draws = s.IntegerField()


class ComparedVariant(Shape):
    variant = s.CharField(help_text="In the numbering of the first job.")
    first = s.FloatField()
    second = s.FloatField()
    difference = s.FloatField(help_text="The second score minus the first.")


class ComparisonBody(Shape):
    first = ComparedRun()
    second = ComparedRun()
    pairs = s.IntegerField(help_text="Variants that both jobs scored.")
    only_first = s.IntegerField()
    only_second = s.IntegerField()
    spearman = s.FloatField(allow_null=True)
    interval = ComparedInterval(
        allow_null=True,
        help_text="95 % by the paired bootstrap over positions. Null beyond 50,000 pairs, or at one position.",
    )
    mean_difference = s.FloatField()
    parent = s.CharField()  # type: ignore[assignment]  # the metaclass of serializers takes fields out of the class
    positions = s.ListField(child=s.IntegerField(), help_text="Of single substitutions, counted from 1.")
    numbers = s.ListField(child=s.CharField())
    vocab_tokens = s.ListField(child=s.CharField())
    differences = Rows(help_text="[positions][20]; null for the wild type and for pairs that are missing.")
    variants = Rows(child=ComparedVariant())


class BaselineAlignment(Shape):
    id = s.UUIDField()
    name = s.CharField()
    rows = s.IntegerField()
    neff = s.FloatField(allow_null=True, help_text="Effective sequences at 80 % identity.")
    neff_per_residue = s.FloatField(allow_null=True)


class NoProfile(Shape):
    code = s.CharField(help_text="no_alignment, not_chosen, not_counted or alignment_too_large.")
    reason = s.CharField()


class ScanReference(Shape):
    job = s.UUIDField()
    item = s.IntegerField()


class LayerMatrices(Shape):
    """[positions][20] each; null for a number that is missing."""

    score = Rows()
    percentile = Rows(help_text="Percentage of the substitutions that score lower; ties count half.")
    profile = Rows(required=False, help_text="log p(mutant) - log p(wild type) in the alignment.")
    blosum62 = Rows()
    measured = Rows(required=False)


class VariantColumns(Shape):
    """Columns with an entry for each scored variant; null for a number that is missing."""

    index = Rows(child=s.IntegerField())
    variant = Rows(child=s.CharField())
    score = Rows(child=s.FloatField())
    percentile = Rows(child=s.FloatField(allow_null=True))
    profile = Rows(child=s.FloatField(allow_null=True))
    blosum62 = Rows(child=s.FloatField(allow_null=True))


class BaselinesBody(Shape):
    alignment = BaselineAlignment(allow_null=True, help_text="The alignment of the profile.")
    no_profile = NoProfile(allow_null=True, help_text="Why there is no profile.")
    scan = ScanReference(allow_null=True, help_text="The scan that percentiles are of.")
    assay = s.IntegerField(allow_null=True)
    positions = s.ListField(child=s.IntegerField(), allow_null=True, help_text="Of a scan, counted from 1.")
    numbers = s.ListField(child=s.CharField(), allow_null=True)
    vocab_tokens = s.ListField(child=s.CharField(), allow_null=True)
    matrices = LayerMatrices(allow_null=True, help_text="Of a scan.")
    variants = VariantColumns(allow_null=True, help_text="Of a job of variants.")
