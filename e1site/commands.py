"""`e1 up` and the commands for a service on this machine: `user`, `worker`, `database`."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from e1client.progress import say
from e1client.settings import DATA_FOLDER, DATA_VARIABLE, DEFAULT_HOST, DEFAULT_PORT
from e1client.shell import JsonFlag, PrecisionOption, show
from e1site.defaults import MODELS
from jobs.attribution import banner_lines

app = typer.Typer()
worker_app = typer.Typer(help="Workers of the local service.", no_args_is_help=True)
user_app = typer.Typer(help="People who may use the local service.", no_args_is_help=True)
database_app = typer.Typer(
    help="Libraries that homologs are searched in, on the server's machine.", no_args_is_help=True
)
app.add_typer(user_app, name="user")
app.add_typer(worker_app, name="worker")
app.add_typer(database_app, name="database")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The person's name.")]
DataOption = Annotated[
    Path,
    typer.Option("--data", metavar="DIR", envvar=DATA_VARIABLE, help="Where the service keeps everything."),
]


@app.command()
def up(  # noqa: PLR0917 - typer calls it; every parameter is an option of the command
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines in.")] = DEFAULT_HOST,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = DEFAULT_PORT,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host", metavar="NAME", help="One more name that people may reach it by, such as that of a proxy."
        ),
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="A model to serve; may be repeated; e1-demo by default.")
    ] = None,
    data: DataOption = DATA_FOLDER,
    workers: Annotated[int, typer.Option(min=0, help="Worker processes of each model; 0 if they join.")] = 1,
    prefix: Annotated[
        str,
        typer.Option(
            metavar="PATH",
            envvar="E1_PREFIX",
            help="Path of the address behind a proxy, such as /e1 of https://lab.example/e1/.",
        ),
    ] = "",
    precision: PrecisionOption = None,
    background: Annotated[
        bool, typer.Option("--background", help="Return when it is ready; `e1 down` stops it.")
    ] = False,
    passing: Annotated[
        bool, typer.Option("--passing", hidden=True, help="Keep what `last-start` has. `make demo` starts so.")
    ] = False,
) -> None:
    """Run the whole service in the foreground until Ctrl-C; with --background apart from this terminal."""
    # Imported late, because `e1 --help` imports this module, and the stack takes longer.
    from e1site import local

    models = model or list(MODELS)
    several = [("--allow-host", name) for name in allow_host or []] + [("--model", slug) for slug in models]
    if precision:
        os.environ["E1_PRECISION"] = precision  # for the workers, which inherit it
    if background:
        one = [
            ("--host", host),
            ("--port", str(port)),
            ("--data", str(data)),
            ("--workers", str(workers)),
            ("--prefix", prefix),
        ]
        raise typer.Exit(local.up_in_background(data, [part for pair in (*one, *several) for part in pair]))
    for line in banner_lines(models):
        say(line)
    changed = [
        ("--host", host, DEFAULT_HOST),
        ("--port", str(port), str(DEFAULT_PORT)),
        ("--workers", str(workers), "1"),
        ("--prefix", prefix, ""),
        ("--precision", precision or "", ""),
    ]
    given = [(name, value) for name, value, usual in changed if value != usual]
    given += several if models != list(MODELS) else [pair for pair in several if pair[0] != "--model"]
    command = shlex.join(["e1", "up", *(part for pair in given for part in pair)])
    allow = allow_host or []
    raise typer.Exit(
        local.up(
            host=host, port=port, allow=allow, models=models, data=data, workers=workers, prefix=prefix,
            command="" if passing else command,
        )
    )  # fmt: skip


@app.command()
def down(data: DataOption = DATA_FOLDER) -> None:
    """Stop the local service in order; jobs go on after the next start."""
    from e1site import local

    raise typer.Exit(local.down(data))


@app.command()
def doctor(
    host: Annotated[str, typer.Option(help="Address that `e1 up` would listen on.")] = DEFAULT_HOST,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port that `e1 up` would listen on.")] = DEFAULT_PORT,
    model: Annotated[
        list[str] | None, typer.Option(help="A model to look for; may be repeated; e1-demo by default.")
    ] = None,
    data: DataOption = DATA_FOLDER,
    as_json: JsonFlag = False,
) -> None:
    """Look at this machine and its settings, and say what to do; exit 1 if there is a problem. Changes nothing."""
    from e1site import doctor as examination

    findings = examination.examine(data=data, models=model or list(MODELS), host=host, port=port)
    show(examination.as_dicts(findings), lambda _: examination.lines(findings), as_json=as_json)
    raise typer.Exit(int(any(one.state == "problem" for one in findings)))


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The new file.")],
    postgres: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Programs of another major version of PostgreSQL, whose data are to be saved."
        ),
    ] = None,
    data: DataOption = DATA_FOLDER,
) -> None:
    """Save the whole service (users, jobs, results) to a file, as of one moment, while it runs or not."""
    from e1site import moving

    raise typer.Exit(moving.backup(file, data=data, postgres=postgres))


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file of `e1 backup`, of this or an older version.")],
    replace: Annotated[bool, typer.Option("--replace", help="Delete the users and jobs that the folder has.")] = False,
    data: DataOption = DATA_FOLDER,
) -> None:
    """Restore a backup into a data folder whose service does not run; if interrupted, repeat the command."""
    from e1site import moving

    raise typer.Exit(moving.restore(file, data=data, replace=replace))


@user_app.command("add")
def user_add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new person's name.")],
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    data: DataOption = DATA_FOLDER,
) -> None:
    """Add a person to the local service; prints a password and a token, once."""
    from e1site import local

    flags = ("--password-stdin",) if password_stdin else ()
    status = local.manage("e1_user_add", (name, *flags), data=data)
    if status == 0:
        for line in local.log_in_lines(data):
            typer.echo(line)
    raise typer.Exit(status)


@user_app.command("list")
def user_list(data: DataOption = DATA_FOLDER) -> None:
    """List the people who may use the local service, and those who are deactivated."""
    _manage(data, "e1_user", "list")


@user_app.command("password")
def user_password(
    name: NameArgument,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    revoke_tokens: Annotated[bool, typer.Option("--revoke-tokens", help="Revoke all API tokens too.")] = False,
    data: DataOption = DATA_FOLDER,
) -> None:
    """Set a new password, print it once, and end the person's sessions."""
    flags = [*(["--password-stdin"] if password_stdin else []), *(["--revoke-tokens"] if revoke_tokens else [])]
    _manage(data, "e1_user", "password", name, *flags)


