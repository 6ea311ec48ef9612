"""Refusals of the service's commands: a sentence, a code, remedies, and an exit status that scripts can rely on.

The statuses are those of the `e1` command: 3 for what the service refuses, 5 if a server does not answer, 6 if a wait
was given up. `argparse` ends with 2 for wrong arguments.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError, ProgrammingError

from jobs.errors import ServiceError

REFUSED, UNREACHABLE, GAVE_UP = 3, 5, 6
SHOWN = 20
"""Most problems that are listed."""


class Refusal(CommandError):
    """A refusal by a command. `str()` has all lines; the code is at the end of the first."""

    def __init__(self, detail: str, *, code: str, status: int = REFUSED, lines: tuple[str, ...] = ()) -> None:
        super().__init__("\n".join([f"{detail} [{code}]", *lines]), returncode=status)


class ServiceCommand(BaseCommand):
    """A command whose errors are refusals. On the command line they end it with their status, without a traceback."""

    def execute(self, *args: Any, **options: Any) -> Any:
        try:
            return self._refusing(*args, **options)
        except CommandError as error:
            if not getattr(self, "_called_from_command_line", False) or options.get("traceback"):
                raise
            self.stderr.write(f"e1: {error}")
            raise SystemExit(error.returncode) from error

    def _refusing(self, *args: Any, **options: Any) -> Any:
        try:
            return super().execute(*args, **options)
        except ServiceError as error:
            raise Refusal(error.detail, code=error.code, lines=tuple(_problems(error))) from error
        except (OperationalError, InterfaceError) as error:
            what = " ".join(str(error).split()) or "no reason was given"
            detail = f"the database does not answer: {what}; is the service running, and is DATABASE_URL right?"
            raise Refusal(detail, code="database_away", status=UNREACHABLE) from error
        except ProgrammingError as error:
            what = " ".join(str(error).split())
            detail = (
                f"the tables of the service are missing or older: {what}; `e1 up` or e1_bootstrap --migrate makes them"
            )
            raise Refusal(detail, code="tables_missing") from error
        except OSError as error:
            what = f"{error.filename or 'a file'}: {error.strerror or error}"
            raise Refusal(f"{what}; check the path and its rights", code="file_unreadable") from error


@contextmanager
def refusing_failures() -> Iterator[None]:
    """Raise Refusal for what PostgreSQL says to commands that talk to it without Django."""
    try:
        yield
    except psycopg.Error as error:
        what = " ".join(str(error).split()) or type(error).__name__
        raise Refusal(f"PostgreSQL says: {what}. Nothing was changed", code="postgres_failed") from error


def _problems(error: ServiceError) -> Iterator[str]:
    for problem in error.problems[:SHOWN]:
        if problem.message != error.detail:
            yield f"  {problem.message} [{problem.code}]"
        if problem.remedy:
            yield f"    -> {problem.remedy}"
    if error.problem_count > SHOWN:
        yield f"  ... and {error.problem_count - SHOWN:,} more"
