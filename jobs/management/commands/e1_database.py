"""`manage.py e1_database add NAME FASTA | list | remove NAME`: libraries for homolog searches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from jobs.alignments.databases import database_add, database_folder, database_remove
from jobs.management.refusals import ServiceCommand
from jobs.models import SequenceDatabase


class Command(ServiceCommand):
    help = "Install, list and remove libraries of sequences for homolog searches."

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        add = what.add_parser("add", help="read a FASTA file (gzip or not) into a library")
        add.add_argument("name", help="small letters, digits and . - _")
        add.add_argument("fasta", type=Path)
        add.add_argument("--skip-invalid", action="store_true", help="leave bad records out")
        what.add_parser("list", help="show what is installed")
        what.add_parser("remove", help="delete a library").add_argument("name")

    def handle(self, *args: Any, what: str, **options: Any) -> None:
        if what == "add":
            self._add(options["name"], options["fasta"], skip_invalid=options["skip_invalid"])
        elif what == "remove":
            database_remove(name=options["name"])
            self.stdout.write(f"removed {options['name']}")
        else:
            self._list()

    def _add(self, name: str, fasta: Path, *, skip_invalid: bool) -> None:
        database, facts = database_add(name=name, file=fasta, skip_invalid=skip_invalid)
        self.stdout.write(f"added {name}: {facts.sequences:,} sequences, {facts.residues:,} residues")
        if facts.replaced:
            self.stdout.write(f"{facts.replaced:,} residues J (leucine or isoleucine) are kept as X")
        if facts.left_out:
            self.stdout.write(f"{facts.left_out:,} bad records were left out")
        self.stdout.write(f"files in {database_folder(database)}, digest {facts.digest}")

    def _list(self) -> None:
        for database in SequenceDatabase.objects.order_by("name"):
            size = f"{database.sequences:,} sequences, {database.residues:,} residues"
            self.stdout.write(f"{database.name}: {size}, added {database.created_at:%Y-%m-%d}, {database.digest[:12]}")
