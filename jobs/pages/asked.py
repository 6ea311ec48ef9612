"""What stands in the form for a new job, before anything is checked: empty, an example, an earlier job, or sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, cast
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest

from jobs.actions import ACTIONS, dtypes
from jobs.actions.base import DTYPE
from jobs.contexts.selectors import context_runs
from jobs.errors import InvalidInput, NotFound
from jobs.library import selectors
from jobs.limits import MAX_JOB_NAME
from jobs.models import Job
from jobs.pages.asked_facts import ranges_text
from jobs.pages.asked_variants import all_singles, offset_of_text, parent_of_text, positions_of_text, ranked_sequences

EARLIER = "="
"""Chosen as the context set: the contexts that all items of the earlier job shared. No set has such a name."""


def new_key() -> str:
    """An Idempotency-Key for one form: sending it twice makes one job."""
    return f"form-{uuid4()}"


@dataclass
class Asked:
    """The form, as text."""

    model: str
    action: str = "encode"
    include: list[str] = field(default_factory=lambda: ["mean"])
    repr_layers: str = "-1"
    rows: str = "all"
    dtype: str = dtypes.DEFAULT
    on_invalid: str = "reject"
    name: str = ""
    sequences: str = ""
    context_text: str = ""
    context_set: str = ""
    parent: str = ""
    parent_file: Any = None
    method: str = "masked_marginal"
    offset: str = "0"
    positions: str = ""
    all_singles: bool = False
    keep_contexts: bool = True
    earlier: Job | None = None
    key: str = field(default_factory=new_key)

    @property
    def fields(self) -> dict[str, Any]:
        """As the REST interface takes them. Raises InvalidInput where numbers are none, or there are two parents."""
        names = ACTIONS[self.action].param_names if self.action in ACTIONS else ()
        params = {name: PARAMS[name](self) for name in names if name in PARAMS}
        if self.context_set == EARLIER and self.earlier is not None:
            runs = context_runs(self.earlier.owner, self.earlier.params.get("contexts", ()))
            params["contexts"] = [run.asked for run in runs]
        elif self.context_set:
            params["contexts"] = [{"set": self.context_set}]
        chosen = {"model": self.model, "action": self.action, "params": params, "on_invalid": self.on_invalid}
        return chosen | {"name": self.name}

    @property
    def wants_singles(self) -> bool:
        """Whether the library is all single variants of the parent."""
        return self.takes_variants and self.all_singles

    @property
    def takes_variants(self) -> bool:
        """Whether the chosen action takes variants of a parent."""
        return self.action in ACTIONS and ACTIONS[self.action].takes_variants

    @property
    def library(self) -> str:
        """The library that was pasted, or is made of the parent. Raises InvalidInput."""
        if self.wants_singles:
            return all_singles(parent_of_text(self.parent), offset_of_text(self.offset))
        return self.sequences


def _layers(text: str) -> list[int]:
    words = text.replace(",", " ").replace("\N{MINUS SIGN}", "-").split()
    try:
        return [int(word) for word in words]
    except ValueError:
        raise InvalidInput.one(
            "bad_layers",
            f"the layers are {text[:60]!r}",
            "Give whole numbers with commas between them, such as -1, 3.",
            path="params.repr_layers",
        ) from None


PARAMS: Mapping[str, Callable[[Asked], Any]] = MappingProxyType(
    {
        "include": lambda asked: asked.include,
        "repr_layers": lambda asked: _layers(asked.repr_layers),
        "rows": lambda asked: asked.rows,
        DTYPE: lambda asked: asked.dtype,
        "parent": lambda asked: parent_of_text(asked.parent),
        "method": lambda asked: asked.method,
        "offset": lambda asked: offset_of_text(asked.offset),
        "positions": lambda asked: positions_of_text(asked.positions),
    }
)
"""The parameters that the form has fields for, as the REST interface takes them."""


def first(request: HttpRequest, owner: User) -> Asked:
    """The form as a browser gets it. Raises Http404 for `?from=` another person's job."""
    asked = Asked(model=cast(str, settings.E1_MODELS[0]), context_set=request.GET.get("context_set", ""))
    action = request.GET.get("example") or request.GET.get("action", "")
    if action in ACTIONS:
        asked.action = action
        if "example" in request.GET:
            asked.sequences, asked.name = ACTIONS[action].example, f"Example of {action}"
            asked.parent = str(ACTIONS[action].example_params.get("parent", ""))
    if "from" in request.GET:
        asked.earlier = _earlier(request.GET["from"], owner)
        _like(asked, asked.earlier)
    if "ranked" in request.GET:
        job, asked.sequences, asked.parent = ranked_sequences(request.GET, owner)
        asked.model, asked.name = job.model, f"Best of {job.name or job.pk.hex[:8]}"[:MAX_JOB_NAME]
        asked.offset = str(job.params.get("offset", 0))
    return asked


def _earlier(text: str, owner: User) -> Job:
    """The job whose library is used again; 404 where it is not there or somebody else's. Raises Gone where its library
    has expired.
    """
    try:
        job = selectors.job_of(owner, UUID(text))
    except (ValueError, NotFound) as error:
        raise Http404("there is no such job") from error
    selectors.require_rows(job)
    return job


def _like(asked: Asked, job: Job) -> None:
    """Fill in what the earlier job asked for."""
    asked.model, asked.action, asked.on_invalid = job.model, job.action, job.on_invalid
    asked.name = f"{job.name} again"[:MAX_JOB_NAME] if job.name else ""
    asked.include = list(job.params.get("include", asked.include))
    asked.rows = job.params.get("rows", asked.rows)
    asked.dtype = job.params.get(DTYPE, asked.dtype)
    asked.parent = str(job.params.get("parent", ""))
    asked.method = str(job.params.get("method", asked.method))
    asked.offset = str(job.params.get("offset", 0))
    asked.positions = ranges_text(job.params.get("positions") or ())
    runs = context_runs(job.owner, job.params.get("contexts", ()))
    if runs and all(run.known for run in runs):
        asked.context_set = runs[0].name if len(runs) == 1 and runs[0].name else EARLIER
    if layers := job.params.get("repr_layers"):
        asked.repr_layers = ", ".join(str(layer) for layer in layers)


def posted(request: HttpRequest, owner: User) -> Asked:
    """The form as it was sent. Raises Http404 for another person's job."""
    data = request.POST
    parent_file = request.FILES.get("parent_file")
    return Asked(
        model=data.get("model", ""),
        action=data.get("action", ""),
        include=data.getlist("include"),
        repr_layers=data.get("repr_layers", ""),
        rows=data.get("rows", ""),
        dtype=data.get("dtype", dtypes.DEFAULT),  # a form from before an upgrade has none
        on_invalid=data.get("on_invalid", ""),
        name=data.get("name", "").strip(),
        sequences=data.get("sequences", ""),
        context_text=data.get("context_text", ""),
        context_set=data.get("context_set", ""),
        parent=data.get("parent", ""),
        parent_file=parent_file,
        method=data.get("method", ""),
        offset=data.get("offset", "0"),
        positions=data.get("positions", ""),
        all_singles="all_singles" in data,
        keep_contexts="keep_contexts" in data or "from" not in data,
        earlier=_earlier(data["from"], owner) if data.get("from") else None,
        key=data.get("key", "")[:255] or new_key(),
    )
