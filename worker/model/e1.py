"""E1, the whole network in one file. Read it top-down, from `E1.hidden_states`.

The products and the attention compute in the type of the weights, which may be bfloat16. The residual stream, the
norms, the rotation and the head are float32 for any type.

Letters at the end of a tensor's name are its shape:

- T tokens of a packed batch, R selected rows, H hidden size, I intermediate size, V vocabulary;
- N attention heads, G key-value heads, D head size, E half of the head size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name

from worker.model.attention import Attend, Spans
from worker.model.config import E1Config
from worker.model.fused import EAGER, Fused
from worker.model.products import GatedProduct, Product
from worker.model.transfer import to_device

Rotation = tuple[Tensor, Tensor]
"""Cosine and sine of the rotary angles, each [T, 1, E] float32."""


@dataclass(frozen=True, slots=True)
class Packed:
    """Instances one after the other, without padding. An instance may follow a context from the cache.

    All tensors are int64 [T]. `within` has a span per sequence; `blocks` has a span per sequence whose keys start at
    the first token of its instance (block-causal).
    """

    tokens: Tensor
    sequence_ids: Tensor
    positions_within: Tensor
    positions_global: Tensor
    within: Spans
    blocks: Spans

    def to(self, device: torch.device) -> Packed:
        """Return the batch with all tensors on `device`, by one copy that waits for nothing."""
        if device.type == "cpu":
            return self
        given = (self.tokens, self.sequence_ids, self.positions_within, self.positions_global)
        tokens, ids, within, whole = to_device(torch.stack(given), device).unbind()
        return replace(self, tokens=tokens, sequence_ids=ids, positions_within=within, positions_global=whole)


class E1(nn.Module):
    """The network. `hidden_states` runs as many layers as the caller consumes; `head` maps rows to logits."""

    def __init__(self, config: E1Config) -> None:
        super().__init__()
        self.config = config
        self.fused = EAGER
        self.embed_tokens = Table(config.vocab_size, config.hidden_size)
        self.embed_seq_id = Table(config.max_num_sequences, config.hidden_size)
        self.layers = nn.ModuleList(Layer(config, config.is_global(k)) for k in range(config.num_hidden_layers))
        self.norm = RMSNorm(config)
        self.mlm_head = Head(config)

    def hidden_states(
        self, batch: Packed, attend: Attend, attend_global: Iterator[Attend] | None = None
    ) -> Iterator[tuple[int, Tensor]]:
        """Yield (0, embedding sum), (1, after the first layer) ... (layers, after the last layer and the final norm).

        Each tensor is float32 [T, H]. The computation ends when the caller stops iterating. `attend_global` yields
        another attention for each global layer in turn, which also attends to contexts from the cache.
        """
        x_TH = self.embed_tokens(batch.tokens) + self.embed_seq_id(batch.sequence_ids)
        yield 0, x_TH
        within = self._rotation(batch.positions_within, self.config.rope_theta_within_seq)
        whole = self._rotation(batch.positions_global, self.config.rope_theta_global)
        fused = self.fused
        for index, layer in enumerate(self.layers, start=1):
            if layer.is_global:
                x_TH = layer(x_TH, whole, batch.blocks, next(attend_global) if attend_global else attend, fused)
            else:
                x_TH = layer(x_TH, within, batch.within, attend, fused)
            yield index, (x_TH if index < len(self.layers) else self.norm(x_TH, fused, torch.float32))

    def remember(self, batch: Packed, attend: Attend, depth: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield keys and values, each [T, G, D], of the global layers among the first `depth`, in order.

        A query needs nothing else of its context, because layers within sequences see the query alone. The last
        global layer is not finished, and the layers above it are not run.
        """
        last = max((index for index in range(depth) if self.config.is_global(index)), default=-1)
        x_TH = self.embed_tokens(batch.tokens) + self.embed_seq_id(batch.sequence_ids)
        within = self._rotation(batch.positions_within, self.config.rope_theta_within_seq)
        whole = self._rotation(batch.positions_global, self.config.rope_theta_global)
        fused = self.fused
        for index, module in enumerate(self.layers[: last + 1]):
            layer = cast(Layer, module)
            q_TND, k_TGD, v_TGD = layer.project(x_TH, whole if layer.is_global else within, fused)
            if layer.is_global:
                yield k_TGD, v_TGD
            if index < last:
                spans = batch.blocks if layer.is_global else batch.within
                x_TH = layer.finish(x_TH, attend(q_TND, k_TGD, v_TGD, spans), fused)

    def head(self, x_RH: Tensor) -> Tensor:
        """Return the logits over the vocabulary [R, V] of rows after the final norm, always in float32."""
        logits_RV: Tensor = self.mlm_head(x_RH.float())
        return logits_RV

    def _rotation(self, positions_T: Tensor, theta: float) -> Rotation:
        D = self.config.head_size
        exponents = torch.arange(0, D, 2, dtype=torch.float32, device=positions_T.device) / D
        angles_T1E = (positions_T[:, None].float() * (1.0 / theta**exponents))[:, None]
        return angles_T1E.cos(), angles_T1E.sin()


