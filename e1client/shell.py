"""What all commands share: options, the choice between text and JSON, and errors that become exit codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated

import typer

from e1client.errors import ClientError
from e1client.progress import say
from e1client.render import error_lines

JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="The job's id, or its URL.")]
JsonFlag = Annotated[
    bool,
    typer.Option("--json", help="JSON lines on standard output, also on a terminal; errors as JSON too."),
]
ParamOption = Annotated[
    list[str] | None,
    typer.Option(
        "--param",
        metavar="NAME=VALUE",
        help="A parameter of the action: include=mean,per_token; repr_layers=[-1].",
    ),
]


class Dtype(StrEnum):
    """How the arrays of a job are stored."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"


DtypeOption = Annotated[
    Dtype | None,
    typer.Option(
        help="How embeddings and logits are stored: float16 takes half as much and has three digits. [float32]",
        show_choices=True,
    ),
]


class OnInvalid(StrEnum):
    """What bad records do to a job."""

    REJECT = "reject"
    SKIP = "skip"


def wants_json(*, as_json: bool) -> bool:
    """Whether standard output carries JSON: where asked for, and where no person reads it."""
    return as_json or not sys.stdout.isatty()


@contextmanager
def exits(*, as_json: bool) -> Iterator[None]:
    """Print a ClientError on standard error, as JSON with `--json`, and end with its exit code."""
    try:
        yield
    except ClientError as error:
        if as_json:
            say(json.dumps(error.as_dict() | {"exit_code": int(error.exit_code)}))
        else:
            for line in error_lines(error):
                say(line)
        raise typer.Exit(int(error.exit_code)) from error
