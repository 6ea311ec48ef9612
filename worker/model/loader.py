"""Loading and saving checkpoints: maps the released tensor names to the fused weights of `e1.py`, strictly."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from worker.model.config import E1Config, read_config
from worker.model.e1 import E1
from worker.model.errors import CheckpointError

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
_PRODUCT = re.compile(r"\.(attention\.(qkv|out)|feed_forward\.(gate_up|down))\.weight$")
"""Our parameters that are weights of products."""


def released_names(config: E1Config) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield (our parameter, the released tensors that it concatenates along dimension 0)."""
    yield "embed_tokens.weight", ("model.embed_tokens.weight",)
    yield "embed_seq_id.weight", ("model.embed_seq_id.weight",)
    for k in range(config.num_hidden_layers):
        ours, theirs = f"layers.{k}", f"model.layers.{k}"
        block = f"{theirs}.norm_attn_norm"
        yield f"{ours}.attention_norm.weight", (f"{block}.input_layernorm.weight",)
        yield f"{ours}.attention.qkv.weight", tuple(f"{block}.self_attn.{x}_proj.weight" for x in "qkv")
        yield f"{ours}.attention.out.weight", (f"{block}.self_attn.o_proj.weight",)
        yield f"{ours}.feed_forward_norm.weight", (f"{block}.post_attention_layernorm.weight",)
        yield f"{ours}.feed_forward.gate_up.weight", (f"{theirs}.ffn.mlp.w1.weight", f"{theirs}.ffn.mlp.w3.weight")
        yield f"{ours}.feed_forward.down.weight", (f"{theirs}.ffn.mlp.w2.weight",)
    yield "norm.weight", ("model.norm.weight",)
    for ours, theirs in (("dense", "0"), ("norm", "2"), ("out", "3")):
        for kind in ("weight", "bias"):
            yield f"mlm_head.{ours}.{kind}", (f"mlm_head.{theirs}.{kind}",)


def load_model(folder: Path, *, device: torch.device, dtype: torch.dtype) -> E1:
    """Load the checkpoint in `folder` for inference. `dtype` is the type of the products; the rest is float32.

    Raises CheckpointError for an unreadable file, and for a missing, left-over or wrongly shaped tensor.
    """
    config = read_config(folder / CONFIG)
    with torch.device("meta"):
        model = E1(config)
    shapes = {name: parameter.shape for name, parameter in model.named_parameters()}
    state: dict[str, Tensor] = {}
    path = folder / WEIGHTS
    if not path.is_file():
        raise CheckpointError(f"{path} does not exist; a checkpoint is a folder with {CONFIG} and {WEIGHTS}")
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            _check_names(path, expected=dict(released_names(config)), found=set(file.keys()))
            for ours, theirs in released_names(config):
                kept = dtype if _PRODUCT.search(ours) else torch.float32
                tensor = torch.cat([file.get_tensor(name) for name in theirs])
                if tensor.shape != shapes[ours]:
                    raise CheckpointError(
                        f"{path}: {' + '.join(theirs)} has shape {tuple(tensor.shape)}, "
                        f"but {CONFIG} requires {tuple(shapes[ours])}"
                    )
                state[ours] = tensor.to(device=device, dtype=kept)
    except SafetensorError as error:
        raise CheckpointError(f"{path} is not a readable safetensors file ({error}); fetch it again") from error
    model.load_state_dict(state, strict=True, assign=True)
    return model.eval().requires_grad_(False)


def _check_names(path: Path, *, expected: dict[str, tuple[str, ...]], found: set[str]) -> None:
    wanted = {name for names in expected.values() for name in names}
    missing, left_over = sorted(wanted - found), sorted(found - wanted)
    if missing or left_over:
        raise CheckpointError(
            f"{path} is not a checkpoint of this {CONFIG}: "
            f"{len(missing)} tensors missing {missing[:3]}, {len(left_over)} left over {left_over[:3]}"
        )


def save_model(model: E1, path: Path, *, dtype: torch.dtype) -> None:
    """Write the weights under their released names, which `load_model` and other programs read."""
    state = model.state_dict()
    tensors: dict[str, Tensor] = {}
    sizes = {"q": model.config.hidden_size, "k": model.config.key_value_size, "v": model.config.key_value_size}
    for ours, theirs in released_names(model.config):
        whole = state[ours]
        parts = whole.split(list(sizes.values())) if len(theirs) == len(sizes) else whole.chunk(len(theirs))
        for name, part in zip(theirs, parts, strict=True):
            tensors[name] = part.detach().to("cpu", dtype).contiguous()
    save_file(tensors, path, metadata={"format": "pt"})


def sha256_of(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
