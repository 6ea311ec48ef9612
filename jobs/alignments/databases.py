"""Libraries for homolog searches, which an administrator adds and removes on the machine that stores them."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

from django.conf import settings
from django.db import IntegrityError, transaction

from jobs.alignments.selectors import database_named
from jobs.errors import Conflict, InvalidInput, Unavailable
from jobs.limits import MAX_LIBRARY_BYTES
from jobs.models import SequenceDatabase
from jobs.parsing import open_reader
from jobs.science.alignments.libraries import RULES, LibraryFacts, library_write

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,59}")


def databases_folder() -> Path:
    """Return the folder of the libraries. Raises Unavailable if the setting names none."""
    if not settings.E1_DATABASES:
        raise Unavailable("this service keeps no libraries: set E1_DATABASES to a folder", code="no_databases")
    return Path(settings.E1_DATABASES)


def database_folder(database: SequenceDatabase) -> Path:
    return databases_folder() / database.folder


def database_add(*, name: str, file: Path, skip_invalid: bool = False) -> tuple[SequenceDatabase, LibraryFacts]:
    """Read a FASTA file (gzip or not) into a library of that name. It is renamed into place once it is complete.

    Raises InvalidInput `bad_name` and what `library_write` raises, Conflict `database_exists`, and OSError if the file
    cannot be read or the folder cannot be written.
    """
    if not _NAME.fullmatch(name):
        remedy = "Use 1 to 60 small letters, digits and . - _, the first a letter or digit."
        raise InvalidInput.one("bad_name", f"{name[:80]!r} is not a name for a database", remedy, path="name")
    if SequenceDatabase.objects.filter(name=name).exists():
        raise _exists(name)
    root = databases_folder()
    root.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".adding-", dir=root))
    try:
        with file.open("rb") as stream:
            records = open_reader(stream, RULES, filename=file.name, max_bytes=MAX_LIBRARY_BYTES)
            facts = library_write(records, work, skip_invalid=skip_invalid)
        folder = f"{name}-{facts.digest[:12]}"
        _into_place(work, root / folder)
        try:
            with transaction.atomic():
                database = SequenceDatabase.objects.create(
                    name=name, folder=folder, digest=facts.digest, sequences=facts.sequences, residues=facts.residues
                )
        except IntegrityError:
            raise _exists(name) from None
    finally:
        shutil.rmtree(work, ignore_errors=True)
    database.refresh_from_db()
    return database, facts


def _into_place(work: Path, target: Path) -> None:
    work.chmod(0o755)
    # A removal may have left files behind. The digest in the name says that they are the same.
    if target.exists():
        shutil.rmtree(target)
    work.rename(target)


def _exists(name: str) -> Conflict:
    return Conflict(f"there is a database {name!r}; remove it first", code="database_exists")


def database_remove(*, name: str) -> None:
    """Delete a library with its files. A search that reads them fails with the reason; alignments stay.

    Raises NotFound.
    """
    database = database_named(name)
    folder = database_folder(database)
    database.delete()
    shutil.rmtree(folder, ignore_errors=True)
