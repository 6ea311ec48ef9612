"""One XML part as events, by expat. Names and attributes come without their prefixes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any, Protocol
from xml.parsers import expat

from jobs.parsing.workbooks.package import damaged

Attributes = dict[str, str]


class Handler(Protocol):
    """Takes the events of a part, and returns what is complete."""

    def start(self, name: str, attributes: Attributes) -> None: ...
    def end(self, name: str) -> None: ...
    def text(self, text: str) -> None: ...


def parse(blocks: Iterable[bytes], handler: Handler) -> Iterator[None]:
    """Pass the events of a part to the handler, and yield after each block. An empty part has none.

    Raises InvalidInput `bad_workbook`.
    """
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = lambda name, attributes: handler.start(local(name), attributes)
    parser.EndElementHandler = lambda name: handler.end(local(name))
    parser.CharacterDataHandler = handler.text
    # Workbooks have no document types, and entities are the usual way to attack a parser.
    parser.StartDoctypeDeclHandler = _refuse
    try:
        block = b""
        for block in blocks:
            parser.Parse(block, False)
            yield
        if block:
            parser.Parse(b"", True)
            yield
    except (expat.ExpatError, UnicodeError) as error:
        raise damaged(str(error)) from None
    finally:
        parser.StartElementHandler = parser.EndElementHandler = parser.CharacterDataHandler = None


def elements(blocks: Iterable[bytes]) -> Iterator[tuple[str, Attributes]]:
    """Yield the name and the attributes of each element of a part that has no text."""
    found: list[tuple[str, Attributes]] = []
    for _ in parse(blocks, _Elements(found.append)):
        yield from found
        found.clear()


class _Elements:
    def __init__(self, take: Callable[[tuple[str, Attributes]], None]) -> None:
        self._take = take

    def start(self, name: str, attributes: Attributes) -> None:
        self._take((name, {local(key): value for key, value in attributes.items()}))

    def end(self, name: str) -> None:
        pass

    def text(self, text: str) -> None:
        pass


@lru_cache(maxsize=1024)
def local(name: str) -> str:
    """Return a name without its prefix."""
    return name.rpartition(":")[2]


def _refuse(*_: Any) -> None:
    raise damaged("it has a document type")
