"""Filters for numbers and words of campaigns."""

from __future__ import annotations

from django import template
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

WORDS = {
    "none": "none",
    "zero_shot": "label-free scores",
    "profile": "profile",
    "blosum62": "BLOSUM62",
    "site": "residues and BLOSUM62",
    "mean": "mean embeddings",
    "one_hot": "one-hot",
}


@register.filter
def three(value: float | str | None) -> str:
    """Return a number with three significant figures and a real minus sign, "" for what is no number."""
    return f"{value:.3g}".replace("-", "\N{MINUS SIGN}") if isinstance(value, int | float) else ""


@register.filter
def breakable(code: str) -> SafeString:
    """Return a variant whose line may end after each mutation, and nowhere else."""
    return format_html_join(mark_safe(":<wbr>"), "{}", ((one,) for one in str(code).split(":")))


@register.filter
def percent(value: float | None) -> str:
    """Return a share in whole percent, "" for None."""
    return f"{100 * value:.0f} %" if isinstance(value, int | float) else ""


@register.filter
def campaign_word(name: str) -> str:
    """Return the words for a prior or for features."""
    return WORDS.get(name, name)
