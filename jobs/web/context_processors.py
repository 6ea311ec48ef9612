"""The models in use, the footer of every page, the warning of the disk, and whether browsers show notices.

The footer says what the models are, because nothing may be computed yet.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from e1protocol import MODELS
from jobs.attribution import banner_lines
from jobs.models import NoticeChoice
from jobs.web.disk import space_warning


def service(request: HttpRequest) -> dict[str, Any]:
    models = [MODELS[slug] for slug in settings.E1_MODELS]
    return {
        "service_models": models,
        "service_attributions": list(banner_lines(settings.E1_MODELS)),
        # Templates call these two, if someone is logged in.
        "space_warning": space_warning,
        "browser_notices": lambda: NoticeChoice.objects.filter(pk=request.user.pk).exclude(browser="off").exists(),
    }
