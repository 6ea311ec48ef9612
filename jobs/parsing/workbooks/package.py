"""The archive of a workbook: its parts, unpacked as streams within limits."""

from __future__ import annotations

import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator

from jobs.errors import InvalidInput, TooLarge
from jobs.limits import GZIP_RATIO_FROM, MAX_GZIP_RATIO, MAX_WORKBOOK_PARTS, MIB

IN_MEMORY = 4 * MIB
"""Bytes of a temporary file that stay in memory."""

_BLOCK = 64 * 1024
_ENTRY = b"PK\x01\x02"  # begins the entry of each part in the directory of the archive
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 1
_REMEDY = "Open it in a spreadsheet program and save it again as .xlsx, or send CSV."


class Package:
    """The parts of one workbook. Close it; `most` bounds the bytes of all parts, unpacked."""

    def __init__(self, blocks: Iterable[bytes], most: int) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  close() closes it
        try:
            packed = self._copy(blocks)
            self._archive = zipfile.ZipFile(self._file)
            self._parts = {info.filename.replace("\\", "/").lower(): info for info in self._archive.infolist()}
            self._check(packed, most)
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
            self._file.close()
            raise damaged(str(error)) from None
        except BaseException:
            self._file.close()
            raise

    def _copy(self, blocks: Iterable[bytes]) -> int:
        """Keep the archive, and return its size. Raises TooLarge if its directory would not fit into memory."""
        packed = entries = 0
        tail = b""
        for block in blocks:
            self._file.write(block)
            packed += len(block)
            entries += (tail + block).count(_ENTRY)
            tail = block[-len(_ENTRY) + 1 :]
            if entries > MAX_WORKBOOK_PARTS:
                raise too_large(f"has more than {MAX_WORKBOOK_PARTS:,} parts")
        return packed

    def _check(self, packed: int, most: int) -> None:
        infos = self._parts.values()
        size = sum(info.file_size for info in infos)
        if size > most:
            raise too_large(f"has {size // MIB:,} MiB unpacked, and the limit is {most // MIB:,}")
        if size > GZIP_RATIO_FROM and size > packed * MAX_GZIP_RATIO:
            what = f"The workbook unpacks to more than {MAX_GZIP_RATIO} times its size"
            raise TooLarge.one("gzip_ratio", what, "Send the sheet as CSV if it is genuine.")
        if any(info.flag_bits & _ENCRYPTED for info in infos):
            raise InvalidInput.one("bad_workbook", "The workbook is encrypted", "Save it without a password.")
        if "xl/workbook.bin" in self._parts:
            raise InvalidInput.one("bad_workbook", "The file is an Excel binary workbook (.xlsb)", "Save it as .xlsx.")
        if any(info.compress_type not in _METHODS for info in infos):
            raise damaged("parts are packed in an unknown way")

    def __contains__(self, part: str) -> bool:
        return part.lower() in self._parts

    def blocks(self, part: str) -> Iterator[bytes]:
        """Yield one part in blocks; nothing if there is no such part. Raises InvalidInput `bad_workbook`."""
        info = self._parts.get(part.lower())
        if info is None:
            return
        # zipfile gives no more than the size in the directory, which is checked.
        try:
            with self._archive.open(info) as stream:
                while block := stream.read(_BLOCK):
                    yield block
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, OSError) as error:
            raise damaged(f"{part}: {error}") from None

    def close(self) -> None:
        self._archive.close()
        self._file.close()


def damaged(reason: str) -> InvalidInput:
    """Return the refusal of a workbook that cannot be read."""
    return InvalidInput.one("bad_workbook", f"The workbook cannot be read ({reason[:100]})", _REMEDY)


def too_large(what: str) -> TooLarge:
    """Return the refusal of a workbook beyond a limit."""
    return TooLarge.one("workbook_too_large", f"The workbook {what}", "Send the sheet as CSV, or split it.")
