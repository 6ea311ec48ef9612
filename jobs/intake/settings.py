"""Split out of jobs/api/submissions.py."""

from __future__ import annotations

from django.conf import settings

from e1protocol import MODELS, ModelFacts
from jobs.errors import InvalidInput


def enabled_model(slug: str) -> ModelFacts:
    """The facts of an enabled model; raises InvalidInput `unknown_model`."""
    if slug not in settings.E1_MODELS:
        raise InvalidInput.one(
            "unknown_model",
            f"this service has no model {slug!r}",
            f"Choose from {', '.join(settings.E1_MODELS)}.",
            path="model",
        )
    return MODELS[slug]
