"""`manage.py e1_backup FILE`: saves the whole service as of one moment, while it runs."""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from jobs.management.refusals import Refusal, ServiceCommand, refusing_failures
from jobs.operations.backups.saving import backup_save


class Command(ServiceCommand):
    requires_system_checks = []  # The database may be that of an older version.
    help = "Save users, jobs and results to a file, as of one moment. The service need not stop."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        if file.exists():
            raise Refusal(f"{file} exists already; name another file", code="file_exists")
        url = settings.E1_OWNER_DATABASE_URL or os.environ["DATABASE_URL"]
        with refusing_failures():
            manifest = backup_save(url=url, path=file, service=version("e1-service"), say=self.stdout.write)
        rows = sum(table.rows for table in manifest.tables)
        self.stdout.write(
            f"saved {rows:,} rows of {len(manifest.tables)} tables to {file} ({file.stat().st_size:,} bytes)"
        )
