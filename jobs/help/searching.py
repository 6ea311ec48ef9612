"""Search in the documents: sections that have all words, those with the words in their heading first.

Decisions of the developers come last: each has a section with the heading "Context".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from jobs.help.rendering import anchor_of, parsed, plain
from jobs.help.sources import Document, documents

MOST = 30
"""Sections that a search shows."""
LONGEST = 200
"""Characters of a search; the rest is ignored."""
AROUND = 90
"""Characters on each side of the first word in an excerpt."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a document below a heading, as plain text."""

    document: Document
    heading: str
    anchor: str
    text: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A section that has every word, and its text around the first of them."""

    section: Section
    excerpt: str


def search(asked: str) -> list[Hit]:
    """Return the sections that have all words of a search, the best first; none for a search without words."""
    words = re.findall(r"[\w'?.-]+", asked[:LONGEST].lower())
    if not words:
        return []
    ranked = []
    for order, section in enumerate(_sections()):
        heading = f"{section.document.title} {section.heading}".lower()
        text = section.text.lower()
        if all(word in heading or word in text for word in words):
            in_heading = sum(word in section.heading.lower() for word in words)
            decision = section.document.name.startswith("adr/")
            ranked.append((decision, -in_heading, -sum(word in heading for word in words), order, section))
    return [Hit(section, _excerpt(section.text, words)) for *_, section in sorted(ranked)[:MOST]]


def _excerpt(text: str, words: list[str]) -> str:
    places = [place for word in words if (place := text.lower().find(word)) >= 0]
    middle = min(places, default=0)
    start, end = max(0, middle - AROUND), middle + AROUND
    return f"{'…' if start else ''}{text[start:end].strip()}{'…' if end < len(text) else ''}"


@cache
def _sections() -> tuple[Section, ...]:
    return tuple(section for document in documents().values() for section in sections(document))


def sections(document: Document) -> Iterator[Section]:
    """Yield the parts of a document, code and tables included."""
    heading, texts, in_heading = document.title, list[str](), False
    for token in parsed(document.text):
        if token.type == "heading_open":
            if texts:
                yield _section(document, heading, texts)
            texts, in_heading = [], True
        elif in_heading:
            heading, in_heading = plain(token), False
        elif token.type == "heading_close":
            continue
        elif token.type == "inline":
            texts.append(plain(token))
        elif token.type == "fence":
            texts.append(token.content)
    yield _section(document, heading, texts)


def _section(document: Document, heading: str, texts: list[str]) -> Section:
    return Section(document, heading, anchor_of(heading), re.sub(r"\s+", " ", " ".join(texts)).strip())
