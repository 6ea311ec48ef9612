"""Compiling the elementwise parts beside a worker's start, so that it never waits for the compiler."""

from __future__ import annotations

import logging
import threading

from worker.engine.config import is_large
from worker.model.config import E1Config
from worker.model.fused import EAGER, Fused, find_compiled

log = logging.getLogger(__name__)


class Compiling(threading.Thread):
    """A thread that finds or makes the compiled parts. `fused` is the result, `EAGER` if there are none."""

    def __init__(self) -> None:
        super().__init__(name="compiling", daemon=True)
        self.fused: Fused = EAGER

    def run(self) -> None:
        try:
            self.fused = find_compiled()
        except (OSError, AttributeError) as error:
            log.warning("elementwise parts are not compiled, and a little slower: %s", error)


def compiling(config: E1Config) -> Compiling | None:
    """Start to compile for such a network; return None if it is too small."""
    if not is_large(config):
        return None
    thread = Compiling()
    thread.start()
    return thread
