"""The fields of the form for a new job, unchecked: empty, an example, an earlier job's, or as sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, cast
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest

from jobs.actions import ACTIONS, dtypes
from jobs.actions.base import AUTO, DTYPE, PRECISION
from jobs.actions.titles import subject_of
from jobs.alignments.selectors import alignment_of
from jobs.contexts.selectors import context_runs
from jobs.errors import InvalidInput, NotFound, Problem
from jobs.intake.numbering import NumberingUpload, numbering_upload
from jobs.library import selectors
from jobs.limits import MAX_JOB_NAME
from jobs.models import Job
from jobs.pages.new_job.variants import (
    all_singles,
    job_named,
    parent_of_text,
    ranked_sequences,
    short_name,
)
from jobs.pages.tasks import TASKS
from jobs.parsing.numbers import BIGINT, whole
from jobs.results.items import result_of
from jobs.results.summaries import FILLED, filled_in
from jobs.science.variants.numbering import Numbering
from jobs.science.variants.numbering_forms import numbering_of, numbering_of_texts, texts_of
from jobs.science.variants.ranges import positions_of_text, ranges_text
from jobs.variants.baskets import basket_fasta, most_of, scanned, variants_of

EARLIER = "="
"""The context set chosen for the contexts that all items of the earlier job shared. No set has such a name."""


SAID = ("model", "action", "on_invalid", "name", "project", "layout", "sheet", "context_layout")
"""Fields that are submitted as they are."""


def new_key() -> str:
    """Return an Idempotency-Key for one form, so that sending it twice makes one job."""
    return f"form-{uuid4()}"


@dataclass
class Asked:
    """The form of a user, as text."""

    owner: User
    model: str
    action: str = next(iter(ACTIONS))
    include: list[str] = field(default_factory=lambda: ["mean"])
    repr_layers: str = "-1"
    rows: str = "all"
    dtype: str = dtypes.DEFAULT
    precision: str = AUTO
    on_invalid: str = "reject"
    name: str = ""
    project: str = ""
    task: str = ""
    """The task of the home page that the form was opened for, if any."""
    sequences: str = ""
    layout: str = ""
    sheet: str = ""
    context_text: str = ""
    context_layout: str = ""
    context_set: str = ""
    parent: str = ""
    parent_file: Any = None
    method: str = "masked_marginal"
    offset: str = "0"
    skip: str = ""
    labels: str = ""
    numbering_file: NumberingUpload | None = None
    positions: str = ""
    all_singles: bool = False
    keep_contexts: bool = True
    earlier: Job | None = None
    notes: tuple[Problem, ...] = ()
    """What is to be said about the numbering in a file."""
    key: str = field(default_factory=new_key)

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of a submission, as the REST interface takes them.

        Raises InvalidInput if a number is not one, or if there are two parents.
        """
        params = {name: PARAMS[name][0](getattr(self, name)) for name in self.param_names}
        if self.precision != AUTO:
            params[PRECISION] = self.precision
        if self.is_numbered:
            params |= numbering_of_texts(self.offset, self.skip, self.labels)
        if self._takes("positions"):
            params["positions"] = positions_of_text(self.positions, self.numbering)
        if self.context_set == EARLIER and self.earlier is not None:
            runs = context_runs(self.owner, self.earlier.params.get("contexts", ()))
            params["contexts"] = [run.asked for run in runs]
        elif self.context_set:
            params["contexts"] = [{"set": self.context_set}]
        chosen = {name: getattr(self, name) for name in SAID}
        return chosen | {"params": params}

    @property
    def wants_singles(self) -> bool:
        """Whether the library is all single variants of the parent."""
        return self.all_singles and self.takes_variants

    @property
    def takes_variants(self) -> bool:
        """Whether the chosen action takes variants of a parent."""
        return self.action in ACTIONS and ACTIONS[self.action].takes_variants

    @property
    def is_numbered(self) -> bool:
        """Whether the chosen action takes a numbering."""
        return self._takes("numbering")

    @property
    def numbering(self) -> Numbering:
        """The numbering in the text fields. Raises InvalidInput."""
        params = numbering_of_texts(self.offset, self.skip, self.labels)
        return numbering_of(params)

    def number_by(self, numbering: Numbering) -> None:
        """Fill in the text fields of a numbering."""
        self.offset, self.skip, self.labels = texts_of(numbering)

    def _takes(self, name: str) -> bool:
        return self.action in ACTIONS and name in ACTIONS[self.action].param_names

    @property
    def param_names(self) -> list[str]:
        """The parameters of the chosen action that are one field; none if there is no such action."""
        return [name for name in ACTIONS[self.action].param_names if name in PARAMS] if self.action in ACTIONS else []

    @property
    def library(self) -> str:
        """The library that was pasted, or is made of the parent. Raises InvalidInput."""
        if self.wants_singles:
            return all_singles(parent_of_text(self.parent), self.numbering)
        return self.sequences

    def fill(self, params: Mapping[str, Any]) -> None:
        """Fill in the parameters of an earlier job."""
        for name in self.param_names:
            if name in params:
                setattr(self, name, PARAMS[name][1](params[name]))
        self.precision = params.get(PRECISION, AUTO)
        if self.is_numbered:
            self.number_by(numbering_of(params))
        if self._takes("positions"):
            self.positions = ranges_text(params.get("positions") or (), numbering_of(params))


