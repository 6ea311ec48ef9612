"""The architecture of a checkpoint, read from its `config.json` and checked once."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from worker.model.errors import CheckpointError

VOCABULARY = 34


@dataclass(frozen=True, slots=True)
class E1Config:
    """Shapes and constants of an E1 network. No field has a default: every value comes from the file."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    clip_qkv: float
    global_attention_every_n_layers: int
    rope_theta_within_seq: float
    rope_theta_global: float
    max_num_positions_within_seq: int
    max_num_positions_global: int
    max_num_sequences: int
    rms_norm_eps: float

    @property
    def head_size(self) -> int:
        return self.hidden_size // self.num_attention_heads

    @property
    def key_value_size(self) -> int:
        return self.num_key_value_heads * self.head_size

    @property
    def max_residues(self) -> int:
        """Longest sequence: the four boundary tokens need positions too."""
        return self.max_num_positions_within_seq - 4

    @property
    def max_contexts(self) -> int:
        """Most context sequences: the query counts as one of the instance's sequences."""
        return self.max_num_sequences - 1

    def is_global(self, layer: int) -> bool:
        """Return whether layer `layer` (0-based) attends over the whole instance, not within each sequence."""
        return (layer + 1) % self.global_attention_every_n_layers == 0

    def parameters(self) -> int:
        """Return the number of weights in a checkpoint of this shape."""
        H, I, KV = self.hidden_size, self.intermediate_size, self.key_value_size
        layer = 2 * H + 2 * H * H + 2 * H * KV + 3 * H * I
        head = (H * H + H) + 2 * H + (self.vocab_size * H + self.vocab_size)
        return (self.vocab_size + self.max_num_sequences) * H + self.num_hidden_layers * layer + H + head


FIXED: dict[str, Any] = {
    "model_type": "E1",
    "vocab_size": VOCABULARY,
    "hidden_act": "silu",
    "gated_mlp": True,
    "tie_word_embeddings": False,
}
"""Settings for which this implementation knows only one value."""


def parse_config(raw: dict[str, Any], where: str) -> E1Config:
    """Build the configuration from the decoded `config.json`.

    Raises CheckpointError if a value is missing, has the wrong type, or does not describe a valid E1.
    """
    for name, expected in FIXED.items():
        if raw.get(name) != expected:
            raise CheckpointError(f"{where}: {name} is {raw.get(name)!r}; this program knows {expected!r} only")
    values: dict[str, Any] = {}
    for f in fields(E1Config):
        value = raw.get(f.name)
        if f.type == "float" and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        expected_type = int if f.type == "int" else float
        if not isinstance(value, expected_type) or isinstance(value, bool) or value <= 0:
            raise CheckpointError(f"{where}: {f.name} is {value!r}, expected a positive {expected_type.__name__}")
        values[f.name] = value
    config = E1Config(**values)
    if config.hidden_size % config.num_attention_heads or config.head_size % 2:
        raise CheckpointError(f"{where}: hidden_size {config.hidden_size} does not split into even-sized heads")
    if config.num_attention_heads % config.num_key_value_heads:
        raise CheckpointError(
            f"{where}: {config.num_attention_heads} heads cannot share {config.num_key_value_heads} kv heads evenly"
        )
    return config


def read_config(path: Path) -> E1Config:
    """Read `config.json`. Raises CheckpointError if it is missing or not a JSON object."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(
            f"{path} does not exist; a checkpoint is a folder with config.json and model.safetensors"
        ) from None
    except ValueError as error:
        raise CheckpointError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(raw, dict):
        raise CheckpointError(f"{path} is not a JSON object")
    return parse_config(raw, str(path))
