"""Compiling the elementwise parts beside a worker's start, so that it never waits for the compiler."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial

import torch

from worker.engine.config import is_large
from worker.model.config import E1Config
from worker.model.fused import EAGER, Fused, find_compiled
from worker.model.fused_by_torch import compile_parts

log = logging.getLogger(__name__)


class Compiling(threading.Thread):
    """A thread that finds or makes the compiled parts. `fused` is the result, `EAGER` if there are none."""

    def __init__(self, make: Callable[[], Fused]) -> None:
        super().__init__(name="compiling", daemon=True)
        self.fused: Fused = EAGER
        self._make = make

    def run(self) -> None:
        try:
            self.fused = self._make()
        except Exception as error:
            # PyTorch's compiler raises errors of many kinds, and none of them is a reason to compute nothing.
            log.warning("elementwise parts are not compiled, and a little slower: %s", error)


def compiling(config: E1Config, device: torch.device, dtype: torch.dtype | None = None) -> Compiling | None:
    """Start to compile for such a network; return None if it is too small, or the device has no compiled parts.

    A GPU needs the type of the products.
    """
    if not is_large(config):
        return None
    if device.type == "cpu":
        thread = Compiling(find_compiled)
    elif device.type == "cuda" and dtype is not None:
        thread = Compiling(partial(compile_parts, config, device, dtype))
    else:
        return None
    thread.start()
    return thread
