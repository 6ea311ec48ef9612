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
    if not isinstance(value, int | float):
        return ""
    # With "#" the zeros at the end stay, so that the numbers of a column have the same width.
    written = str(value) if isinstance(value, int) else f"{value:#.3g}".rstrip(".")
    return written.replace("-", "\N{MINUS SIGN}")


@register.filter
def as_given(value: float | None) -> str:
    """Return a number that a person has given, without zeros at its end."""
    return "" if value is None else f"{value:.15g}".replace("-", "\N{MINUS SIGN}")


@register.filter
def breakable(code: str) -> SafeString:
    """Return a variant whose line may end after each mutation, and nowhere else."""
    return format_html_join(mark_safe(":<wbr>"), "{}", ((one,) for one in str(code).split(":")))


@register.filter
def percent(value: float | None) -> str:
    """Return a share in whole percent, "" for None."""
    return f"{100 * value:.0f} %" if isinstance(value, int | float) else ""


@register.filter
def share(value: float) -> str:
    """Return a share in percent with at least two significant figures: 95 %, 5.4 %, 0.29 %. Only 1 is 100 %."""
    if 0.995 <= value < 1:
        return "over 99 %"
    if 0 < value < 1e-4:
        return "under 0.01 %"
    return f"{100 * value:.0f} %" if value >= 0.0995 else f"{100 * value:.2g} %"


@register.filter
def campaign_word(name: str) -> str:
    """Return the words for a prior or for features."""
    return WORDS.get(name, name)
