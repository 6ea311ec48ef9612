"""Commands that other distributions add to `e1` through entry points of the group `e1client.commands`.

Each entry point is named after its command and refers to a Typer application that has it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, entry_points, version
from typing import Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException
from typer.main import get_command, get_group

from e1client.errors import Exit, UsageError
from e1client.progress import say
from e1client.shell import exits, tell_error

GROUP = "e1client.commands"
SERVICE_COMMANDS = ("up", "down", "run", "verify", "user", "worker", "database", "doctor", "backup", "restore")
"""The commands of the distribution `e1-service`."""


class Commands(TyperGroup):
    """The client's own commands, then those of entry points, which are imported only when they are needed."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command. An argument that cannot be read is an error with a code, as all others are."""
        given = sys.argv[1:] if args is None else list(args)
        try:
            ended = super().main(given, prog_name, complete_var, False, windows_expand_args, **extra)
        except TyperException as error:
            if not standalone_mode:
                raise
            if not error.format_message():  # a group without a command: its help is already on the terminal
                sys.exit(error.exit_code)
            sys.exit(tell_error(UsageError(_wrong(error)), as_json="--json" in given))
        except typer.Abort:
            if not standalone_mode:
                raise
            say("e1: not confirmed, so nothing was done")
            sys.exit(int(Exit.CHECK_FAILED))
        return sys.exit(ended) if standalone_mode else ended

    def make_context(self, *args: Any, **options: Any) -> Any:
        with quiet_end():  # of `--help` and `--version`
            return super().make_context(*args, **options)

    def invoke(self, ctx: Any) -> Any:
        with quiet_end():
            return super().invoke(ctx)

    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), *(point.name for point in entry_points(group=GROUP))]

    def get_params(self, ctx: Any) -> Any:
        params = super().get_params(ctx)
        hide_types_of_flags(params)
        return params

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        command = self._found(cmd_name, ctx)
        if command is not None:
            _each(command, lambda one: hide_types_of_flags(one.get_params(ctx)))
        return command

    def _found(self, cmd_name: str, ctx: Any) -> Any:
        if own := super().get_command(ctx, cmd_name):
            return own
        for point in entry_points(group=GROUP, name=cmd_name):
            return get_group(point.load()).get_command(ctx, cmd_name)
        return _absent(cmd_name) if cmd_name in SERVICE_COMMANDS else None


@contextmanager
def quiet_end() -> Iterator[None]:
    """End the command without a word if the reader of its output has gone, such as `head`, as other programs do."""
    try:
        yield
    except BrokenPipeError as error:
        raise typer.Exit(int(Exit.READER_GONE)) from error


def _wrong(error: TyperException) -> str:
    """Return what is wrong with the arguments, and the command that lists the right ones."""
    context = getattr(error, "ctx", None)
    message = error.format_message().rstrip(".")
    return f"{message}; `{context.command_path} -h` shows the arguments" if context else message


def hide_types_of_flags(params: Iterable[Any]) -> None:
    """Have the help show `--wait`, not `--wait <bool>`: a flag takes no value."""
    for param in params:
        if getattr(param, "is_flag", False):
            param.metavar = ""


def _each(command: Any, act: Callable[[Any], None]) -> None:
    act(command)
    for one in getattr(command, "commands", {}).values():
        _each(one, act)


def _absent(name: str) -> Any:
    """Return a command that takes any arguments and says which distribution has the real one."""
    app = typer.Typer(add_completion=False)

    @app.command(
        name, add_help_option=False, context_settings={"ignore_unknown_options": True, "allow_extra_args": True}
    )
    def absent(context: typer.Context) -> None:
        with exits(as_json="--json" in context.args):
            raise UsageError(
                f"`e1 {name}` comes with the distribution e1-service, which is not installed here; "
                "install it from a checkout of the project",
                code="package_missing",
            )

    return get_command(app)


def show_versions(wanted: bool) -> None:
    """Print the version of each installed distribution and end the command."""
    if not wanted:
        return
    for name in ("e1-client", "e1-service"):
        try:
            print(name, version(name))
        except PackageNotFoundError:
            continue
    raise typer.Exit
