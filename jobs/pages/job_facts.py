"""The parameters of a job, in the words of its page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jobs.pages.new_job.variants import ranges_text
from jobs.science.variants.numbering_forms import described, numbering_of


def param_facts(params: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the name and text of every parameter except the contexts."""
    for name, value in params.items():
        if name == "positions":
            yield name, ranges_text(value, numbering_of(params)) if value else "all"
        elif name == "numbering":
            yield name, described(numbering_of(params))
        elif name != "contexts":
            yield name, ", ".join(map(str, value)) if isinstance(value, list) else str(value)
