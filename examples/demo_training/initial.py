"""Initial weights: random, with a look-up circuit in the attention layers.

Half an hour on two cores is too short to discover from random weights that homologs are useful. So the first layers
start with heads that gather the residues up to four places away. The heads of the global layers start by looking for
similar neighbourhoods in this and earlier sequences, and copy the residue found there. All weights are trained from the
first step. The hidden size is divided into three parts: residue, one constant dimension, and neighbourhood.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from worker.model.config import E1Config
from worker.model.e1 import E1, Attention, Layer
from worker.model.tokenizer import BOS, EOS, FIRST, LAST, LETTER_A

RESIDUE = 31
"""Dimensions 0..30 encode the residue, dimension 31 is constant, and the rest encodes the neighbourhood."""
CONSTANT = RESIDUE
NEIGHBOURHOOD = CONSTANT + 1

OFFSETS = ((-1, 1, -2, 2), (-3, 3, -4, 4))
"""Neighbours that the heads of the first and second layers gather."""
KERNEL = (1.0, 0.6, 0.5, 0.4, 0.3)
"""Weights of the fastest rotary frequencies, whose sum has one sharp peak."""
SHARPNESS = 6.0
MATCH = 16.0
"""Score of a neighbourhood matched with itself, well above the noise of some hundred keys."""
SLOW = 8
"""Rotary frequencies from this one on rotate little over the length of an instance, so they compare content."""
SELF_PENALTY = 4.0


def initialise(config: E1Config, seed: int) -> E1:
    """Return a new network. All sequence numbers start equal, so that rare ones differ little from others."""
    torch.manual_seed(seed)
    model = E1(config)
    layers = [layer for layer in model.layers if isinstance(layer, Layer)]
    for layer in layers:
        for matrix in (layer.attention.out.weight, layer.feed_forward.down.weight):
            matrix.data /= math.sqrt(2 * config.num_hidden_layers)
    model.embed_tokens.weight.data.normal_(std=0.02)
    shown = [BOS, EOS, FIRST, LAST, *(LETTER_A + ord(x) - ord("A") for x in "ABCDEFGHIKLMNOPQRSTUVWXYZ")]
    vectors = _orthonormal(RESIDUE, RESIDUE)[: len(shown)]
    vectors -= vectors[4:].mean(dim=0)  # so that common residues tell as little as rare ones
    model.embed_tokens.weight.data[shown, :RESIDUE] += vectors
    model.embed_seq_id.weight.data.zero_()[:, CONSTANT] = 1.0
    squares = 2.0
    for layer, offsets in zip(layers, OFFSETS, strict=False):
        _gather_neighbours(layer.attention, offsets, config.rope_theta_within_seq, squares)
        squares += len(offsets)
    for layer in layers:
        if layer.is_global:
            _copy_from_matches(layer.attention, squares)
    return model


def _orthonormal(rows: int, columns: int) -> Tensor:
    """Return a random matrix with orthonormal columns (rows >= columns)."""
    orthonormal: Tensor = torch.linalg.qr(torch.randn(rows, columns)).Q
    return orthonormal


def _parts(attention: Attention, head: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return views of one head's weights: q, k, v [D, H] and out [H, D]."""
    size, width = attention.head_size, attention.heads * attention.head_size
    q, k, v = (attention.qkv.weight.data[n * width + head * size :][:size] for n in range(3))
    return q, k, v, attention.out.weight.data[:, head * size : (head + 1) * size]


def _quieten(attention: Attention) -> None:
    """Scale down the random weights, which would drown the circuit; training may grow them again."""
    attention.qkv.weight.data *= 0.05
    attention.out.weight.data *= 0.05


def _unit(squares: float, hidden: int) -> float:
    """Return the length of a unit vector after the norm, if the residual stream holds `squares` of them."""
    return math.sqrt(hidden / squares)


def _gather_neighbours(attention: Attention, offsets: tuple[int, ...], theta: float, squares: float) -> None:
    """Make head n attend to the position `offsets[n]` away and add its residue, rotated, to the neighbourhood."""
    _quieten(attention)
    half = attention.head_size // 2
    hidden = attention.out.weight.shape[0]
    unit = _unit(squares, hidden)
    for head, offset in enumerate(offsets):
        q, k, v, out = _parts(attention, head)
        for f, weight in enumerate(KERNEL):
            angle = offset * theta ** (-f / half)
            size = math.sqrt(SHARPNESS * weight * math.sqrt(attention.head_size)) / unit
            q[f, CONSTANT] += size * math.cos(angle)
            q[f + half, CONSTANT] += size * math.sin(angle)
            k[f, CONSTANT] += size
        v[:RESIDUE, :RESIDUE] += torch.eye(RESIDUE) / unit
        out[NEIGHBOURHOOD:, :RESIDUE] += _orthonormal(hidden - NEIGHBOURHOOD, RESIDUE)


def _copy_from_matches(attention: Attention, squares: float) -> None:
    """Make every head compare neighbourhoods in its own random projection, avoid its own position, and copy."""
    _quieten(attention)
    half = attention.head_size // 2
    hidden = attention.out.weight.shape[0]
    unit = _unit(squares, hidden)
    slow = [*range(SLOW, half), *range(SLOW + half, attention.head_size)]
    width = hidden - NEIGHBOURHOOD
    neighbours = squares - 2
    matched = neighbours * unit**2 * len(slow) / width
    scale = math.sqrt(MATCH * math.sqrt(attention.head_size) / matched)
    for head in range(attention.heads):
        q, k, v, out = _parts(attention, head)
        projection = scale * _orthonormal(width, len(slow)).T
        q[slow, NEIGHBOURHOOD:] += projection
        k[slow, NEIGHBOURHOOD:] += projection
        for f in range(1, 6):
            size = math.sqrt(SELF_PENALTY / 5 * math.sqrt(attention.head_size)) / unit
            q[f, CONSTANT] -= size
            k[f, CONSTANT] += size
        v[:RESIDUE, :RESIDUE] += torch.eye(RESIDUE) / unit
        out[:RESIDUE, :RESIDUE] += torch.eye(RESIDUE)
