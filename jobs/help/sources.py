"""The files of the documents: in a checkout its folder `docs`, in an installed wheel a copy inside this package."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PACKAGED = Path(__file__).parent / "documents"
CHECKOUT = Path(__file__).parents[2] / "docs"
INDEX = "README"
"""The page that groups the others."""
TITLE = re.compile(r"^# (.+)$", re.MULTILINE)
COMMENT = re.compile(r"^ *<!--.*?-->\n?", re.MULTILINE | re.DOTALL)
"""Notes to the tests and scripts that read the documents."""


@dataclass(frozen=True, slots=True)
class Document:
    """A page: its name in addresses, such as `input-rules` or `adr/0001-postgres-is-the-queue`, and its Markdown."""

    name: str
    title: str
    text: str


def folder() -> Path:
    """Return the folder of the documents."""
    return PACKAGED if PACKAGED.is_dir() else CHECKOUT


@cache
def documents() -> Mapping[str, Document]:
    """Return every page by its name. They are read once, because they change only with the version."""
    return {one.name: one for one in _read(folder())}


def _read(root: Path) -> Iterator[Document]:
    for path in sorted(root.rglob("*.md")):
        text = COMMENT.sub("", path.read_text(encoding="utf-8"))
        title = TITLE.search(text)
        name = path.relative_to(root).with_suffix("").as_posix()
        yield Document(name, title[1].replace("`", "") if title else name, text)


def picture(name: str) -> Path | None:
    """Return the file of a picture, None if there is none of this name."""
    return {path.name: path for path in (folder() / "images").glob("*.png")}.get(name)
