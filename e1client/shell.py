"""What all commands share: options, output as text or JSON, and errors that become exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import typer

from e1client.errors import ClientError, UsageError
from e1client.progress import print_json, say, wants_json
from e1client.render import error_lines
from e1protocol.parameters import PARAMETER_TEXTS

JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="The job's id, or its URL.")]
JsonFlag = Annotated[
    bool,
    typer.Option("--json", help="JSON lines on standard output, also on a terminal; errors as JSON too."),
]
WaitFlag = Annotated[bool, typer.Option("--wait", help="Wait until the job ends.")]
WaitTimeout = Annotated[
    float | None, typer.Option("--wait-timeout", min=0, metavar="SECONDS", help="Give up waiting (exit 6).")
]
ParamOption = Annotated[
    list[str] | None,
    typer.Option(
        "--param",
        metavar="NAME=VALUE",
        help="A parameter of the action: include=mean,per_token; repr_layers=[-1].",
    ),
]


def parameters_help() -> str:
    """Return a paragraph for each parameter of the actions, for the end of a command's help."""
    actions: dict[tuple[str, str], list[str]] = {}
    for action, texts in PARAMETER_TEXTS.items():
        for name, text in texts.items():
            actions.setdefault((name, text), []).append(action)
    lines = (f"{name} ({', '.join(users)}): {text}" for (name, text), users in actions.items())
    return "\n\n".join(["Parameters, each as --param NAME=VALUE:", *lines])


Dtype = Literal["float32", "float16"]
"""How the arrays of a job are stored."""
DtypeOption = Annotated[
    Dtype | None,
    typer.Option(
        help="How arrays are stored: float16 takes half as much and has three digits; float32 by default.",
        show_choices=True,
    ),
]
TableOption = Annotated[
    str | None,
    typer.Option(help="Of csv and xlsx: one of several tables, such as mean, per_token or logits."),
]
NumberingOption = Annotated[
    Path | None,
    typer.Option(
        help="For score and scan: a structure, a table or a list with the number of each residue. Skipped numbers "
        'are a parameter: numbering={"start": 3, "skip": [239, 253]}.'
    ),
]
NumberingColumnOption = Annotated[str, typer.Option(help="The column of numbers in the table of --numbering.")]
NumberingChainOption = Annotated[str, typer.Option(help="The chain of the structure of --numbering.")]
OnInvalid = Literal["reject", "skip"]
"""The effect of bad records on a job."""
Layout = Literal["join", "lines"]
"""What bare lines of a file are: one sequence, or a sequence on each."""
LayoutOption = Annotated[
    Layout | None,
    typer.Option(help="Bare lines: join them into one sequence, or read a sequence from each of the lines."),
]
SheetOption = Annotated[str, typer.Option(help="The sheet of a workbook; the first one by default.")]
Precision = Literal["auto", "float32", "bfloat16"]
PrecisionOption = Annotated[
    Precision | None,
    typer.Option(help="Type to compute in; auto measures what is fast and accurate enough.", envvar="E1_PRECISION"),
]
OnInvalidOption = Annotated[OnInvalid | None, typer.Option(help="Whether bad records stop the job; reject by default.")]


@contextmanager
def exits(*, as_json: bool) -> Iterator[None]:
    """Print a ClientError on standard error, as JSON if `as_json`, and end with its exit code."""
    try:
        yield
    except BrokenPipeError:  # of standard output; `e1client.commands` ends the command
        raise
    except OSError as error:
        # Of a file here: those of connections are ClientErrors already.
        what = f"{error.filename or 'a file'}: {error.strerror or error}; check the path, its rights and the disk"
        _end(UsageError(what, code="file_unusable"), as_json=as_json)
    except ClientError as error:
        _end(error, as_json=as_json)


def _end(error: ClientError, *, as_json: bool) -> NoReturn:
    """Print an error, and end the command with its exit code."""
    raise typer.Exit(tell_error(error, as_json=as_json)) from error


def tell_error(error: ClientError, *, as_json: bool) -> int:
    """Print an error on standard error, and return its exit code."""
    if as_json:
        say(json.dumps(error.as_dict() | {"exit_code": int(error.exit_code)}))
    else:
        for line in error_lines(error):
            say(line)
    return int(error.exit_code)


def show(value: Any, lines: Callable[[Any], Iterator[str]], *, as_json: bool) -> None:
    """Print `lines(value)` for people, or the value as JSON; a list has a line of JSON for each member."""
    if wants_json(as_json=as_json):
        for one in value if isinstance(value, list) else [value]:
            print_json(one)
    else:
        for line in lines(value):
            print(line)


def tell_file(path: Path, *, as_json: bool) -> None:
    """Name the written file on standard output, or on standard error beside JSON lines."""
    (say if wants_json(as_json=as_json) else print)(f"wrote {path}")
