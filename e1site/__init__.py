"""The Django project. Importing it makes our Celery app the current one, so that any process can publish."""

from worker.app import app as celery_app

__all__ = ["celery_app"]
