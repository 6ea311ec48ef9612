"""The texts that the cells of a workbook share, in a temporary file."""

from __future__ import annotations

import re
import tempfile
from array import array
from collections.abc import Iterable

from jobs.limits import MAX_LINE, MAX_SHARED_TEXTS
from jobs.parsing.workbooks.package import IN_MEMORY, damaged, too_large
from jobs.parsing.workbooks.xml import Attributes, parse

_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


class SharedTexts:
    """Texts by number; memory grows by eight bytes a text. Close it."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  close() closes it
        self._ends = array("Q", [0])
        try:
            for _ in parse(blocks, _Texts(self)):
                pass
        except BaseException:
            self._file.close()
            raise

    def add(self, text: str) -> None:
        if len(self._ends) > MAX_SHARED_TEXTS:
            raise too_large(f"has more than {MAX_SHARED_TEXTS:,} texts")
        size = self._file.write(text.encode("utf-8", "replace"))
        self._ends.append(self._ends[-1] + size)

    def __getitem__(self, number: int) -> str:
        if not 0 <= number < len(self._ends) - 1:
            raise damaged(f"it has no text {number}")
        start = self._ends[number]
        self._file.seek(start)
        return self._file.read(self._ends[number + 1] - start).decode()

    def close(self) -> None:
        self._file.close()


class TextParts:
    """The text of the elements `t` inside one element, without the phonetic guides of East Asian text."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._size = 0
        self._taking = False
        self._guide = False

    def start(self, name: str) -> None:
        if name == "t":
            self._taking = not self._guide
        elif name == "rPh":
            self._guide = True

    def end(self, name: str) -> None:
        if name == "t":
            self._taking = False
        elif name == "rPh":
            self._guide = False

    def text(self, text: str) -> None:
        if self._taking:
            self._parts.append(text)
            self._size += len(text)
            if self._size > MAX_LINE:
                raise too_large(f"has a cell of more than {MAX_LINE:,} characters")

    def take(self) -> str:
        """Return the text so far, and begin again."""
        text = "".join(self._parts)
        self._parts.clear()
        self._size = 0
        return unescaped(text)


class _Texts:
    def __init__(self, texts: SharedTexts) -> None:
        self._texts = texts
        self._parts = TextParts()

    def start(self, name: str, _attributes: Attributes) -> None:
        self._parts.start(name)

    def end(self, name: str) -> None:
        if name == "si":
            self._texts.add(self._parts.take())
        else:
            self._parts.end(name)

    def text(self, text: str) -> None:
        self._parts.text(text)


def unescaped(text: str) -> str:
    """Return the text of a cell with the characters that Excel writes as `_x000D_`."""
    return _ESCAPED.sub(lambda found: _character(found[0], int(found[1], 16)), text) if "_x" in text else text


def _character(written: str, number: int) -> str:
    return written if 0xD800 <= number < 0xE000 else chr(number)
