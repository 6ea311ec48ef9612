"""`e1 backup` and `e1 restore`: management commands beside the running service, or beside its Postgres alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from e1site import local
from e1site.stack.environment import children_environment, embedded_postgres, forget_foreign, owner_environment
from e1site.stack.errors import StackError, StopRequested
from e1site.stack.folder import DataFolder, hold, is_held
from e1site.stack.guardian import Guardian
from e1site.stack.processes import kill_marked
from e1site.stack.supervisor import StopSignals, Supervisor
from e1site.stack.terminal import complain, say

CONNECTIONS = 20


def backup(file: Path, *, data: Path, postgres: Path | None) -> int:
    """Save the service of this folder to a file, running or not, and return the exit status.

    `postgres` is the folder of the programs of another major version, whose data are to be saved.
    """
    return _command("backup", "e1_backup", [str(file.absolute())], data=data, programs=postgres, may_run=True)


def restore(file: Path, *, data: Path, replace: bool) -> int:
    """Restore a file into this folder, whose service must not run, and return the exit status."""
    arguments = [str(file.absolute()), *(["--replace"] if replace else [])]
    return _command("restore", "e1_restore", arguments, data=data, programs=None, may_run=False)


def _command(
    name: str, command: str, arguments: Sequence[str], *, data: Path, programs: Path | None, may_run: bool
) -> int:
    folder = DataFolder.at(data)
    forget_foreign()
    try:
        if "DATABASE_URL" in os.environ or (may_run and is_held(folder)):
            return local.manage(command, arguments, data=data)
        return _beside_postgres(folder, name, [*local.django(), command, *arguments], programs, new=not may_run)
    except StackError as error:
        return local.complained(f"e1 {name}", error)
    except StopRequested:
        complain(f"e1 {name}: stopped; {'delete FILE.*.part and start it again' if may_run else 'repeat it to go on'}")
        return 1


def _beside_postgres(folder: DataFolder, name: str, command: Sequence[str], programs: Path | None, *, new: bool) -> int:
    """Run the command beside the folder's Postgres, which nothing else uses, and show what it says.

    A folder without a database gets one if `new`. Raises StackError.
    """
    if not new and not folder.path.is_dir():
        raise StackError(f"there is no data folder {folder.path}; name it with --data", code="bad_argument")
    folder.create()
    postgres = replace(embedded_postgres(folder), connections=CONNECTIONS)
    if programs is not None:
        postgres = replace(postgres, binaries=programs)
    if not new and not postgres.data.exists():
        others = (f"; it has {one.name}: name the programs of that version by --postgres" for one in postgres.others())
        raise StackError(
            f"{folder.path} has no database of PostgreSQL {postgres.major}{''.join(others)}", code="bad_argument"
        )
    with ExitStack() as stack:
        lock = stack.enter_context(hold(folder))
        signals = stack.enter_context(StopSignals().installed())
        kill_marked(folder.stack_id)
        guardian = Guardian(folder.stack_id, lock, folder.turn_log("guardian"))
        stack.callback(guardian.close)
        env = children_environment(folder, "127.0.0.1", [])
        supervisor = Supervisor(folder, env, guardian, signals, say)
        stack.callback(supervisor.stop)
        unfinished = folder.path / local.UNFINISHED
        if new and not postgres.data.exists():
            unfinished.touch()
            local.initialise(folder, supervisor, postgres, beside_others=True)
        local.start_postgres(folder, supervisor, postgres)
        folder.turn_log(name)
        status = supervisor.run_once(name, command, env=env | owner_environment(folder))
        for line in folder.log(name).read_text(encoding="utf-8", errors="replace").splitlines():
            (say if status == 0 else complain)(line)
        if new and status == 0:
            unfinished.unlink(missing_ok=True)
    return status
