"""Copyable commands that do what a job did: each works as pasted, once the token is set."""

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


@dataclass(frozen=True, slots=True)
class Command:
    """`key` names it in the page, `title` says in which language, `text` is what to paste."""

    key: str
    title: str
    text: str


def commands_of(job: Job, *, base: str, context: bool, runs: Sequence[ContextRun] = ()) -> list[Command]:
    """The same request by `e1`, Python and curl, for a library in a file, and the download of this job's results, as
    long as it has them.

    `context` says that the items have context sequences: without the same ones the numbers would be others. `runs` are
    the contexts that all items are computed under, which a request names by set or digest; where some are gone, nothing
    asks for them again, and the commands say so.
    """
    params = {name: value for name, value in job.params.items() if value is not None}
    if runs:
        params["contexts"] = [run.asked for run in runs]
    whole = all(run.known for run in runs)
    return [
        Command("e1", "e1 command", _e1(job, base, context, params if whole else None)),
        Command("python", "Python", _python(job, base, context, params if whole else None)),
        Command("curl", "curl", _curl(job, base, context, params if whole else None)),
    ]


_GONE = "# its contexts are not stored any more: submit it with contexts of your own"


def _token(base: str) -> str:
    return f"export E1_URL={shlex.quote(base)}\nexport E1_TOKEN=...   # from the page of API tokens"


def _e1(job: Job, base: str, context: bool, params: Mapping[str, Any] | None) -> str:
    words = ["e1", "submit", "library.fasta", "--action", job.action, "--model", job.model]
    for name, value in (params or {}).items():
        words += ["--param", f"{name}={_param(value)}"]
    if job.on_invalid != "reject":
        words += ["--on-invalid", job.on_invalid]
    if context:
        words += ["--context", CONTEXT_FILE]
    return "\n".join(
        [
            _token(base),
            *_results(job, "# the results of this job", f"e1 download {job.pk} --out results.npz"),
            "# the same again for another library",
            _GONE if params is None else f"{' '.join(map(shlex.quote, words))} --wait --out other-results.npz",
        ]
    )


def _results(job: Job, *lines: str) -> tuple[str, ...]:
    """The lines that fetch the results; none where they have expired."""
    return () if job.state == JobState.EXPIRED else lines


def _param(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _python(job: Job, base: str, context: bool, params: Mapping[str, Any] | None) -> str:
    arguments = [f"model={job.model!r}", f"action={job.action!r}", f"params={dict(params or {})!r}"]
    if job.on_invalid != "reject":
        arguments.append(f"on_invalid={job.on_invalid!r}")
    if context:
        arguments.append(f"context={CONTEXT_FILE!r}")
    again = [
        f"    job = client.submit('library.fasta', {', '.join(arguments)})",
        "    client.wait(job)",
        "    client.download(job, 'other-results.npz')",
    ]
    return "\n".join(
        [
            "from e1client import Client",
            "",
            f"with Client({base!r}, token=...) as client:  # a token from the page of API tokens",
            *_results(job, "    # the results of this job", f"    client.download({str(job.pk)!r}, 'results.npz')"),
            "    # the same again for another library",
            *([f"    {_GONE}", "    pass"] if params is None else again),
        ]
    )


def _curl(job: Job, base: str, context: bool, params: Mapping[str, Any] | None) -> str:
    fields = {"model": job.model, "action": job.action, "params": json.dumps(params), "on_invalid": job.on_invalid}
    header = '-H "Authorization: Token $E1_TOKEN"'
    results = f'"$E1_URL/api/jobs/{job.pk}/results/?format=npz"'
    files = "-F file=@library.fasta" + (f" -F context=@{CONTEXT_FILE}" if context else "")
    form = " ".join(f"-F {shlex.quote(f'{name}={value}')}" for name, value in fields.items())
    return "\n".join(
        [
            _token(base),
            *_results(job, "# the results of this job", f"curl -f {header} -o results.npz \\\n  {results}"),
            "# the same again for another library",
            _GONE if params is None else f'curl {header} {files} \\\n  {form} \\\n  "$E1_URL/api/jobs/"',
        ]
    )
