"""Names that jobs give themselves, such as "TEM-1 scan, 286 aa, 15 contexts"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from jobs.actions import get_action
from jobs.limits import MAX_JOB_NAME

LONGEST_SUBJECT = 120
"""Characters of a record's name or a file's; what was asked for stays readable behind it."""


def job_title(
    action: str, params: Mapping[str, Any], *, subject: str = "", first: str = "", items: int, residues: int
) -> str:
    """Return a name for a job without one.

    `subject` is what the library is called, such as its file. `first` names the first record, and `residues` is the
    length of the only one.
    """
    asked = get_action(action)
    subject, first = (" ".join(text.split())[:LONGEST_SUBJECT] for text in (subject, first))
    parent = params.get("parent") if asked.takes_variants else None
    if parent is not None:
        size = f"{items:,} variant{'' if items == 1 else 's'}, {len(parent):,} aa"
    elif items == 1:
        subject, size = first or subject, f"{residues:,} aa"
    else:
        size = f"{items:,} sequences"
    if subject:
        begin = f"{subject} {asked.title}"
    elif first and parent is None:
        begin, size = f"{asked.title.capitalize()} of {first} and {items - 1:,} more", ""
    else:
        begin = asked.title.capitalize()
    contexts = len(params.get("contexts", ()))
    under = f"{contexts:,} context{'' if contexts == 1 else 's'}" if contexts else ""
    return ", ".join(part for part in (begin, size, under) if part)[:MAX_JOB_NAME]


def subject_of(action: str, name: str) -> str:
    """Return the subject of a name that `job_title` made, "" if it has none, and any other name as it is."""
    title = re.escape(get_action(action).title)
    if found := re.fullmatch(rf"(.+) {title}, [\d,]+ (aa|sequences|variants?, [\d,]+ aa)(, [\d,]+ contexts?)?", name):
        return found[1]
    made = rf"(?i:{title})( of .+ and [\d,]+ more)?(, [\d,]+ (aa|sequences|variants?))*(, [\d,]+ contexts?)?"
    return "" if re.fullmatch(made, name) else name
