"""Commands that need no server: `up`, `run`, `verify`, `user add`. Each imports what it needs as it runs."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import typer

from e1client.downloads import check_folder, format_of
from e1client.errors import ClientError, Exit, InvalidFile, UsageError
from e1client.params import parse_params, with_dtype
from e1client.progress import print_json, reporting, say
from e1client.shell import DtypeOption, JsonFlag, OnInvalid, ParamOption, exits, wants_json

local_app = typer.Typer()
worker_app = typer.Typer(help="Workers of the local service.", no_args_is_help=True)
user_app = typer.Typer(help="People who may use the local service.", no_args_is_help=True)

database_app = typer.Typer(
    help="Libraries that homologs are searched in, on the server's machine.", no_args_is_help=True
)

DataOption = Annotated[Path, typer.Option("--data", metavar="DIR", help="Where the service keeps everything.")]
DEFAULT_DATA = Path(".local")
OURS = frozenset({"e1client", "e1site", "jobs", "worker"})
"""Packages that come with this one: a module missing from them is a fault of the program."""


@local_app.command()
def up(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8000,
    model: Annotated[list[str] | None, typer.Option(help="A model to serve; may be repeated. [e1-demo]")] = None,
    data: DataOption = DEFAULT_DATA,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes of each model.")] = 1,
) -> None:
    """Run the whole service in the foreground; Ctrl-C stops it."""
    with exits(as_json=False):
        models = model or ["e1-demo"]
        local = load("e1site.local")
        banner(models)
        raise typer.Exit(local.up(host=host, port=port, models=models, data=data, workers=workers))


@user_app.command("add")
def user_add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new person's name.")],
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Add a person to the local service; prints a password and a token, once."""
    with exits(as_json=False):
        raise typer.Exit(load("e1site.local").user_add(name, data=data, password_stdin=password_stdin))


@database_app.command("add")
def database_add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people choose it by, such as uniref50.")],
    file: Annotated[Path, typer.Argument(metavar="FASTA", help="Its sequences, gzip or not.")],
    skip_invalid: Annotated[
        bool, typer.Option("--skip-invalid", help="Leave bad records out instead of adding nothing.")
    ] = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Install a library of sequences for homolog searches."""
    arguments = ["add", name, str(file.resolve()), *(["--skip-invalid"] if skip_invalid else [])]
    _manage_databases(arguments, data)


@database_app.command("list")
def database_list(data: DataOption = DEFAULT_DATA) -> None:
    """List the installed libraries."""
    _manage_databases(["list"], data)


@database_app.command("remove")
def database_remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The library's name.")], data: DataOption = DEFAULT_DATA
) -> None:
    """Delete a library. Alignments that were found in it stay."""
    _manage_databases(["remove", name], data)


def _manage_databases(arguments: list[str], data: Path) -> None:
    with exits(as_json=False):
        raise typer.Exit(load("e1site.local").manage("e1_database", arguments, data=data))


@worker_app.command("drain")
def worker_drain(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As the page of models and health names it.")],
    undo: Annotated[bool, typer.Option("--undo", help="Take work again.")] = False,
    wait: Annotated[
        float | None, typer.Option(min=0, metavar="SECONDS", help="Wait until it holds nothing; exit 1 after that.")
    ] = None,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Have a worker finish what it has leased and take nothing more: it can then be stopped."""
    with exits(as_json=False):
        raise typer.Exit(load("e1site.local").worker_drain(name, data=data, undo=undo, wait=wait))


@local_app.command()
def run(  # noqa: PLR0917 - typer calls it; every parameter is an option of the command
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="FASTA, JSONL, CSV, or .json: the body of POST /api/jobs/.")
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
    name: Annotated[str, typer.Option(help="A name for the job, kept in the manifest.")] = "",
    on_invalid: Annotated[OnInvalid, typer.Option(help="Whether bad records stop the job.")] = OnInvalid.REJECT,
    as_json: JsonFlag = False,
) -> None:
    """Run a job in this process, without a server."""
    with exits(as_json=as_json):
        if not file.is_file():
            raise UsageError(f"FILE {str(file)!r} does not exist", code="file_unreadable")
        if file.suffix != ".json" and not (action and model):
            raise UsageError("--action and --model are needed, unless FILE is a .json file that names them")
        format_of(out)
        check_folder(out)
        params = with_dtype(parse_params(param or ()), dtype)
        runner = load("worker.run_file", extra="ml")
        if model:
            banner([model])
        with reporting(as_json=wants_json(as_json=as_json)) as reporter, refusals():
            code = runner.run(
                file, action=action, model=model, out=out, context=context, params=params,
                on_invalid=on_invalid.value, name=name, report=reporter.count,
            )  # fmt: skip
        say(f"wrote {out}")
        raise typer.Exit(code)


@contextmanager
def refusals() -> Iterator[None]:
    """What the service's own code refuses, in the form of what a server would have answered."""
    service, model = load("jobs.errors"), load("worker.model.errors")
    try:
        yield
    except service.ServiceError as error:
        raise InvalidFile(error.as_dict()) from error
    except model.ModelError as error:
        raise Unverified(str(error), code=error.code) from error


@local_app.command()
def verify(
    model: Annotated[str, typer.Option(help="A model, or a checkpoint folder.")],
    as_json: JsonFlag = False,
) -> None:
    """Compare a network on this machine with its known answers, and with the plain implementation."""
    with exits(as_json=as_json):
        checks = load("worker.model.verify", extra="ml")
        errors = load("worker.model.errors")
        banner([model])
        try:
            report = checks.verify_model(model)
        except errors.ModelError as error:
            raise Unverified(str(error), code=error.code) from error
        if wants_json(as_json=as_json):
            print_json(report.as_dict())
        else:
            for line in report.lines():
                print(line)
        raise typer.Exit(Exit.DONE if report.passed else Exit.CHECK_FAILED)


class Unverified(ClientError):
    """The network could not be loaded, so nothing was computed."""

    exit_code = Exit.INVALID_INPUT


def banner(models: list[str]) -> None:
    for line in load("e1client.banner").banner_lines(models):
        say(line)


def load(module: str, *, extra: str = "") -> Any:
    """Import `module`. Raises UsageError that says what to install where one of its packages is missing."""
    try:
        loaded: ModuleType = importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = (error.name or module).partition(".")[0]
        if package in OURS:
            raise
        wanted = f"'.[{extra}]'" if extra else "."
        raise UsageError(
            f"this command needs the package {package}, which is not installed; run, in a checkout of e1-service: "
            f"pip install {wanted}",
            code="package_missing",
        ) from error
    return loaded
