"""What a worker would find on this machine, as JSON: `python -m worker.examine MODEL...`.

A process of its own, because a broken PyTorch or driver may end the one that loads it.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from e1protocol import MODELS


def examine(models: list[str]) -> dict[str, Any]:
    """Return PyTorch's version and devices, and the place of each model's weights, or why there is none."""
    import torch

    found: dict[str, Any] = {
        "torch": torch.__version__,
        "cuda_build": torch.version.cuda or "",
        "threads": torch.get_num_threads(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "devices": [],
    }
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            free, total = torch.cuda.mem_get_info(number)
            name = torch.cuda.get_device_name(number)
            found["devices"].append({"name": name, "free_bytes": free, "total_bytes": total})
    found["weights"] = {model: _weights(model) for model in models}
    return found


def _weights(model: str) -> dict[str, str]:
    """Return `place` or `trouble`. Nothing is downloaded."""
    from worker.model.errors import ModelError
    from worker.model.registry import on_this_machine

    if model not in MODELS:
        return {"trouble": f"there is no model {model!r}; the registered ones are {', '.join(MODELS)}"}
    try:
        return {"place": str(on_this_machine(model))}
    except ModelError as error:
        return {"trouble": str(error)}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(examine(sys.argv[1:])) + "\n")
