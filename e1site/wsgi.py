"""WSGI entry point: `gunicorn e1site.wsgi:application`."""

import os
from collections.abc import Callable, Iterable

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from e1site import celery_app
from e1site.pacing import Paced
from e1site.prefix import Prefixed

os.environ["DJANGO_SETTINGS_MODULE"] = "e1site.settings"


def _check_key() -> None:
    """Raise ImproperlyConfigured without a secret key. Django itself would raise it at the first login."""
    try:
        settings.SECRET_KEY  # noqa: B018 - Django raises when an empty key is read
    except ImproperlyConfigured as error:
        raise ImproperlyConfigured(
            "Set the E1_SECRET_KEY environment variable: the web process signs sessions with it"
        ) from error


_check_key()
application: Callable[..., Iterable[bytes]] = Paced(get_wsgi_application(), longest=settings.E1_UPLOAD_SECONDS)
if settings.E1_PREFIX:
    application = Prefixed(application, settings.E1_PREFIX)

# Django would import the pages at the first request, once in each process. Gunicorn loads this module before it forks.
get_resolver().url_patterns  # noqa: B018 - a cached property

# Workers wait long for messages; a web request does not wait for a broker that hangs.
celery_app.conf.broker_transport_options = {**celery_app.conf.broker_transport_options, "socket_timeout": 3}
