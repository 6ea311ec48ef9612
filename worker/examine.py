"""What a worker would find on this machine, as JSON: `python -m worker.examine MODEL...`.

A process of its own, because a broken PyTorch or driver may end the one that loads it.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from e1protocol import MODELS


def examine(models: list[str]) -> dict[str, Any]:
    """Return PyTorch's version and devices, and the place of each model's weights, or why there is none."""
    import torch

    from worker.model.fused import find_compiler

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
    found["precision"] = {
        model: _precision(Path(has["place"])) for model, has in found["weights"].items() if "place" in has
    }
    found["attention"] = {
        model: _attention(Path(has["place"])) for model, has in found["weights"].items() if "place" in has
    }
    found["compiler"] = find_compiler() or ""
    return found


def _precision(folder: Path) -> str:
    """Return the type that a worker here would compute in, and why. Speed is measured; accuracy needs the weights."""
    import torch

    from worker.engine.config import EngineConfig
    from worker.engine.precision import WORTH_IT, speed_figures, without_weights
    from worker.engine.runner import pick_device
    from worker.model.config import read_config

    config, engine = read_config(folder / "config.json"), EngineConfig()
    if choice := without_weights(config, engine.precision, pick_device(engine.device)):
        return str(choice)
    with torch.inference_mode():
        figures = speed_figures(config)
    times = ", ".join(f"{name} {value:.2f} times as fast" for name, value in figures.items())
    if min(figures.values()) < WORTH_IT:
        return f"float32: bfloat16 is not faster on this processor ({times})"
    return f"bfloat16 if it is accurate enough, which a worker checks at its start ({times})"


def _attention(folder: Path) -> str:
    """Return the attention that a worker here would use, by its name in provenance. It may run the C compiler."""
    import torch

    from worker.engine.config import EngineConfig, is_large
    from worker.engine.runner import best_backend, pick_device
    from worker.model.attention import choose_backend
    from worker.model.config import read_config
    from worker.model.fused import find_compiled

    config, device, flash = read_config(folder / "config.json"), pick_device(EngineConfig().device), None
    if device.type == "cpu" and is_large(config):
        with suppress(OSError):
            flash = find_compiled().flash
    names = [
        best_backend(choose_backend(device, dtype), flash, config, dtype).name
        for dtype in (torch.bfloat16, torch.float32)
    ]
    return names[0] if names[0] == names[1] else f"{names[0]} in bfloat16, {names[1]} in float32"


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