def _layers_of_text(text: str) -> list[int]:
    layers = []
    for word in text.replace(",", " ").split():
        if (layer := whole(word, -BIGINT)) is None:
            remedy = "Give whole numbers with commas between them, such as -1, 3."
            raise InvalidInput.one("bad_layers", f"the layers are {text[:60]!r}", remedy, path="params.repr_layers")
        layers.append(layer)
    return layers


PARAMS: Mapping[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "include": (list, list),
    "repr_layers": (_layers_of_text, lambda layers: ", ".join(map(str, layers))),
    "rows": (str, str),
    DTYPE: (str, str),
    "parent": (parent_of_text, str),
    "method": (str, str),
}
"""Parameters that are one field of the form: how to read each from its text, and how to write it."""


def first(request: HttpRequest, owner: User) -> Asked:
    """Return the form as a browser gets it. Raises Http404 if the address names a job that the user may not see."""
    asked = Asked(owner, model=cast(str, settings.E1_MODELS[0]), context_set=request.GET.get("context_set", ""))
    asked.project = request.GET.get("project", "")
    task = TASKS.get(request.GET.get("task", ""))
    if task is not None and task.action:
        asked.task = task.key
    action = request.GET.get("example") or request.GET.get("action") or (task.action if task else "")
    if action in ACTIONS:
        asked.action = action
        if "example" in request.GET:
            asked.sequences, asked.name = ACTIONS[action].example, f"Example of {action}"
            asked.parent = str(ACTIONS[action].example_params.get("parent", ""))
    if "alignment" in request.GET and "ranked" not in request.GET:  # There it is the profile's beside the scores.
        _from_alignment(asked, request.GET["alignment"], owner)
    if "from" in request.GET:
        asked.earlier = _earlier(request.GET["from"], owner)
        _like(asked, asked.earlier)
    if "basket" in request.GET:
        _from_basket(asked, request, owner)
    if "filled" in request.GET:
        _filled_in(asked, request, owner)
    if "ranked" in request.GET:
        job, asked.sequences, asked.parent = ranked_sequences(request.GET, owner)
        asked.model, asked.name = job.model, f"Best of {short_name(job)}"[:MAX_JOB_NAME]
        asked.number_by(numbering_of(job.params))
    return asked


def _from_alignment(asked: Asked, text: str, owner: User) -> None:
    """Fill in the parent of an alignment (`?alignment=ID`). Raises Http404."""
    try:
        found = alignment_of(owner, UUID(text))
    except (ValueError, NotFound):
        raise Http404(f"there is no alignment {text[:100]!r}") from None
    if asked.takes_variants:
        asked.parent = found.parent
    else:
        asked.sequences = f">{found.stem}\n{found.parent}\n"


