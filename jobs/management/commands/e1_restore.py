"""`manage.py e1_restore FILE`: makes the database of a backup again, by the owner of the tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import environ
from django.conf import settings
from django.core.management.base import CommandParser
from django.db import connection

from jobs.management.refusals import ServiceCommand, refusing_failures
from jobs.operations.backups.restoring import backup_restore


class Command(ServiceCommand):
    requires_system_checks = []
    help = "Restore a file of e1_backup. Stop web and workers before; run e1_bootstrap --migrate after it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--replace", action="store_true", help="put it in the place of a database that has users or jobs"
        )

    def handle(self, *args: Any, file: Path, replace: bool, **options: Any) -> None:
        own = connection.settings_dict
        owner = environ.Env.db_url_config(settings.E1_OWNER_DATABASE_URL) if settings.E1_OWNER_DATABASE_URL else own
        with refusing_failures():
            backup_restore(settings={"OPTIONS": {}, **owner}, path=file, replace=replace, say=self.stdout.write)
