"""Copyable commands that do what a job did: each works as pasted, once the token is set."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobs.models import Job
from jobs.states import JobState

CONTEXT_FILE = "homologs.fasta"


@dataclass(frozen=True, slots=True)
class Command:
    """`key` names it in the page, `title` says in which language, `text` is what to paste."""

    key: str
    title: str
    text: str


def commands_of(job: Job, *, base: str, context: bool) -> list[Command]:
    """The same request by `e1`, Python and curl, for a library in a file, and the download of this job's results, as
    long as it has them.

    `context` says that the items have context sequences: without the same ones the numbers would be others.
    """
    return [
        Command("e1", "e1 command", _e1(job, base, context)),
        Command("python", "Python", _python(job, base, context)),
        Command("curl", "curl", _curl(job, base, context)),
    ]


def _token(base: str) -> str:
    return f"export E1_URL={shlex.quote(base)}\nexport E1_TOKEN=...   # from the page of API tokens"


def _e1(job: Job, base: str, context: bool) -> str:
    words = ["e1", "submit", "library.fasta", "--action", job.action, "--model", job.model]
    for name, value in job.params.items():
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
            f"{' '.join(shlex.quote(word) for word in words)} --wait --out other-results.npz",
        ]
    )


def _results(job: Job, *lines: str) -> tuple[str, ...]:
    """The lines that fetch the results; none where they have expired."""
    return () if job.state == JobState.EXPIRED else lines


def _param(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _python(job: Job, base: str, context: bool) -> str:
    arguments = [f"model={job.model!r}", f"action={job.action!r}", f"params={_literal(job.params)}"]
    if job.on_invalid != "reject":
        arguments.append(f"on_invalid={job.on_invalid!r}")
    if context:
        arguments.append(f"context={CONTEXT_FILE!r}")
    return "\n".join(
        [
            "from client import Client",
            "",
            f"with Client({base!r}, token=...) as client:  # a token from the page of API tokens",
            *_results(job, "    # the results of this job", f"    client.download({str(job.pk)!r}, 'results.npz')"),
            "    # the same again for another library",
            f"    job = client.submit('library.fasta', {', '.join(arguments)})",
            "    client.wait(job)",
            "    client.download(job, 'other-results.npz')",
        ]
    )


def _literal(params: Mapping[str, Any]) -> str:
    return repr(dict(params))


def _curl(job: Job, base: str, context: bool) -> str:
    fields = {"model": job.model, "action": job.action, "params": json.dumps(job.params), "on_invalid": job.on_invalid}
    results = f'"$E1_URL/api/jobs/{job.pk}/results/?format=npz"'
    files = "-F file=@library.fasta" + (f" -F context=@{CONTEXT_FILE}" if context else "")
    form = " ".join(f"-F {shlex.quote(f'{name}={value}')}" for name, value in fields.items())
    return "\n".join(
        [
            _token(base),
            *_results(
                job,
                "# the results of this job",
                f'curl -f -H "Authorization: Token $E1_TOKEN" -o results.npz \\\n  {results}',
            ),
            "# the same again for another library",
            f'curl -H "Authorization: Token $E1_TOKEN" {files} \\\n  {form} \\\n  "$E1_URL/api/jobs/"',
        ]
    )
