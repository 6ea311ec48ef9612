"""Filters for durations and sizes."""

from __future__ import annotations

import pytest

from jobs.templatetags.moments import duration, moment, size


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (-3, "0 s"),
        (0.4, "0 s"),
        (89, "89 s"),
        (90, "2 min"),
        (3599, "60 min"),
        (5400, "1 h 30 min"),
        (7200, "2 h"),
        (36 * 3600 - 60, "35 h 59 min"),
        (86400 * 2, "2 d"),
        (86400 * 4 + 6 * 3600, "4 d 6 h"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(None, ""), (0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (123_456, "123 kB"), (5_100_000_000, "5.1 GB")],
)
def test_sizes(count, text):
    assert size(count) == text


def test_a_moment_says_its_zone_and_keeps_what_machines_read():
    shown = moment("2026-03-04T05:06:07.890+00:00")
    assert "4 Mar 2026, 05:06 UTC" in shown
    assert 'datetime="2026-03-04T05:06:07+00:00"' in shown
    assert moment(None) == ""
