"""WSGI entry point: `gunicorn e1site.wsgi:application`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "e1site.settings")
application = get_wsgi_application()
