"""The attribution of results, as pages, manifests and the command show it.

The licence of the weights requires the name in plain view. No text here can read as an endorsement, or present the
demonstration network as a released one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from e1protocol import MODELS, ModelFacts

ATTRIBUTION = "Built with Profluent-E1"
"""The short form, for page footers and start banners."""

NO_ENDORSEMENT = "This service is independent of Profluent, which neither endorses nor supports it."


def attribution(model: ModelFacts) -> str:
    """Return the long form for results of this model, for manifests and result pages."""
    if model.demonstration:
        return (
            f"Computed by the {model.title} ({model.parameters:,} parameters), a demonstration that this "
            "project trained itself in the architecture of Profluent-E1. It is not E1-600M nor any "
            f"other released Profluent-E1 checkpoint, and its numbers are not theirs. {NO_ENDORSEMENT}"
        )
    return f"{ATTRIBUTION}. Computed by {model.title}. {NO_ENDORSEMENT}"


def banner_lines(models: Sequence[str]) -> Iterator[str]:
    """Yield what a command prints before it runs these models, each a registered name or a checkpoint folder."""
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