def _from_basket(asked: Asked, request: HttpRequest, owner: User) -> None:
    """Fill in the variants of a basket (`?basket=JOB&item=0&action=score&most=2`). Raises Http404, InvalidInput."""
    job = job_named(request.GET["basket"], owner)
    selectors.require_rows(job)
    basket = scanned(request.session, job, whole(request.GET.get("item")) or 0)
    variants = variants_of(basket, most_of(request.GET))
    asked.model = job.model
    asked.name = f"{short_name(job)}: {len(variants):,} picked"[:MAX_JOB_NAME]
    if asked.takes_variants:
        asked.parent, asked.method = basket.item.sequence, str(job.params.get("method", asked.method))
        asked.number_by(basket.numbering)
        asked.sequences = "variant\n" + "".join(f"{variant.code(basket.numbering)}\n" for variant in variants)
    else:
        asked.sequences = "".join(basket_fasta(basket, variants))
    runs = context_runs(owner, job.params.get("contexts", ()))
    if len(runs) == 1 and runs[0].known and runs[0].name:
        asked.context_set = runs[0].name


def _filled_in(asked: Asked, request: HttpRequest, owner: User) -> None:
    """Fill in the most probable sequences of a prediction (`?filled=JOB&item=0`). Raises Http404."""
    job = job_named(request.GET["filled"], owner)
    selectors.require_rows(job)
    item = selectors.item_of(job, whole(request.GET.get("item")) or 0)
    result = result_of(job, item) if item is not None else None
    if item is None or result is None or "mask_positions" not in result:
        raise Http404("that job has no prediction of masked positions there")
    found = islice(filled_in(item.sequence, result), FILLED)
    name = item.name or "filled"
    asked.model, asked.name = job.model, f"{name} filled in"[:MAX_JOB_NAME]
    asked.sequences = "".join(f">{name}_{rank}\n{one.sequence}\n" for rank, one in enumerate(found, start=1))


def _earlier(text: str, owner: User) -> Job:
    """Return the job whose library is used again. Raises Http404 without such a job, Gone if its library expired."""
    job = job_named(text, owner)
    selectors.require_rows(job)
    return job


def _like(asked: Asked, job: Job) -> None:
    """Fill in what the earlier job asked for."""
    asked.model, asked.action, asked.on_invalid = job.model, job.action, job.on_invalid
    chosen = subject_of(job.action, job.name) == job.name
    asked.name = f"{job.name} again"[:MAX_JOB_NAME] if job.name and chosen else ""
    asked.fill(job.params)
    runs = context_runs(asked.owner, job.params.get("contexts", ()))
    if runs and all(run.known for run in runs):
        asked.context_set = runs[0].name if len(runs) == 1 and runs[0].name else EARLIER


def posted(request: HttpRequest, owner: User) -> Asked:
    """Return the form as it was sent. Raises Http404 for another person's job."""
    data = request.POST
    names = ("model", "action", "repr_layers", "rows", "on_invalid", "sequences", "context_text", "context_set")
    more = ("project", "task", "parent", "method", "positions", "layout", "sheet", "context_layout")
    texts: dict[str, Any] = {name: data.get(name, "") for name in (*names, *more)}
    return Asked(
        owner,
        **texts,
        include=data.getlist("include"),
        dtype=data.get("dtype", dtypes.DEFAULT),
        precision=data.get("precision", AUTO),
        name=data.get("name", "").strip(),
        parent_file=request.FILES.get("parent_file"),
        offset=data.get("offset", ""),
        skip=data.get("skip", ""),
        labels=data.get("labels", ""),
        numbering_file=numbering_upload(data, request.FILES),
        all_singles="all_singles" in data,
        keep_contexts="keep_contexts" in data or "from" not in data,
        earlier=_earlier(data["from"], owner) if data.get("from") else None,
        key=data.get("key", "")[:255] or new_key(),
    )
