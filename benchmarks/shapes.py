"""Checkpoints of the released shapes with random weights: speed does not depend on the weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from e1protocol import CANONICAL
from worker.model.config import E1Config, read_config
from worker.model.e1 import E1
from worker.model.loader import save_model

COMMON = {
    "model_type": "E1",
    "vocab_size": 34,
    "hidden_act": "silu",
    "gated_mlp": True,
    "tie_word_embeddings": False,
    "clip_qkv": 8.0,
    "global_attention_every_n_layers": 3,
    "rope_theta_within_seq": 1e4,
    "rope_theta_global": 5e5,
    "max_num_positions_within_seq": 8192,
    "max_num_positions_global": 65536,
    "max_num_sequences": 512,
    "rms_norm_eps": 1e-5,
}
SHAPES = {
    "tiny": {"hidden_size": 64, "intermediate_size": 192, "num_hidden_layers": 6, "num_attention_heads": 4},
    "e1-150m": {"hidden_size": 768, "intermediate_size": 2304, "num_hidden_layers": 20, "num_attention_heads": 12},
    "e1-300m": {"hidden_size": 1024, "intermediate_size": 3072, "num_hidden_layers": 20, "num_attention_heads": 16},
    "e1-600m": {"hidden_size": 1280, "intermediate_size": 3840, "num_hidden_layers": 30, "num_attention_heads": 20},
}
"""From the published configurations; "tiny" is for testing the benchmarks themselves."""


def random_checkpoint(shape: str, folder: Path) -> Path:
    """Return a checkpoint of this shape below `folder`, in the released format; write it the first time."""
    path = folder / f"random-{shape}"
    if not (path / "model.safetensors").exists():
        path.mkdir(parents=True, exist_ok=True)
        raw = COMMON | SHAPES[shape] | {"num_key_value_heads": SHAPES[shape]["num_attention_heads"]}
        (path / "config.json").write_text(json.dumps(raw))
        torch.manual_seed(0)
        save_model(E1(read_config(path / "config.json")), path / "model.safetensors", dtype=torch.bfloat16)
    return path


def proteins(count: int, shortest: int, longest: int, seed: int = 0) -> list[str]:
    """Return random sequences with lengths drawn uniformly from the range."""
    random = np.random.default_rng(seed)
    letters = np.array(list(CANONICAL))
    return ["".join(random.choice(letters, n)) for n in random.integers(shortest, longest, count, endpoint=True)]


def matrix_flops(config: E1Config, tokens: int) -> float:
    """Return the multiplications and additions of the layers' matrix products."""
    H, I, KV = config.hidden_size, config.intermediate_size, config.key_value_size
    return 2.0 * tokens * config.num_hidden_layers * (2 * H * H + 2 * H * KV + 3 * H * I)


def attention_flops(config: E1Config, within: float, whole: float) -> float:
    """Return the multiplications and additions of attention.

    `within` and `whole` are the numbers of token pairs that attend to each other in the two kinds of layers.
    """
    layers_global = sum(config.is_global(index) for index in range(config.num_hidden_layers))
    layers_within = config.num_hidden_layers - layers_global
    return 4.0 * config.hidden_size * (layers_within * within + layers_global * whole)
