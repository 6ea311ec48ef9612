"""The elementwise parts of a layer on a GPU: formulas that PyTorch's compiler makes into one kernel each.

Each is written so that a single pass over its result is enough: no part is joined from others. `worker.model.fused` has
the readable ones, which are the oracle. tests/gpu counts the kernels on a device.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its usual name

from worker.model.config import E1Config
from worker.model.fused import Fused, cache_folder

WARM_TOKENS = (512, 768)
"""Rows of the first calls. After a second size the compiler takes any number of rows."""


def norm(x_TH: Tensor, weight_H: Tensor, eps: float, dtype: torch.dtype) -> Tensor:
    scale_T1 = torch.rsqrt(x_TH.square().mean(dim=-1, keepdim=True) + eps)
    return (x_TH * scale_T1 * weight_H).to(dtype)


def turn(x_TND: Tensor, heads: int, cos_T1E: Tensor, sin_T1E: Tensor, limit: float) -> Tensor:
    """Clamp all heads, and rotate the first ones. The halves of a head swap by `flip`, with the sign in the sine."""
    T, N, D = x_TND.shape
    x_TN2E = x_TND.clamp(-limit, limit).float().view(T, N, 2, D // 2)
    sign_21 = torch.arange(2, device=x_TND.device)[:, None] * 2 - 1
    turned_TN2E = x_TN2E * cos_T1E[:, :, None] + x_TN2E.flip(2) * (sin_T1E[:, :, None] * sign_21)
    is_turned_N11 = torch.arange(N, device=x_TND.device)[:, None, None] < heads
    return torch.where(is_turned_N11, turned_TN2E, x_TN2E).to(x_TND.dtype).view(T, N, D)


def add(x_TH: Tensor, y_TH: Tensor) -> Tensor:
    return x_TH + y_TH


def gate(gate_up_T2I: Tensor) -> Tensor:
    gate_TI, up_TI = gate_up_T2I.float().chunk(2, dim=-1)
    return (F.silu(gate_TI) * up_TI).to(gate_up_T2I.dtype)


def merge(a_TND: Tensor, a_TN: Tensor, b_TND: Tensor, b_TN: Tensor) -> Tensor:
    weight_TN1 = torch.sigmoid(b_TN - a_TN)[..., None]
    return torch.lerp(a_TND.float(), b_TND.float(), weight_TN1).to(a_TND.dtype)


def parts(made_of: Callable[[Callable[..., Tensor]], Any] = lambda function: function) -> Fused:
    """Return the parts, each made of its formula by `made_of`."""
    turned = made_of(turn)

    def rotate(
        x_TND: Tensor, heads: int, cos_T1E: Tensor, sin_T1E: Tensor, limit: float = float("inf")
    ) -> tuple[Tensor, Tensor]:
        whole_TND = turned(x_TND, heads, cos_T1E, sin_T1E, limit)
        return whole_TND[:, :heads], whole_TND[:, heads:]

    return Fused(
        "compiled by PyTorch",
        norm=made_of(norm),
        rotate=rotate,
        add=made_of(add),
        gate=made_of(gate),
        merge=made_of(merge),
        clamps=True,
    )


def compile_parts(config: E1Config, device: torch.device, dtype: torch.dtype) -> Fused:
    """Return the parts, compiled for networks of this shape whose products have this type.

    Raises the compiler's errors, such as a missing Triton or C compiler.
    """
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_folder() / "torch"))
    import torch._inductor.config as inductor

    # Six small kernels are not worth a pool of processes, which would outlive the thread that compiles.
    with inductor.patch(compile_threads=1), torch.inference_mode():
        made = parts(lambda function: torch.compile(function, fullgraph=True))
        for tokens in WARM_TOKENS:
            warm_up(made, config, device, dtype, tokens)
    return made


def warm_up(made: Fused, config: E1Config, device: torch.device, dtype: torch.dtype, tokens: int) -> None:
    """Call each part with arguments as the network has them."""
    H, N, D = config.hidden_size, config.num_attention_heads, config.head_size
    heads = N + config.num_key_value_heads
    x_TH, weight_H = torch.zeros(tokens, H, device=device), torch.ones(H, device=device)
    qkv_TMD = torch.zeros(tokens, heads + config.num_key_value_heads, D, device=device, dtype=dtype)
    angles_T1E, lse_NT = torch.zeros(tokens, 1, D // 2, device=device), torch.zeros(N, tokens, device=device)
    for kind in {dtype, torch.float32}:
        made.norm(x_TH, weight_H, config.rms_norm_eps, kind)
    made.rotate(qkv_TMD, heads, angles_T1E, angles_T1E, config.clip_qkv)
    made.add(x_TH, x_TH.to(dtype))
    made.gate(torch.zeros(tokens, 2 * config.intermediate_size, device=device, dtype=dtype))
    made.merge(qkv_TMD[:, :N].contiguous(), lse_NT.T, qkv_TMD[:, :N].contiguous(), lse_NT.T)
