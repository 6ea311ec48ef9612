"""What bfloat16 costs: the reference's own way to compute in it, and differences between two ways.

The reference implementation runs under autocast: each operation rounds its result to bfloat16, the residual stream and
the head included. So the released models were scored and published with errors of that size, which makes them the
measure of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its usual name

from e1protocol import CANONICAL
from worker.model.attention import sdpa_attend
from worker.model.e1 import E1, Layer, Packed
from worker.model.tokenizer import CANONICAL_TOKENS

Array = NDArray[np.float32]
HALF = torch.bfloat16


@dataclass(frozen=True, slots=True)
class Outputs:
    """The last hidden state [T, H] and the canonical logits [T, 20] of a packed batch, both float32."""

    hidden: Array
    logits: Array


@torch.inference_mode()
def outputs_of(model: E1, batch: Packed) -> Outputs:
    """Run the network as it is, without packing into passes, and without a cache."""
    for _, x_TH in model.hidden_states(batch, sdpa_attend):
        last = x_TH
    return Outputs(last.numpy(), model.head(last).numpy()[:, CANONICAL_TOKENS])


@torch.inference_mode()
def reference_outputs(model: E1, batch: Packed) -> Outputs:
    """Run the network with the roundings of the reference. The weights of `model` may be float32 or bfloat16."""
    eps = model.config.rms_norm_eps

    def norm(x_TH: Tensor, weight: Tensor) -> Tensor:
        return F.rms_norm(x_TH, weight.shape, weight.to(HALF), eps)

    within = _table(batch.positions_within, model.config.rope_theta_within_seq, model.config.head_size)
    whole = _table(batch.positions_global, model.config.rope_theta_global, model.config.head_size)
    x_TH = (model.embed_tokens(batch.tokens) + model.embed_seq_id(batch.sequence_ids)).to(HALF)
    for module in model.layers:
        layer = cast(Layer, module)
        attention, feed_forward = layer.attention, layer.feed_forward
        qkv = F.linear(norm(x_TH, layer.attention_norm.weight), attention.qkv.plain.to(HALF))
        qkv = qkv.clamp(-attention.clip, attention.clip).view(len(x_TH), -1, attention.head_size)
        q, k, v = torch.split(qkv, [attention.heads, attention.kv_heads, attention.kv_heads], dim=1)
        cos, sin = whole if layer.is_global else within
        q, k = q * cos + _half_turned(q) * sin, k * cos + _half_turned(k) * sin
        attended = sdpa_attend(q, k, v, batch.blocks if layer.is_global else batch.within)
        x_TH = x_TH + F.linear(attended.reshape(len(x_TH), -1), attention.out.plain.to(HALF))
        gate, up = feed_forward.gate_up.plain.to(HALF).chunk(2)
        normed = norm(x_TH, layer.feed_forward_norm.weight)
        gated = F.silu(F.linear(normed, gate)) * F.linear(normed, up)
        x_TH = x_TH + F.linear(gated, feed_forward.down.plain.to(HALF))
    x_TH = norm(x_TH, model.norm.weight)
    with torch.autocast("cpu", HALF):
        logits = model.mlm_head(x_TH)
    return Outputs(x_TH.float().numpy(), logits.float().numpy()[:, CANONICAL_TOKENS])


def _table(positions_T: Tensor, theta: float, size: int) -> tuple[Tensor, Tensor]:
    """Return cosines and sines of whole heads, rounded, each [T, 1, D]."""
    angles = positions_T[:, None].float() * theta ** -(torch.arange(0, size, 2).float() / size)
    angles = torch.cat((angles, angles), dim=1)[:, None]
    return angles.cos().to(HALF), angles.sin().to(HALF)


def _half_turned(x: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    return torch.cat((-second, first), dim=-1)


def relative_error(found: Array, exact: Array) -> float:
    """Return the root mean square of the differences, in units of that of the exact numbers around their mean."""
    spread = float(np.sqrt(np.mean((exact - exact.mean(axis=0)) ** 2)))
    return float(np.sqrt(np.mean((found - exact) ** 2))) / spread if spread else 0.0


def scan_scores(logits_LV: Array, sequence: str) -> Array:
    """Return log p(mutant) - log p(residue) of all substitutions, from the logits of one unmasked pass [L * 19]."""
    logs = torch.from_numpy(logits_LV).double().log_softmax(dim=1).numpy()
    own = np.array([CANONICAL.index(letter) for letter in sequence])
    others = np.arange(len(CANONICAL)) != own[:, None]
    scores: Array = (logs - logs[np.arange(len(own)), own][:, None])[others]
    return scores


def spearman(a: Array, b: Array) -> float:
    """Return Spearman's correlation, NaN for constant numbers. Equal numbers share the mean of their ranks.

    `jobs.science.variants.metrics` has the same function. It isn't imported, because an engine needs nothing of the
    service, so that `e1 verify` and `tests/gpu` run with PyTorch alone. A test compares both.
    """
    ranks_a, ranks_b = _centred_ranks(a), _centred_ranks(b)
    scale = np.sqrt((ranks_a @ ranks_a) * (ranks_b @ ranks_b))
    return float(ranks_a @ ranks_b / scale) if scale else float("nan")


def _centred_ranks(values: Array) -> NDArray[np.float64]:
    _, where, counts = np.unique(values.ravel(), return_inverse=True, return_counts=True)
    ranks = (counts.cumsum() - (counts - 1) / 2.0)[where]
    return np.asarray(ranks - ranks.mean())
