"""The models in use and their attributions, for every page."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from e1protocol import MODELS
from jobs.attribution import attribution


def service(request: HttpRequest) -> dict[str, Any]:
    models = [MODELS[slug] for slug in settings.E1_MODELS]
    return {"service_models": models, "service_attributions": [attribution(model) for model in models]}
