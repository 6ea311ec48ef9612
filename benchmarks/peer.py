"""The engine compared with FastPLMs, which runs E1 one sequence at a time through an eager network.

FastPLMs is in no package registry. This network repeats the operations of its public source
(`fastplms/e1/modeling_e1.py`, backend "sdpa") with the weights of the engine:

- separate products for queries, keys, values, gate and up;
- rotary tables of the whole head, rotated by a copy, and norms by `rms_norm`;
- attention by SDPA with a mask [L, L], even for a single sequence;
- residuals added separately, all layers, and the head on every row.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its usual name

from benchmarks.measuring import Row, by_turns
from benchmarks.shapes import proteins
from e1protocol import Query
from worker.engine import Engine
from worker.engine.config import EngineConfig
from worker.model.e1 import E1, Attention, FeedForward
from worker.model.loader import load_model
from worker.model.tokenizer import CANONICAL_TOKENS, tokenize

FULL = frozenset({"mean", "logits"})


class OneByOne:
    """Eager E1 without contexts, one sequence a call. With `masks`, attention gets a mask that excludes nothing."""

    def __init__(self, model: E1, *, masks: bool = True) -> None:
        self._model, self._masks = model, masks
        config = model.config
        self._heads, self._size, self._clip = config.num_attention_heads, config.head_size, config.clip_qkv
        if config.key_value_size != config.hidden_size:
            raise ValueError("the peer needs as many key heads as query heads, as in the released shapes")
        self._weights = [
            (*_apart(layer.attention), layer.attention.out.plain, *_gates(layer.feed_forward)) for layer in model.layers
        ]
        self._tables = [
            _table(config.head_size, theta) for theta in (config.rope_theta_within_seq, config.rope_theta_global)
        ]

    @torch.inference_mode()
    def run(self, sequence: str) -> tuple[Tensor, Tensor]:
        """Return the mean of the last hidden state over the residues [H], and their canonical logits [L, 20]."""
        tokens = torch.from_numpy(tokenize(sequence))[None]
        ids = torch.zeros_like(tokens)
        positions = torch.arange(tokens.shape[1])[None]
        mask = (ids[:, None, :, None] == ids[:, None, None, :]) if self._masks else None
        model = self._model
        dtype = self._weights[0][0].dtype
        x = (F.embedding(tokens, model.embed_tokens.weight) + F.embedding(ids, model.embed_seq_id.weight)).to(dtype)
        for layer, weights in zip(model.layers, self._weights, strict=True):
            q_weight, k_weight, v_weight, out_weight, gate_weight, up_weight = weights
            eps = model.config.rms_norm_eps
            normed = F.rms_norm(x, x.shape[-1:], layer.attention_norm.weight.to(dtype), eps)
            q, k, v = (
                F.linear(normed, w).view(1, -1, self._heads, self._size).clamp(-self._clip, self._clip)
                for w in (q_weight, k_weight, v_weight)
            )
            cos, sin = (table[positions].unsqueeze(-2).to(dtype) for table in self._tables[layer.is_global])
            q, k = q * cos + _half_turned(q) * sin, k * cos + _half_turned(k) * sin
            q, k, v = (part.transpose(1, 2).contiguous() for part in (q, k, v))
            attended = F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).reshape(x.shape)
            x = x + F.linear(attended.contiguous(), out_weight)
            normed = F.rms_norm(x, x.shape[-1:], layer.feed_forward_norm.weight.to(dtype), eps)
            gated = F.silu(F.linear(normed, gate_weight)) * F.linear(normed, up_weight)
            x = x + F.linear(gated, layer.feed_forward.down.plain)
        x = F.rms_norm(x, x.shape[-1:], model.norm.weight.to(dtype), model.config.rms_norm_eps)
        logits = model.mlm_head(x.float())
        return x[0, 2:-2].mean(dim=0), logits[0, 2:-2][:, torch.from_numpy(CANONICAL_TOKENS)]


def _apart(attention: Attention) -> list[Tensor]:
    """Return separate copies of the weights of queries, keys and values, as in a checkpoint."""
    size = attention.qkv.plain.shape[0] // 3
    return [part.clone() for part in attention.qkv.plain.detach().split(size)]


def _gates(feed_forward: FeedForward) -> list[Tensor]:
    return [part.clone() for part in feed_forward.gate_up.plain.detach().chunk(2)]


def _table(size: int, theta: float, length: int = 8192) -> tuple[Tensor, Tensor]:
    """Return the cosines and sines of the whole head for all positions [length, D]."""
    angles = torch.outer(torch.arange(length).float(), theta ** -(torch.arange(0, size, 2).float() / size))
    angles = torch.cat((angles, angles), dim=1)
    return angles.cos(), angles.sin()


def _half_turned(x: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    return torch.cat((-second, first), dim=-1)


def against_peer(shape_folder: Path, *, repeats: int, count: int) -> Iterator[Row]:
    """Compare the peer with the engine in turns: same sequences, weights and outputs (mean and all logits)."""
    engine = Engine.load(shape_folder, EngineConfig(device="cpu"))
    texts = proteins(count, 60, 500)
    queries = [Query(text, (), (-1,), FULL) for text in texts]
    # Without packed weights, which the peer does not have. Its own type is the engine's.
    model = load_model(shape_folder, device=engine.runner.device, dtype=engine.runner.dtype)
    peers = {"as FastPLMs runs it": OneByOne(model)}
    peers["and without its masks"] = OneByOne(model, masks=False)
    works = {name: (lambda peer=peer: [peer.run(text) for text in texts]) for name, peer in peers.items()}
    times = by_turns({"engine": lambda: engine.encode(queries), **works}, repeats=repeats)
    shape = shape_folder.name.removeprefix("random-")
    for name in peers:
        yield Row(
            f"{shape}: one sequence at a time, {name}, over the engine",
            times[name].median / times["engine"].median,
            "ratio",
            ">= 1.20",
            times[name].noise + times["engine"].noise,
            {
                "ratio_by_processor_time": times[name].processor_median / times["engine"].processor_median,
                "sequences": count,
                "lengths": "60 to 500",
                "token_budget": engine.token_budget,
            },
        )
