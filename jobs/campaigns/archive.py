"""Reading the ZIP file of a campaign: within limits, by the names that are expected, and only if its digests agree.

Nothing is unpacked to disk, and no name of the file becomes a path.
"""

from __future__ import annotations

import hashlib
import math
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import IO, Any, cast

import orjson

from jobs.campaigns.exporting import FORMAT, MANIFEST, VERSION, digest_of
from jobs.errors import InvalidInput, TooLarge
from jobs.limits import GZIP_RATIO_FROM, MAX_ASSAY_BYTES, MAX_GZIP_RATIO, MAX_WORKBOOK_BYTES, MIB
from jobs.parsing.letters import is_storable

MOST_PARTS = 4_000
"""Files of a campaign: fifty properties, 200 models and 500 rounds, with a table beside many of them."""
MOST_VALUES = 1_000_000
"""Values of one JSON file. A round of ten thousand rows has a third of them."""
LONGEST_LINE = 256 * 1024
REMEDY = "Export the campaign again, and import that file unchanged."
_BLOCK = 64 * 1024
_ENTRY = b"PK\x01\x02"  # begins the entry of each part in the directory of the archive
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 1
_DAMAGES = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError, OSError)


def broken(where: str, what: str) -> InvalidInput:
    """Return the refusal of a file that is not the export of a campaign."""
    return InvalidInput.one("bad_campaign_file", f"{where}: {what}", REMEDY, path="file")


class Archive:
    """The parts of one file, all compared with the digests of its manifest. `unpacked` is the size of all of them.

    Raises InvalidInput `bad_campaign_file`, and TooLarge `campaign_file_too_large`, `gzip_ratio`.
    """

    def __init__(self, file: IO[bytes], size: int) -> None:
        if size > MAX_ASSAY_BYTES:
            raise too_large(f"has {size:,} bytes, and the limit is {MAX_ASSAY_BYTES:,}")
        _count_entries(file)
        try:
            self._zip = zipfile.ZipFile(file)
            infos = self._zip.infolist()
        except _DAMAGES as error:
            raise broken("the file", f"it is not a ZIP file ({str(error)[:100]})") from None
        self._parts = {info.filename: info for info in infos}
        if len(self._parts) != len(infos):
            raise broken("the file", "two of its parts have the same name")
        self.unpacked = sum(info.file_size for info in infos)
        self._check_sizes(infos, size)
        self.manifest = self.json(MANIFEST)
        self._check_manifest()

    def _check_sizes(self, infos: Sequence[zipfile.ZipInfo], size: int) -> None:
        if self.unpacked > MAX_WORKBOOK_BYTES:
            raise too_large(f"has {self.unpacked // MIB:,} MiB unpacked, and the limit is {MAX_WORKBOOK_BYTES // MIB}")
        if self.unpacked > GZIP_RATIO_FROM and self.unpacked > size * MAX_GZIP_RATIO:
            what = f"The file unpacks to more than {MAX_GZIP_RATIO} times its size"
            raise TooLarge.one("gzip_ratio", what, REMEDY, path="file")
        if any(info.flag_bits & _ENCRYPTED or info.compress_type not in _METHODS for info in infos):
            raise broken("the file", "a part is encrypted, or packed in an unknown way")

    def _check_manifest(self) -> None:
        """Compare the names and digests of the manifest with the parts."""
        manifest = self.manifest
        if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
            raise broken(MANIFEST, "this is not the export of a campaign")
        if manifest.get("version") != VERSION:
            what = f"its version is {str(manifest.get('version'))[:20]}, and this service reads {VERSION}"
            raise broken(MANIFEST, what)
        files = manifest.get("files")
        if not isinstance(files, dict) or not all(isinstance(one, str) for one in files.values()):
            raise broken(MANIFEST, "it lists no files")
        if set(files) != set(self._parts) - {MANIFEST}:
            raise broken(MANIFEST, "it lists other files than there are")
        for name, digest in files.items():
            if self._digest(name) != digest:
                raise broken(name[:100], "its bytes are not those that were exported")
        self.digest = digest_of(files)
        if manifest.get("digest") != self.digest:
            raise broken(MANIFEST, "its digest is not that of its files")

    def __contains__(self, name: str) -> bool:
        return name in self._parts

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def _digest(self, name: str) -> str:
        digest = hashlib.sha256()
        for block in self._blocks(name):
            digest.update(block)
        return digest.hexdigest()

    def _blocks(self, name: str) -> Iterator[bytes]:
        # zipfile gives no more than the size in the directory, which is checked.
        try:
            with self._zip.open(self._part(name)) as stream:
                while block := stream.read(_BLOCK):
                    yield block
        except _DAMAGES as error:
            raise broken(name[:100], f"it cannot be unpacked ({str(error)[:100]})") from None

    def _part(self, name: str) -> zipfile.ZipInfo:
        if name not in self._parts:
            raise broken("the file", f"it has no {name}")
        return self._parts[name]

    def content(self, name: str) -> bytes:
        """Return a part of at most MAX_ASSAY_BYTES."""
        if (size := self._part(name).file_size) > MAX_ASSAY_BYTES:
            raise too_large(f"has a part {name[:100]} of {size:,} bytes, and the limit is {MAX_ASSAY_BYTES:,}")
        return b"".join(self._blocks(name))

    def json(self, name: str) -> Any:
        """Return the value of a JSON part."""
        return json_value(name, self.content(name))

    def lines(self, name: str) -> Iterator[Any]:
        """Yield the value of each line of a part."""
        try:
            with self._zip.open(self._part(name)) as stream:
                while line := stream.readline(LONGEST_LINE):
                    yield json_value(name, line)
        except _DAMAGES as error:
            raise broken(name[:100], f"it cannot be unpacked ({str(error)[:100]})") from None

    def close(self) -> None:
        self._zip.close()


