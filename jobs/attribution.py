"""Whose network computed a result, in the words that pages, manifests and the command show.

The licence of the weights asks for the name in plain view. Nothing here may read as an endorsement, nor let
the demonstration network pass for a released one.
"""

from __future__ import annotations

from e1protocol import ModelFacts

ATTRIBUTION = "Built with Profluent-E1"
"""The short form: page footers and start banners."""

NO_ENDORSEMENT = "This service is independent of Profluent, which neither endorses nor supports it."


def attribution(model: ModelFacts) -> str:
    """The long form for results of this model: manifests and result pages."""
    if model.demonstration:
        return (
            f"Computed by the {model.title} ({model.parameters:,} parameters), a demonstration that this "
            "project trained itself in the architecture of Profluent-E1. It is not E1-600M nor any "
            f"other released Profluent-E1 checkpoint, and its numbers are not theirs. {NO_ENDORSEMENT}"
        )
    return f"{ATTRIBUTION}. Computed by {model.title}. {NO_ENDORSEMENT}"
