"""The models in use, the footer of every page, and the warning of the disk.

The footer says what the models are, because nothing may be computed yet.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from e1protocol import MODELS
from jobs.attribution import banner_lines
from jobs.web.disk import space_warning


def service(request: HttpRequest) -> dict[str, Any]:
    models = [MODELS[slug] for slug in settings.E1_MODELS]
    return {
        "service_models": models,
        "service_attributions": list(banner_lines(settings.E1_MODELS)),
        "space_warning": space_warning,  # templates call it, for administrators only
    }
