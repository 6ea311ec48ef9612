"""Filters for moments, durations, sizes and small numbers."""

from __future__ import annotations

from datetime import datetime

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from jobs.actions import get_action

register = template.Library()


@register.filter
def moment(value: datetime | str | None) -> SafeString | str:
    """Return a moment in UTC. With scripts, `<local-time>` shows it in the reader's zone."""
    if not value:
        return ""
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    return format_html(
        '<local-time><time datetime="{}">{} UTC</time></local-time>',
        at.isoformat(timespec="seconds"),
        at.strftime("%-d %b %Y, %H:%M"),
    )


@register.filter
def duration(seconds: float | None) -> str:
    """Return a duration such as `45 s`, `12 min`, `3 h 20 min` or `4 d 6 h`: at most two figures."""
    if seconds is None:
        return ""
    whole = max(0, round(seconds))
    if whole < 90:
        return f"{whole} s"
    minutes = round(whole / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 36:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


@register.filter
def size(count: float | None) -> str:
    """Return bytes in decimal units, such as `5.1 GB`."""
    if count is None:
        return ""
    value, unit = float(count), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if unit == "bytes" or value >= 100 else f"{value:.1f} {unit}"


@register.filter
def passes(action: str) -> str:
    """Return the words for the work units of an action."""
    return get_action(action).unit_words[1]


@register.filter
def figures(number: float) -> str:
    """Return a number with three significant figures, such as `0.412`, `0.0570` or `1.30e-07`."""
    return f"{number:#.3g}".rstrip(".")
