"""Markdown as HTML: no raw HTML, anchors at headings, and links between documents that lead to `/help/`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

Address = Callable[[str], str | None]
"""From a path, relative to the folder of the documents, to its address; None if the service does not show it."""
_READ = ("text", "code_inline", "softbreak", "hardbreak")
ELSEWHERE = re.compile(r"[a-z]+:", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading with the anchor that leads to it."""

    level: int
    text: str
    anchor: str


def anchor_of(text: str) -> str:
    """Return the anchor of a heading as GitHub makes it, so that links work there and here."""
    return re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-")


def plain(inline: Token) -> str:
    """Return the text of inline content without marks, on one line."""
    breaks = ("softbreak", "hardbreak")
    texts = (" " if one.type in breaks else one.content for one in inline.children or () if one.type in _READ)
    return "".join(texts)


def parsed(text: str) -> list[Token]:
    """Return the tokens of a document."""
    return _markdown().parse(text)


def headings(tokens: Sequence[Token]) -> list[Heading]:
    """Return the headings of a document in their order."""
    return [
        Heading(int(token.tag[1:]), plain(inline), anchor_of(plain(inline)))
        for token, inline in pairwise(tokens)
        if token.type == "heading_open"
    ]


def html_of(name: str, text: str, address: Address) -> str:
    """Return a document as HTML. The document `name` decides what its relative links mean.

    A link to a file that the service does not show becomes plain text. Raw HTML is shown as text.
    """
    markdown = _markdown()
    tokens = markdown.parse(text)
    for token, inline in pairwise(tokens):
        if token.type == "heading_open":
            token.attrSet("id", anchor_of(plain(inline)))
        if token.type == "th_open" and not inline.content:
            token.tag = "td"  # a heading without text says nothing to a screen reader
        if inline.children:
            inline.children = _linked(inline.children, name, address)
    return str(markdown.renderer.render(tokens, markdown.options, {}))


def _markdown() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    for rule in (_table_open, _table_close, _fence):
        markdown.add_render_rule(rule.__name__.removeprefix("_"), rule)
    return markdown


def _linked(children: list[Token], name: str, address: Address) -> list[Token]:
    """Return inline content with addresses in place of paths, and without links that lead nowhere."""
    kept: list[Token] = []
    dropped = 0
    for token in children:
        if token.type == "image":
            token.attrSet("src", _address(str(token.attrGet("src")), name, address) or "")
        elif token.type == "link_open":
            target = _address(str(token.attrGet("href")), name, address)
            if target is None:
                dropped += 1
                continue
            token.attrSet("href", target)
        elif token.type == "link_close" and dropped:
            dropped -= 1
            continue
        kept.append(token)
    return kept


def _address(target: str, name: str, address: Address) -> str | None:
    """Return the address of a link's target. Addresses of other sites and anchors of the same page stay."""
    path, mark, anchor = target.partition("#")
    if ELSEWHERE.match(target) or not path:
        return target
    parts: list[str] = []
    for part in (PurePosixPath(name).parent / path).parts:
        if part == ".." and parts:
            parts.pop()
        else:
            parts.append(part)
    found = address("/".join(parts))
    return None if found is None else found + mark + anchor


# A wide table scrolls by itself, so it is a region with a name of its own that can have the focus of the keyboard.
def _table_open(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    env["tables"] = number = env.get("tables", 0) + 1
    region = f'<div class="table-responsive" tabindex="0" role="region" aria-label="Table {number}">'
    return region + '<table class="table">\n'


def _table_close(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return "</table></div>\n"


def _fence(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    block = renderer.fence(tokens, index, options, env)
    return block.replace("<pre>", '<pre class="command">', 1)
