"""Filters of tables that compare scores."""

from __future__ import annotations

from collections.abc import Mapping

from django import template

from jobs.science.variants.judging import TITLES

register = template.Library()


@register.filter
def of(values: Mapping[str, float | None], name: str) -> float | None:
    """Return the value under a name, None if there is none."""
    return values.get(name)


@register.filter
def judged_title(name: str) -> str:
    """Return what pages call a score, such as `Profile`."""
    return TITLES.get(name, name)
