"""Numbers from forms."""

from __future__ import annotations


def number_of(text: str) -> int | float | str:
    """What somebody typed as a number where it is one; else the text, for a check to refuse with its place."""
    for kind in (int, float):
        try:
            return kind(text.strip().replace("\N{MINUS SIGN}", "-"))
        except ValueError:
            continue
    return text
