"""Bodies of the REST interface about jobs, items and synchronous requests."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers as s

from jobs.api.documented import PARAMS
from jobs.models.states import ArtefactState, ItemState, JobState
from jobs.parsing.asked import LAYOUTS
from jobs.queue.stages import STAGES
from jobs.web.rest.fields import ListPage, Shape, Url
from jobs.web.rest.serializers import ProblemBody

LAYOUT_HELP = "What bare lines are: join for one sequence, lines for a sequence on each."
SHEET_HELP = "The sheet of a workbook; the first visible one by default."
LIBRARY = (
    "FASTA, JSONL, a table (columns name, sequence), or another format of docs/input-rules.md, also packed with gzip. "
    "For score: variants, one a line; a table with a column "
    "variant, mutant, mutation, sequence or mutated_sequence; or JSONL with variant."
)


@extend_schema_field({**PARAMS, "nullable": True, "description": "Parameters of the action."})
class ParamsField(s.DictField):
    """Parameters of a job."""


@extend_schema_field(
    {
        **PARAMS,
        "nullable": True,
        "description": "Parameters of the action, without dtype and precision.",
    }
)
class SyncParamsField(s.DictField):
    """Parameters of a synchronous request."""


class SyncItem(Shape):
    sequence = s.CharField()
    context_sequences = s.ListField(child=s.CharField(), required=False, allow_null=True)
    name = s.CharField(required=False, allow_null=True, allow_blank=True)


class ItemBody(SyncItem):
    sequence = s.CharField(required=False, help_text="Required unless there is a variant.")
    variant = s.CharField(required=False, help_text="For score only: a code such as A24T:G56D or p.Ala24Thr, or WT.")


class JobExtension(Shape):
    items = ItemBody(many=True)
    context_sequences = s.ListField(
        child=s.CharField(), required=False, allow_null=True, help_text="For items without their own."
    )
    on_invalid = s.ChoiceField(["reject", "skip"], required=False, allow_null=True, allow_blank=True)


class JobSubmission(JobExtension):
    model = s.CharField()
    action = s.CharField()
    params = ParamsField(required=False, allow_null=True)
    name = s.CharField(required=False, allow_null=True, allow_blank=True)
    project = s.CharField(
        required=False, allow_null=True, allow_blank=True, help_text="The id of a project that you may edit."
    )


class JobExtensionUpload(Shape):
    file = s.FileField(help_text=LIBRARY)
    context = s.FileField(required=False, help_text="Context for all records: as a library, or a JSON list.")  # type: ignore[assignment]
    on_invalid = s.ChoiceField(["reject", "skip"], required=False)
    layout = s.ChoiceField(LAYOUTS, required=False, help_text=LAYOUT_HELP)
    sheet = s.CharField(required=False, help_text=SHEET_HELP)
    context_layout = s.ChoiceField(LAYOUTS, required=False, help_text="As layout, for the context.")


class JobUpload(JobExtensionUpload):
    model = s.CharField()
    action = s.CharField()
    params = s.CharField(required=False, help_text="JSON object as text, as in the JSON body.")
    name = s.CharField(required=False)
    project = s.CharField(required=False, help_text="The id of a project that you may edit.")
    numbering_file = s.FileField(
        required=False,
        help_text="For score and scan: a structure (PDB, mmCIF), a table or a list with the number of each residue.",
    )
    numbering_column = s.CharField(required=False, help_text="The column of numbers in the table.")
    numbering_chain = s.CharField(required=False, help_text="The chain of the structure.")


def _counts(name: str, *fields: str) -> type[Shape]:
    return type(name, (Shape,), {field: s.IntegerField() for field in fields})


Counts = _counts("Counts", "total", "pending", "succeeded", "failed", "skipped", "cancelled")
ChunkCounts = _counts("ChunkCounts", "total", "ready", "leased", "done", "failed", "cancelled")
UnitCounts = _counts("UnitCounts", "done", "total")


class Throughput(Shape):
    items_per_second = s.FloatField(required=False)
    residues_per_second = s.FloatField(required=False)
    units_per_second = s.FloatField(required=False, help_text="The only field if the items are made of work units.")


class QueuePlace(Shape):
    position = s.IntegerField(allow_null=True, help_text="From 1, in the order of expected starts; null if unknown.")
    starts_in_seconds = s.FloatField(
        allow_null=True, help_text="Expected by the scheduler's own rule at the workers' present rate; null if unknown."
    )
    reason = s.CharField()


class Failure(Shape):
    code = s.CharField()
    count = s.IntegerField()
    message = s.CharField(allow_null=True)


class JobSummary(Shape):
    """A job as lists show it: a `ShownJob` of jobs.api.presenters."""

    id = s.UUIDField()
    url = Url("job-detail", "pk")
    name = s.CharField()
    owner = s.CharField(source="owner.username", help_text="Who submitted it.")
    project = s.UUIDField(source="project_id", allow_null=True)
    tags = s.ListField(child=s.CharField())
    model = s.CharField()
    action = s.CharField()
    params = s.DictField()
    state = s.ChoiceField(JobState.choices)
    interactive = s.BooleanField()
    on_invalid = s.ChoiceField(["reject", "skip"])
    created_at = s.DateTimeField()
    started_at = s.DateTimeField(allow_null=True)
    finished_at = s.DateTimeField(allow_null=True)
    archived_at = s.DateTimeField(allow_null=True)
    expires_at = s.DateTimeField(allow_null=True, help_text="When items and results are removed; null for never.")
    stored_bytes = s.IntegerField(
        help_text="Letters and results, without files built from them. For an unfinished job, the reserved bytes."
    )
    freed_bytes = s.IntegerField(
        source="kept.freed_bytes", allow_null=True, help_text="Bytes that an expired job has freed."
    )
    counts = Counts()
    finished = s.IntegerField(help_text="Items in a final state.")
    chunks = ChunkCounts()
    units = UnitCounts(required=False, help_text="Work units of score, scan and contacts, which take the time.")
    cleaning = s.DictField(
        child=s.IntegerField(),
        help_text="Accepted records that needed each kind of cleaning, and, as left_out_KIND, rows of a score set that "
        "have no score.",
    )
    warnings = ProblemBody(many=True)
    demonstration = s.BooleanField()
    attribution = s.CharField()
    links = s.DictField(child=s.CharField())


class JobBody(JobSummary):
    throughput = Throughput(allow_null=True)
    stage = s.ChoiceField(
        STAGES,
        allow_null=True,
        help_text="What an unfinished job does: it waits, computes its units or items, assembles items from units, or "
        "writes its end.",
    )
    eta_seconds = s.FloatField(allow_null=True, help_text="The time left of the present stage; null if unknown.")
    queue = QueuePlace(allow_null=True)
    precision = s.CharField(
        allow_blank=True,
        help_text='Of its workers: fixed by `params.precision` or the first of them, "" before that, '
        '"any" once the job was released.',
    )
    failures = Failure(many=True)
    provenance = s.ListField(child=s.DictField())


class JobChange(Shape):
    name = s.CharField(max_length=200, allow_blank=True, required=False)
    project = s.CharField(
        allow_null=True,
        allow_blank=True,
        required=False,
        help_text="The id of a project that you may edit; null: none.",
    )
    tags = s.ListField(child=s.CharField(max_length=40), required=False, help_text="All tags of the job, at most 20.")
    archived = s.BooleanField(required=False, help_text="The page of jobs leaves out archived ones.")


class JobPage(ListPage):
    results = JobSummary(many=True)


class ArtefactBody(Shape):
    state = s.ChoiceField(ArtefactState.choices)
    url = s.CharField(help_text="Where the file will be.")
    retry_after = s.IntegerField(help_text="Seconds until it is worth asking again.")


class ItemRow(Shape):
    """Documents `jobs.api.presenters.present_item`, which renders thousands of rows."""

    index = s.IntegerField()
    name = s.CharField()
    header = s.CharField()
    line = s.IntegerField(allow_null=True)
    residues = s.IntegerField(help_text="Of `sequence`; of one skipped as too long only the beginning is kept.")
    variant = s.CharField(
        required=False, help_text="For score: the code, such as A24T:G56D, or a full sequence; as written if skipped."
    )
    state = s.ChoiceField(ItemState.choices)
    code = s.CharField(required=False)
    reason = s.CharField(required=False)
    errors = ProblemBody(many=True, required=False)  # type: ignore[assignment]


class ItemDetail(ItemRow):
    sequence = s.CharField()
    context_sequences = s.ListField(child=s.CharField())
    result = s.DictField(allow_null=True)


class ItemPage(ListPage):
    results = ItemRow(many=True)


class SyncRequest(Shape):
    params = SyncParamsField(required=False, allow_null=True)
    items = s.ListField(child=SyncItem(), min_length=1, max_length=8)


class SyncResponse(Shape):
    results = s.ListField(child=s.DictField())