class Table(nn.Module):
    """An embedding table.

    nn.Embedding initialises from a normal distribution, which costs three seconds of imports on the meta device that
    the loader uses.
    """

    def __init__(self, rows: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(rows, width).uniform_(-0.02, 0.02))

    def forward(self, numbers_T: Tensor) -> Tensor:
        return F.embedding(numbers_T, self.weight).float()


class Layer(nn.Module):
    """Attention and a gated feed-forward, each added to the residual stream."""

    def __init__(self, config: E1Config, is_global: bool) -> None:
        super().__init__()
        self.is_global = is_global
        self.attention_norm = RMSNorm(config)
        self.attention = Attention(config)
        self.feed_forward_norm = RMSNorm(config)
        self.feed_forward = FeedForward(config)

    def forward(self, x_TH: Tensor, rotation: Rotation, spans: Spans, attend: Attend, fused: Fused) -> Tensor:
        return self.finish(x_TH, attend(*self.project(x_TH, rotation, fused), spans), fused)

    def project(self, x_TH: Tensor, rotation: Rotation, fused: Fused) -> tuple[Tensor, Tensor, Tensor]:
        """Return rotated queries [T, N, D] and keys [T, G, D], and values [T, G, D]."""
        return self.attention.project(self.attention_norm(x_TH, fused, self.attention.qkv.dtype), rotation, fused)

    def finish(self, x_TH: Tensor, attended_TND: Tensor, fused: Fused) -> Tensor:
        """Return the output of the layer [T, H] from its attention."""
        x_TH = self.attention.out.added(attended_TND.reshape(len(x_TH), -1), x_TH, fused)
        gate_up, down = self.feed_forward.gate_up, self.feed_forward.down
        return down.added(gate_up(self.feed_forward_norm(x_TH, fused, gate_up.dtype), fused), x_TH, fused)


class Attention(nn.Module):
    """Rotary attention. q, k and v come from one fused product and are clamped before the rotation."""

    def __init__(self, config: E1Config) -> None:
        super().__init__()
        self.heads, self.kv_heads = config.num_attention_heads, config.num_key_value_heads
        self.head_size, self.clip = config.head_size, config.clip_qkv
        self.qkv = Product(config.hidden_size, config.hidden_size + 2 * config.key_value_size)
        self.out = Product(config.hidden_size, config.hidden_size)

    def project(self, x_TH: Tensor, rotation: Rotation, fused: Fused) -> tuple[Tensor, Tensor, Tensor]:
        qkv_TO = self.qkv(x_TH) if fused.clamps else self.qkv.clamped(x_TH, self.clip)
        qkv_TMD = qkv_TO.view(len(x_TH), -1, self.head_size)
        qk, v_TGD = fused.rotate(qkv_TMD, self.heads + self.kv_heads, *rotation, self.clip)
        q_TND, k_TGD = torch.split(qk, [self.heads, self.kv_heads], dim=1)
        return q_TND, k_TGD, v_TGD


class FeedForward(nn.Module):
    """silu(w1 x) * w3 x, with w1 and w3 in `gate_up`. `down` is w2."""

    def __init__(self, config: E1Config) -> None:
        super().__init__()
        self.gate_up = GatedProduct(config.hidden_size, config.intermediate_size)
        self.down = Product(config.intermediate_size, config.hidden_size)


class RMSNorm(nn.Module):
    """x / sqrt(mean(x^2) + eps) * weight, from float32."""

    def __init__(self, config: E1Config) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(config.hidden_size))
        self.eps = config.rms_norm_eps

    def forward(self, x_TH: Tensor, fused: Fused, dtype: torch.dtype) -> Tensor:
        return fused.norm(x_TH, self.weight, self.eps, dtype)


class Head(nn.Module):
    """Linear, exact GELU, LayerNorm, Linear to the vocabulary; all with bias."""

    def __init__(self, config: E1Config) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.rms_norm_eps)
        self.out = nn.Linear(config.hidden_size, config.vocab_size)

    def forward(self, x_RH: Tensor) -> Tensor:
        logits_RV: Tensor = self.out(self.norm(F.gelu(self.dense(x_RH))))
        return logits_RV
