"""What to install for a part of the service that is missing here, and how much that brings."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

TORCH = "torch>=2.9,<2.14"
"""The range of PyTorch: the extra `ml` would replace any other, and bring CUDA for the purpose."""
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
"""PyTorch's own index of builds without CUDA."""


def install_command(extra: str = "service") -> str:
    """Return the command that installs an extra in a checkout, with a warning if it would bring CUDA for no use.

    The extra `service` has everything, and `ml` the network alone.
    """
    command = f"pip install '.[{extra}]' in a checkout"
    if brings_cuda():
        command += (
            f" (there is no GPU here: run `pip install '{TORCH}' --index-url {CPU_INDEX}` first, "
            "or it brings about 5 GB of CUDA)"
        )
    return command


def brings_cuda() -> bool:
    """Return whether the standard build of PyTorch would be installed on a Linux machine without an NVIDIA GPU."""
    if sys.platform != "linux" or importlib.util.find_spec("torch") is not None:
        return False
    return not any(Path("/dev").glob("nvidia[0-9]*"))
