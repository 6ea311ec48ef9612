"""`manage.py e1_bootstrap`: tables and the first user, safe to run at every start."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import CommandParser
from django.db import connection, transaction

from e1site.stack.folder import write_once
from jobs.fleet.duties import duties_begin
from jobs.management.commands._roles import as_owner, role_admit
from jobs.management.commands._users import create_user, new_password
from jobs.management.refusals import Refusal, ServiceCommand
from jobs.models import Chunk

ADMIN = "admin"
FIRST_START = "first start"
OUR_TABLE = Chunk._meta.db_table
"""Its presence means that the service has used this database before."""
SHOWN = 5
_LOCK = 0xE1_AD_11
"""Number of the advisory lock that makes two starts on one database take turns."""


class Command(ServiceCommand):
    requires_system_checks = []  # They would import every page before the first table exists.
    help = "Create the superuser `admin` and a token at the first start; later starts change nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--data", type=Path, required=True, help="folder for admin-password and token")
        parser.add_argument(
            "--beside-others", action="store_true", help="accept a database that has tables of another program"
        )
        parser.add_argument("--migrate", action="store_true", help="bring the tables up to date first")

    def handle(self, *args: Any, data: Path, migrate: bool, **options: Any) -> None:
        if not data.is_dir():
            raise Refusal(f"{data} is not a folder; name the data folder with --data", code="data_folder_unusable")
        if migrate:
            self._migrate(options["verbosity"], beside=options["beside_others"])
            duties_begin()
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            if get_user_model().objects.filter(is_superuser=True).exists():
                self.stdout.write("there is an administrator already: nothing to do")
                return
            password = new_password()
            key = create_user(ADMIN, password=password, superuser=True, token_name=FIRST_START)
            # Before the commit: a crash in between leaves files without a user, which the next start replaces. The
            # other order could leave a user with an unknown password.
            _write(data / "admin-password", password)
            _write(data / "token", key)
        self.stdout.write(f"made the user {ADMIN}; password in {data / 'admin-password'}, token in {data / 'token'}")

    def _migrate(self, verbosity: int, *, beside: bool) -> None:
        """Bring the tables up to date, as their owner if one is named, and let the service's role use them."""
        owner, service = settings.E1_OWNER_DATABASE_URL, connection.settings_dict
        with as_owner(owner) if owner else contextlib.nullcontext():
            if not beside:
                _refuse_foreign()
            # Some migrations are recorded after their transaction. If the first start is killed there, the next one
            # would make the same tables again.
            with contextlib.nullcontext() if _has_tables() else transaction.atomic():
                call_command("migrate", interactive=False, verbosity=verbosity, stdout=self.stdout)
            if owner:
                for note in role_admit(service):
                    self.stdout.write(f"note: {note}")
        if not owner:
            self.stdout.write("note: one role owns the tables and serves; docs/deploy.md explains the use of two")


def _has_tables() -> bool:
    return OUR_TABLE in connection.introspection.table_names()


def _refuse_foreign() -> None:
    """Raise Refusal if the database belongs to another program: a variable of its project is set in this shell."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace::regnamespace::text = "
            "current_schema() AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')"
        )
        found = {str(row[0]) for row in cursor.fetchall()}
    ours = {*connection.introspection.django_table_names(), "django_migrations"}
    foreign = sorted(found - ours)
    if foreign and OUR_TABLE not in found:
        more = f" and {len(foreign) - SHOWN} more" if len(foreign) > SHOWN else ""
        raise Refusal(
            f"the database {connection.settings_dict['NAME']!r} of DATABASE_URL has tables of another program "
            f"({', '.join(foreign[:SHOWN])}{more}) and none of this service; unset DATABASE_URL, or create a database "
            "for this service. To use this one all the same, run e1_bootstrap --migrate --beside-others once",
            code="foreign_database",
        )


def _write(path: Path, secret: str) -> None:
    """Write a secret that only the file's owner can read. A previous file, of another database, becomes NAME.old."""
    if not write_once(path, secret):
        with contextlib.suppress(FileNotFoundError):
            path.replace(path.with_name(path.name + ".old"))
        if not write_once(path, secret):
            raise Refusal(f"{path} cannot be written: something else writes it at the same time", code="file_busy")
