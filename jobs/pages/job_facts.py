"""The parameters of a job, in the words of its page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jobs.contexts.shared import SharedContexts
from jobs.science.variants.numbering_forms import described, numbering_of
from jobs.science.variants.ranges import ranges_text
from jobs.templatetags.moments import duration


def sentence_parts(body: Mapping[str, Any], contexts: SharedContexts | None) -> Iterator[str]:
    """Yield what became of a closed job, such as `296 succeeded`, `4 skipped`, `8 s`, `e1-demo float32 under kaib-1`.

    `body` is the job as REST presents it.
    """
    counts = body["counts"]
    for state in ("succeeded", "failed", "skipped", "cancelled"):
        if counts[state] or (state == "succeeded" and not counts["total"]):
            yield f"{counts[state]:,} {state}"
    if body["started_at"] and body["finished_at"]:
        yield duration((body["finished_at"] - body["started_at"]).total_seconds())
    engines = dict.fromkeys(f"{one['model']} {one['precision']}" for one in body["provenance"])
    under = ""
    if contexts is not None:
        names = dict.fromkeys(name for _, name in contexts.parts if name)
        unnamed = sum(count for count, name in contexts.parts if not name)
        others = [f"{unnamed} context{'s' if unnamed > 1 else ''}"] if unnamed else []
        under = f" under {' and '.join([*names, *others])}"
    yield f"{' and '.join(engines) or body['model']}{under}"


def param_facts(params: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the name and text of every parameter except the contexts."""
    for name, value in params.items():
        if name == "positions":
            yield name, ranges_text(value, numbering_of(params)) if value else "all"
        elif name == "numbering":
            yield name, described(numbering_of(params))
        elif name != "contexts":
            yield name, ", ".join(map(str, value)) if isinstance(value, list) else str(value)
