"""Signals of the queue, sent inside the transaction that makes the change."""

from django.dispatch import Signal

job_closed = Signal()
"""A job has reached its final state. Argument: `job`."""
