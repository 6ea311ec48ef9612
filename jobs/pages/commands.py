"""Commands to copy that do what a job did. Each works as pasted, once the token is set."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.contexts.selectors import ContextRun
from jobs.models import Job
from jobs.models.states import JobState

CONTEXT_FILE = "homologs.fasta"
_AGAIN = "# the same again for another library"
_GONE = "# its contexts are not stored any more: submit it with contexts of your own"
_RESULTS = "# the results of this job"


@dataclass(frozen=True, slots=True)
class Command:
    """`key` identifies it on the page, `title` is its language, `text` is what to paste."""

    key: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class _Asked:
    """A job to write commands for. `params` is None if contexts that it names are not stored any more."""

    job: Job
    base: str
    context: bool
    params: Mapping[str, Any] | None

    @property
    def setup(self) -> str:
        return f"export E1_URL={shlex.quote(self.base)}\nexport E1_TOKEN=...   # from the page of API tokens"

    def results(self, *lines: str, indent: str = "") -> list[str]:
        """Return the lines that download the results, none if they have expired."""
        return [] if self.job.state == JobState.EXPIRED else [indent + _RESULTS, *lines]


def commands_of(job: Job, *, base: str, context: bool, runs: Sequence[ContextRun] = ()) -> list[Command]:
    """Return the request of this job for a library in a file, and the download of its results, in three languages.

    `context` tells whether items have context sequences: without the same ones the numbers would differ. `runs` are the
    contexts that all items are computed under; a request names them by set or digest. If some are not stored any more,
    the commands say so.
    """
    params = {name: value for name, value in job.params.items() if value is not None}
    if runs:
        params["contexts"] = [run.asked for run in runs]
    asked = _Asked(job, base, context, params if all(run.known for run in runs) else None)
    written = (("e1", "e1 command", _e1), ("python", "Python", _python), ("curl", "curl", _curl))
    return [Command(key, title, "\n".join(write(asked))) for key, title, write in written]


def _e1(asked: _Asked) -> list[str]:
    job = asked.job
    words = ["e1", "submit", "library.fasta", "--action", job.action, "--model", job.model]
    for name, value in (asked.params or {}).items():
        words += ["--param", f"{name}={value if isinstance(value, str) else json.dumps(value, separators=(',', ':'))}"]
    words += ["--on-invalid", job.on_invalid] if job.on_invalid != "reject" else []
    words += ["--context", CONTEXT_FILE] if asked.context else []
    return [
        asked.setup,
        *asked.results(f"e1 download {job.pk} --out results.npz"),
        _AGAIN,
        _GONE if asked.params is None else f"{' '.join(map(shlex.quote, words))} --wait --out other-results.npz",
    ]


def _python(asked: _Asked) -> list[str]:
    job = asked.job
    arguments = [f"model={job.model!r}", f"action={job.action!r}", f"params={dict(asked.params or {})!r}"]
    arguments += [f"on_invalid={job.on_invalid!r}"] if job.on_invalid != "reject" else []
    arguments += [f"context={CONTEXT_FILE!r}"] if asked.context else []
    again = [
        f"    job = client.submit('library.fasta', {', '.join(arguments)})",
        "    client.wait(job)",
        "    client.download(job, 'other-results.npz')",
    ]
    return [
        "from e1client import Client",
        "",
        f"with Client({asked.base!r}, token=...) as client:  # a token from the page of API tokens",
        *asked.results(f"    client.download({str(job.pk)!r}, 'results.npz')", indent="    "),
        f"    {_AGAIN}",
        *([f"    {_GONE}", "    pass"] if asked.params is None else again),
    ]


def _curl(asked: _Asked) -> list[str]:
    job = asked.job
    chosen = {"model": job.model, "action": job.action, "params": json.dumps(asked.params)}
    chosen["on_invalid"] = job.on_invalid
    header = '-H "Authorization: Token $E1_TOKEN"'
    results = f'"$E1_URL/api/jobs/{job.pk}/results/?format=npz"'
    files = "-F file=@library.fasta" + (f" -F context=@{CONTEXT_FILE}" if asked.context else "")
    form = " ".join(f"-F {shlex.quote(f'{name}={value}')}" for name, value in chosen.items())
    return [
        asked.setup,
        *asked.results(f"curl -f {header} -o results.npz \\\n  {results}"),
        _AGAIN,
        _GONE if asked.params is None else f'curl {header} {files} \\\n  {form} \\\n  "$E1_URL/api/jobs/"',
    ]
