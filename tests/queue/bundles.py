"""What tests with the real dispatcher count in: bundles of one chunk, each a second of the worker's time."""

from __future__ import annotations

from jobs.queue import dispatch

MODEL = "e1-demo"
CHUNK_TOKENS = 8 * (10 + 4)
WINDOW = 2 * dispatch.MESSAGE_BUNDLES
"""Bundles that are on their way to one worker when a small job comes: no order that is found later moves them."""