def _count_entries(file: IO[bytes]) -> None:
    """Raise TooLarge if the directory of the archive has too many entries, before it is held in memory."""
    entries, tail = 0, b""
    file.seek(0)
    while block := file.read(_BLOCK):
        entries += (tail + block).count(_ENTRY)
        tail = block[-len(_ENTRY) + 1 :]
        if entries > MOST_PARTS:
            raise too_large(f"has more than {MOST_PARTS:,} parts")
    file.seek(0)


def too_large(what: str) -> TooLarge:
    """Return the refusal of a file beyond a limit."""
    remedy = "Import a campaign of this size by `e1 backup` and `e1 restore` of the whole service."
    return TooLarge.one("campaign_file_too_large", f"The file {what}", remedy, path="file")


def json_value(name: str, data: bytes) -> Any:
    """Return a JSON value whose texts can be stored. Raises InvalidInput `bad_campaign_file`."""
    if sum(map(data.count, (b",", b"[", b"{"))) > MOST_VALUES:
        raise too_large(f"has a part {name[:100]} of more than {MOST_VALUES:,} values")
    if rb"\u0000" in data:
        raise broken(name[:100], "it has a character that cannot be stored")
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise broken(name[:100], f"it is not JSON ({str(error)[:100]})") from None


class Fields:
    """Checked access to a JSON object: each method raises InvalidInput `bad_campaign_file` with the part's name."""

    def __init__(self, where: str, value: object) -> None:
        if not isinstance(value, dict):
            raise broken(where, "it is not a JSON object")
        self.where = where
        self.values = cast(Mapping[str, Any], value)

    def _wrong(self, name: str) -> InvalidInput:
        return broken(self.where, f"{name} is {str(self.values.get(name))[:60]!r}")

    def text(self, name: str, most: int) -> str:
        """Return a text that can be stored."""
        value = self.values.get(name)
        if not isinstance(value, str) or len(value) > most or not is_storable(value):
            raise self._wrong(name)
        return value

    def choice(self, name: str, choices: Sequence[str]) -> str:
        value = self.values.get(name)
        if not isinstance(value, str) or value not in choices:
            raise self._wrong(name)
        return value

    def hexadecimal(self, name: str, *, empty: bool = False) -> str:
        """Return a SHA-256."""
        value = self.text(name, 64)
        if not (empty and not value) and (len(value) != 64 or set(value) - set("0123456789abcdef")):
            raise self._wrong(name)
        return value

    def whole(self, name: str, low: int, high: int) -> int:
        value = self.values.get(name)
        if type(value) is not int or not low <= value <= high:
            raise self._wrong(name)
        return value

    def number(self, name: str) -> float | None:
        """Return a finite number, or None for null."""
        value = self.values.get(name)
        return None if value is None else self._finite(name, value)

    def _finite(self, name: str, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self._wrong(name)
        return float(value)

    def flag(self, name: str) -> bool:
        value = self.values.get(name)
        if not isinstance(value, bool):
            raise self._wrong(name)
        return value

    def entries(self, name: str) -> Sequence[Any]:
        value = self.values.get(name)
        if not isinstance(value, list):
            raise self._wrong(name)
        return value

    def mapping(self, name: str) -> dict[str, Any]:
        value = self.values.get(name)
        if not isinstance(value, dict):
            raise self._wrong(name)
        return value

    def moment(self, name: str) -> datetime:
        """Return a moment with its time zone."""
        found = self.moment_or_none(name)
        if found is None:
            raise self._wrong(name)
        return found

    def moment_or_none(self, name: str) -> datetime | None:
        value = self.values.get(name)
        if value is None:
            return None
        try:
            found = datetime.fromisoformat(value)
            moved = found.astimezone(UTC) if found.tzinfo is not None else None
        except (TypeError, ValueError, OverflowError):
            moved = None
        if moved is None:
            raise self._wrong(name)
        return moved
