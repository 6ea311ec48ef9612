"""The file of a backup: a ZIP archive of pieces of tables, as COPY writes them, and a manifest as its last member."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from jobs.errors import InvalidInput

FORMAT = 1
MANIFEST = "manifest.json"
PIECE_BYTES = 64 << 20
BLOCK = 1 << 20
DAMAGES = (OSError, EOFError, zipfile.BadZipFile, zlib.error, KeyError, TypeError, ValueError, RuntimeError)
"""What reading a damaged archive raises."""


@dataclass(frozen=True, slots=True)
class SavedTable:
    """A table: its columns, the number of its rows and pieces, and the SHA-256 of all rows in order."""

    name: str
    columns: list[str]
    rows: int
    sha256: str
    pieces: int

    def piece(self, number: int) -> str:
        return piece_name(self.name, number)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup has. `migrations` are the (application, name) of every migration of its tables."""

    format: int
    service: str
    postgres: int
    made_at: str
    migrations: list[tuple[str, str]]
    tables: list[SavedTable]

    @property
    def digest(self) -> str:
        return hashlib.sha256(orjson.dumps(asdict(self))).hexdigest()


def piece_name(table: str, number: int) -> str:
    return f"tables/{table}/{number:06d}"


class ArchiveWriter:
    """Writes the pieces of tables, one table after the other."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def table(self, name: str, columns: list[str], rows: Iterable[bytes]) -> SavedTable:
        """Write the rows in pieces, and return what they came to."""
        count = pieces = 0
        digest = hashlib.sha256()
        held: list[bytes] = []
        size = 0
        for row in rows:
            digest.update(row)
            held.append(row)
            size += len(row)
            count += 1
            if size >= PIECE_BYTES:
                self._piece(piece_name(name, pieces), held)
                pieces, held, size = pieces + 1, [], 0
        if held:
            self._piece(piece_name(name, pieces), held)
            pieces += 1
        return SavedTable(name, columns, count, digest.hexdigest(), pieces)

    def _piece(self, name: str, rows: list[bytes]) -> None:
        with self._archive.open(name, "w", force_zip64=True) as member:
            member.writelines(rows)

    def close(self, manifest: Manifest) -> None:
        self._archive.writestr(MANIFEST, orjson.dumps(asdict(manifest), option=orjson.OPT_INDENT_2))


@contextmanager
def archive_written(path: Path) -> Iterator[ArchiveWriter]:
    """Yield a writer. The file appears complete or not at all, and only its owner can read it."""
    descriptor, part = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".part", dir=path.parent)
    try:
        with (
            os.fdopen(descriptor, "w+b") as file,
            zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        ):
            yield ArchiveWriter(archive)
            archive.close()
            file.flush()
            os.fsync(file.fileno())
        Path(part).replace(path)
        _sync_folder(path.parent)
    finally:
        Path(part).unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Have the folder's new entry survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class ArchiveReader:
    """Reads the pieces of a backup. Each read checks the piece's checksum, and raises InvalidInput `bad_backup`."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self._path, self._archive = path, archive
        stored = orjson.loads(archive.read(MANIFEST))
        if stored["format"] != FORMAT:
            raise InvalidInput(
                f"{path} has format {stored['format']}, which this version cannot read; install the version that "
                "made it, or a newer one",
                code="bad_backup",
            )
        tables = [SavedTable(**table) for table in stored.pop("tables")]
        migrations = [(app, name) for app, name in stored.pop("migrations")]
        self.manifest = Manifest(**stored, migrations=migrations, tables=tables)

    def blocks(self, piece: str) -> Iterator[bytes]:
        with _refusing_damage(self._path), self._archive.open(piece) as member:
            while block := member.read(BLOCK):
                yield block

    def check(self) -> None:
        """Read the whole file, and compare counts and checksums with the manifest. Raises InvalidInput."""
        for table in self.manifest.tables:
            rows, digest = 0, hashlib.sha256()
            for number in range(table.pieces):
                for block in self.blocks(table.piece(number)):
                    digest.update(block)
                    rows += block.count(b"\n")  # COPY escapes those of values
            if (rows, digest.hexdigest()) != (table.rows, table.sha256):
                raise _damaged(self._path, f"the rows of {table.name} are not those that were saved")


@contextmanager
def archive_read(path: Path) -> Iterator[ArchiveReader]:
    """Yield a reader. Raises InvalidInput `bad_backup` for a file that is no backup, or is cut off."""
    with _refusing_damage(path):
        archive = zipfile.ZipFile(path)
    with archive:
        with _refusing_damage(path):
            reader = ArchiveReader(path, archive)
        yield reader


@contextmanager
def _refusing_damage(path: Path) -> Iterator[None]:
    """Raise InvalidInput for each way in which a ZIP archive can fail to be read."""
    try:
        yield
    except DAMAGES as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, why: object) -> InvalidInput:
    return InvalidInput(f"{path} cannot be read as a backup: {why}. Nothing was changed", code="bad_backup")
