"""Earlier work on a protein: what the user may see that has exactly this sequence as its parent or as an item."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import User

from e1protocol import EXTENDED, MODELS
from jobs.actions import ACTIONS
from jobs.errors import InvalidInput
from jobs.library.selectors import jobs_open_to
from jobs.library.sharing import open_to
from jobs.models import Alignment, Campaign, Item, Job
from jobs.models.states import JobState
from jobs.parsing.letters import check_letters, clean_sequence
from jobs.parsing.records import Place

MOST_ITEMS = 1_000
"""Items of the largest job that is looked through: of larger libraries no sequence has an index."""
MOST_JOBS = 500
"""Newest jobs that are looked through."""
LISTED = 100
LONGEST = max(model.max_residues for model in MODELS.values())
"""Residues of the longest item."""


@dataclass(frozen=True, slots=True)
class Work:
    """A job, and the first item that is the protein; 0 if the protein is the parent of all items."""

    job: Job
    item: int


@dataclass(frozen=True, slots=True)
class EarlierWork:
    """What there is about a sequence, the newest first. `jobs_searched` are the jobs that were looked through."""

    sequence: str
    jobs: tuple[Work, ...]
    alignments: tuple[Alignment, ...]
    campaigns: tuple[Campaign, ...]
    jobs_searched: int

    @property
    def nothing(self) -> bool:
        return not (self.jobs or self.alignments or self.campaigns)


def protein_asked(raw: object) -> str:
    """Return the sequence in a field `sequence`: letters, or one record of FASTA. Raises InvalidInput."""
    place = Place(path="sequence")
    if not isinstance(raw, str):
        raise InvalidInput.one("missing_parent", "there is no sequence", "Give the residues as text.", path=place.path)
    lines = raw.strip().splitlines()
    if lines and lines[0].startswith(">"):
        lines = lines[1:]
    if any(line.startswith(">") for line in lines):
        what = "there are several records of FASTA"
        raise InvalidInput.one("two_parents", what, "Give one sequence.", path=place.path)
    sequence, _ = clean_sequence("".join(lines))
    if not sequence:
        raise InvalidInput.one("missing_parent", "there is no sequence", "Give the residues as text.", path=place.path)
    if len(sequence) > LONGEST:
        what = f"the sequence has {len(sequence):,} residues, and the limit is {LONGEST:,}"
        raise InvalidInput.one("sequence_too_long", what, "No item is longer.", path=place.path)
    if problems := list(check_letters(sequence, EXTENDED, place)):
        raise InvalidInput.of(*problems)
    return sequence


def earlier_work(user: User, sequence: str) -> EarlierWork:
    """Return the user's and shared work on a sequence. Jobs of more than MOST_ITEMS items are left out."""
    open_jobs = jobs_open_to(user).filter(interactive=False, total_items__lte=MOST_ITEMS)
    searched = list(open_jobs.exclude(state=JobState.EXPIRED).order_by("-created_at", "-id")[:MOST_JOBS])
    of_variants = {name for name, action in ACTIONS.items() if action.takes_variants}
    items = dict[object, int]()
    wanted = [job.pk for job in searched if job.action not in of_variants]
    rows = Item.objects.filter(job__in=wanted, sequence=sequence).order_by("index").values_list("job_id", "index")
    for job_id, index in rows:
        items.setdefault(job_id, index)
    items |= {job.pk: 0 for job in searched if job.action in of_variants and job.params.get("parent") == sequence}
    alignments = open_to(Alignment.objects.filter(parent=sequence), user).defer("histogram", "skipped", "notes")
    campaigns = open_to(Campaign.objects.filter(parent=sequence), user)
    return EarlierWork(
        sequence=sequence,
        jobs=tuple(Work(job, items[job.pk]) for job in searched if job.pk in items)[:LISTED],
        alignments=tuple(alignments.order_by("-created_at", "-id")[:LISTED]),
        campaigns=tuple(campaigns.order_by("-created_at", "-id")[:LISTED]),
        jobs_searched=len(searched),
    )
