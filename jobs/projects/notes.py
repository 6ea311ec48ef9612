"""Notes of a project: Markdown of users as HTML that can do no harm in another user's page.

Two guards stand one behind the other: the renderer escapes raw HTML, and the cleaner keeps a short list of elements.
"""

from __future__ import annotations

from functools import lru_cache

import nh3
from markdown_it import MarkdownIt

TAGS = frozenset(
    {"p", "br", "hr", "em", "strong", "s", "del", "code", "pre", "blockquote", "ul", "ol", "li", "a"}
    | {"h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"}
)
"""Elements of notes. No pictures: one on another server would tell it who reads the notes."""
LEVEL = 2
"""Added to the levels of headings, which stand below those of the page."""


@lru_cache(maxsize=64)
def notes_html(text: str, *, mail: bool = True) -> str:
    """Return notes as HTML. Links leave without a referrer, and never run scripts. `mail`: they may write a mail."""
    markdown = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable(["table", "strikethrough"])
    markdown.disable("image")
    tokens = markdown.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1:]) + LEVEL)}"
    rendered = str(markdown.renderer.render(tokens, markdown.options, {}))
    return nh3.clean(
        rendered,
        tags=set(TAGS),
        attributes={"a": {"href"}, "*": set()},
        url_schemes={"http", "https", "mailto"} if mail else {"http", "https"},
        link_rel="noopener noreferrer nofollow",
    )
