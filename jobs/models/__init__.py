"""The schema, one file per topic. Django looks for models here."""

from jobs.models.accounts import ApiToken, OutsideLogin
from jobs.models.alignments import Alignment, AlignmentBlock, HomologSearch, NeighbourCount, SequenceDatabase
from jobs.models.artefacts import Artefact, ArtefactBlock
from jobs.models.attachments import Annotation, Assay, Structure, StructureBlock
from jobs.models.background import BackgroundWork
from jobs.models.campaigns import (
    Campaign,
    Measurement,
    PredictionBlock,
    PredictionFile,
    Property,
    PropertyModel,
    Round,
)
from jobs.models.contexts import Context, ContextSet, ContextSetMember, JobContext
from jobs.models.holds import Duty, Hold
from jobs.models.jobs import Chunk, Extension, Item, Job, Turn, UnitGroup
from jobs.models.maps import JobColumn
from jobs.models.metering import CostCentre, StorageClock, UsageAccount
from jobs.models.notices import Mail, NoticeChoice
from jobs.models.outputs import Output, Tally
from jobs.models.pictures import JobPicture
from jobs.models.projects import Project, ProjectMember
from jobs.models.publishing import PublicLink
from jobs.models.quotas import Quota
from jobs.models.webhooks import Delivery, Webhook
from jobs.models.workers import EngineRecord, Worker
