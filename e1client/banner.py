"""The start banner of commands that run a network: whose architecture and weights these are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from e1protocol import MODELS
from jobs.attribution import ATTRIBUTION, NO_ENDORSEMENT


def banner_lines(models: Sequence[str]) -> Iterator[str]:
    """The name that the licence of the weights asks for, and each model in use with what it is."""
    yield f"{ATTRIBUTION}. {NO_ENDORSEMENT}"
    for model in models:
        facts = MODELS.get(model)
        if facts is None:
            yield f"Model: weights of your own in {model}, run through the Profluent-E1 architecture."
        elif facts.demonstration:
            size = f"{facts.parameters / 1e6:.1f} million parameters"
            yield (
                f"Model: {facts.slug}, a demonstration network of {size} "
                "in the Profluent-E1 architecture; it is not E1-600M, and its numbers are no results of E1."
            )
        else:
            yield f"Model: {facts.title} ({facts.slug}), architecture and weights by Profluent."
