"""What the queue tells whoever wants to know, inside the transaction that it is about."""

from django.dispatch import Signal

job_closed = Signal()
"""`job`: it has its final state."""
