"""The worker's app without a grace: a stop gives the current bundle back at once."""

from __future__ import annotations

from worker import stopping
from worker.app import app

stopping.GRACE_SECONDS = 0.0

__all__ = ["app"]
