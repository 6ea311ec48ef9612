"""Filters for proteins in words."""

from __future__ import annotations

from django import template

from jobs.parsing import headers

register = template.Library()


@register.filter
def described(header: str, name: str = "") -> str:
    """Return the protein's name and organism as its header has them, such as `Lysozyme C, Gallus gallus`.

    A header that is the whole `name`, such as a cell of a table, says nothing more.
    """
    return "" if header == name else str(headers.described(header))


@register.filter
def pick_word(position: int, mutant: str) -> str:
    """Return a substitution as a basket names it, such as `24T`."""
    return f"{position}{mutant}"
