"""The models in use with their attributions, and the warning of the disk, for every page."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from e1protocol import MODELS
from jobs.attribution import attribution
from jobs.web.disk import space_warning


def service(request: HttpRequest) -> dict[str, Any]:
    models = [MODELS[slug] for slug in settings.E1_MODELS]
    return {
        "service_models": models,
        "service_attributions": [attribution(model) for model in models],
        "space_warning": space_warning,  # templates call it, for administrators only
    }
