"""`e1 run` and `e1 verify`: a network in this process, without a server."""

from __future__ import annotations

import atexit
import gc
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from e1client.downloads import check_out, place_for
from e1client.errors import ClientError, Exit, Refused, UsageError
from e1client.numbering import NumberingFile, chosen
from e1client.params import parse_params, with_dtype
from e1client.progress import reporting, say
from e1client.requests import NEEDED, is_request
from e1client.shell import (
    DtypeOption,
    JsonFlag,
    LayoutOption,
    NumberingChainOption,
    NumberingColumnOption,
    NumberingOption,
    OnInvalidOption,
    ParamOption,
    PrecisionOption,
    SheetOption,
    TableOption,
    exits,
    parameters_help,
    show,
)
from e1client.uploads import open_upload, regular_file
from e1protocol.cores import thread_settings
from e1protocol.extras import install_command
from jobs.attribution import banner_lines
from jobs.errors import Problem, ServiceError
from jobs.science.variants.numbering_files import FileNumbering, numbering_of_file
from worker.model.errors import ModelError

app = typer.Typer()
ML = frozenset({"torch", "safetensors", "huggingface_hub"})
"""Packages of the extra `ml`."""


class InvalidFile(Refused):
    """The file, the parameters or the model's name are wrong."""

    exit_code = Exit.INVALID_INPUT


class Unverified(ClientError):
    """The network could not be loaded, so nothing was computed."""

    exit_code = Exit.INVALID_INPUT


@app.command(epilog=parameters_help())
def run(  # noqa: PLR0917 - typer calls it; every parameter is an option of the command
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="As in `submit`, or .json: the body of POST /api/jobs/.")
    ],
    out: Annotated[Path, typer.Option(help="Result file; its suffix names the format.")],
    action: Annotated[
        str | None, typer.Option(help="encode, predict, log_prob, ... Optional with a .json FILE.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="A model, or a checkpoint folder. Optional with a .json FILE.")
    ] = None,
    context: Annotated[Path | None, typer.Option(help="FASTA of homologs, the context of every query.")] = None,
    param: ParamOption = None,
    dtype: DtypeOption = None,
    numbering: NumberingOption = None,
    numbering_column: NumberingColumnOption = "",
    numbering_chain: NumberingChainOption = "",
    name: Annotated[str, typer.Option(help="A name for the job, kept in the manifest.")] = "",
    on_invalid: OnInvalidOption = None,
    layout: LayoutOption = None,
    sheet: SheetOption = "",
    table: TableOption = None,
    precision: PrecisionOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Run a job in this process, without a server."""
    with exits(as_json=as_json), refusals():
        if not file.exists():
            raise UsageError(f"FILE {str(file)!r} does not exist", code="file_unreadable")
        if not is_request(file) and not (action and model):
            raise UsageError(NEEDED)
        check_out(out)
        params = with_dtype(parse_params(param), dtype)
        began = time.perf_counter()
        run_file = load("worker.run_file")
        imported = time.perf_counter() - began
        if model:
            banner([model])
        with reporting(as_json=as_json) as reporter, regular_file(file) as library, place_for(out) as place:
            code = run_file.run(
                library, action=action, model=model, out=place, context=context, params=params,
                on_invalid=on_invalid or "", name=name, report=reporter.count, warn=warning,
                started=partial(tell_start, imported),
                table=table or "", reading={"layout": layout or "", "sheet": sheet},
                numbering=numbering_of(chosen(numbering, numbering_column, numbering_chain)),
                precision=precision or "auto",
            )  # fmt: skip
        say(f"wrote {out}")
        raise typer.Exit(code)


def tell_start(imported: float, loaded: float, checked: float) -> None:
    """Print the seconds before the first item: programs, weights, and the check of the network."""
    parts = f"imports {imported:.1f} s, model {loaded:.1f} s, self-check {checked:.1f} s"
    say(f"e1: started in {imported + loaded + checked:.1f} s: {parts}")


@app.command()
def verify(
    model: Annotated[str, typer.Option(help="A model, or a checkpoint folder.")],
    precision: PrecisionOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Compare a network on this machine with its known answers, and with the plain implementation."""
    with exits(as_json=as_json), refusals():
        checks = load("worker.model.verify")
        banner([model])
        report = checks.verify_model(model, precision or "auto")
        show(report.as_dict(), lambda _: report.lines(), as_json=as_json)
        raise typer.Exit(Exit.DONE if report.passed else Exit.CHECK_FAILED)


@contextmanager
def refusals() -> Iterator[None]:
    """Turn refusals of the service and of the model into errors of the command."""
    try:
        yield
    except ServiceError as error:
        raise InvalidFile(error.as_dict()) from error
    except ModelError as error:
        raise Unverified(str(error), code=error.code) from error


def warning(problem: Problem) -> None:
    say(f"{problem.message}. {problem.remedy}")


def numbering_of(chosen: NumberingFile | None) -> Callable[[str], FileNumbering] | None:
    """Return the function from a sequence to its numbering in a file. Raises UsageError if it cannot be read."""
    if chosen is None:
        return None
    with open_upload(chosen.file, what="numbering") as (name, file):
        data = file.read()
    return partial(numbering_of_file, data, name=name, column=chosen.column, chain=chosen.chain)


def banner(models: list[str]) -> None:
    for line in banner_lines(models):
        say(line)


def load(module: str) -> Any:
    """Import a module that needs PyTorch. Raises UsageError `package_missing` with the remedy if that is missing."""
    for name, value in thread_settings().items():  # PyTorch reads them when it is imported
        os.environ.setdefault(name, value)
    # Otherwise Python looks through all objects of PyTorch several times before it ends.
    atexit.register(gc.freeze)
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        package = (error.name or module).partition(".")[0]
        if package not in ML:
            raise
        raise UsageError(
            f"this command needs the package {package}, which is not installed: {install_command('ml')}",
            code="package_missing",
        ) from error