@user_app.command("deactivate")
def user_deactivate(name: NameArgument, data: DataOption = DATA_FOLDER) -> None:
    """Refuse a person, and pause their jobs. Nothing is deleted."""
    _manage(data, "e1_user", "deactivate", name)


@user_app.command("activate")
def user_activate(name: NameArgument, data: DataOption = DATA_FOLDER) -> None:
    """Accept a deactivated person again, and resume their jobs."""
    _manage(data, "e1_user", "activate", name)


@user_app.command("delete")
def user_delete(
    name: NameArgument,
    with_jobs: Annotated[bool, typer.Option("--with-jobs", help="Delete their jobs and results too.")] = False,
    data: DataOption = DATA_FOLDER,
) -> None:
    """Delete a person; with --with-jobs everything that the person owns. Not to be undone."""
    _manage(data, "e1_user", "delete", name, *(["--with-jobs"] if with_jobs else []))


@database_app.command("add")
def database_add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people choose it by, such as uniref50.")],
    file: Annotated[Path, typer.Argument(metavar="FASTA", help="Its sequences, gzip or not.")],
    skip_invalid: Annotated[
        bool, typer.Option("--skip-invalid", help="Leave bad records out instead of adding nothing.")
    ] = False,
    data: DataOption = DATA_FOLDER,
) -> None:
    """Install a library of sequences for homolog searches."""
    _manage(data, "e1_database", "add", name, str(file.resolve()), *(["--skip-invalid"] if skip_invalid else []))


@database_app.command("list")
def database_list(data: DataOption = DATA_FOLDER) -> None:
    """List the installed libraries."""
    _manage(data, "e1_database", "list")


@database_app.command("remove")
def database_remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The library's name.")], data: DataOption = DATA_FOLDER
) -> None:
    """Delete a library. Alignments that were found in it stay."""
    _manage(data, "e1_database", "remove", name)


@worker_app.command("drain")
def worker_drain(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As the page of models and health names it.")],
    undo: Annotated[bool, typer.Option("--undo", help="Take work again.")] = False,
    wait: Annotated[
        float | None, typer.Option(min=0, metavar="SECONDS", help="Wait until it holds nothing; exit 6 after that.")
    ] = None,
    data: DataOption = DATA_FOLDER,
) -> None:
    """Have a worker finish what it has leased and take nothing more: it can then be stopped."""
    waiting = [] if wait is None else ["--wait", str(wait)]
    _manage(data, "e1_worker_drain", name, *(["--undo"] if undo else []), *waiting)


def _manage(data: Path, command: str, *arguments: str) -> None:
    """Run a management command beside the service of this folder and end with its status."""
    from e1site import local

    raise typer.Exit(local.manage(command, arguments, data=data))
