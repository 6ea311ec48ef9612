"""Attention over packed sequences: one function, two backends.

Queries and keys of all sequences lie one after the other in one array, without padding. A span says which rows attend
to which: rows `q_start:q_end` see keys `k_start:k_end`, all of them. Attention within sequences has a span per
sequence; block-causal attention has a span per sequence whose keys start where its instance starts.

The SDPA backend is the readable one and the oracle of the other. The flash-attn backend calls the varlen kernel of the
flash-attn package, which runs on CUDA in half precision.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that everybody knows


class Span(NamedTuple):
    """Rows `q_start:q_end` attend to keys `k_start:k_end`."""

    q_start: int
    q_end: int
    k_start: int
    k_end: int

    @property
    def lengths(self) -> tuple[int, int]:
        return self.q_end - self.q_start, self.k_end - self.k_start


Spans = Sequence[Span]
Attend = Callable[[Tensor, Tensor, Tensor, Spans], Tensor]
"""(q [T, heads, D], k and v [T, kv heads, D], spans that cover every row once) -> [T, heads, D]."""


def sdpa_attend(q_THD: Tensor, k_TGD: Tensor, v_TGD: Tensor, spans: Spans) -> Tensor:
    """Attention by torch's scaled_dot_product_attention, spans of equal lengths in one call. Any device, any dtype."""
    shared = q_THD.shape[1] != k_TGD.shape[1]
    groups: dict[tuple[int, int], list[Span]] = defaultdict(list)
    for span in spans:
        groups[span.lengths].append(span)
    pieces: list[tuple[Span, Tensor]] = []
    for group in groups.values():
        q_BHLD = torch.stack([q_THD[s.q_start : s.q_end] for s in group]).transpose(1, 2)
        k_BGLD = torch.stack([k_TGD[s.k_start : s.k_end] for s in group]).transpose(1, 2)
        v_BGLD = torch.stack([v_TGD[s.k_start : s.k_end] for s in group]).transpose(1, 2)
        out_BHLD = F.scaled_dot_product_attention(q_BHLD, k_BGLD, v_BGLD, enable_gqa=shared)
        pieces.extend(zip(group, out_BHLD.transpose(1, 2), strict=True))
    pieces.sort(key=lambda piece: piece[0].q_start)
    return torch.cat([out_LHD for _, out_LHD in pieces])


def rounds(spans: Spans) -> list[list[Span]]:
    """Split spans into rounds in which no key is used twice: the varlen kernel takes disjoint key ranges only.

    The first sequences of all instances make the first round, the second ones the next, and so on.
    """
    result: list[list[Span]] = []
    depth_of: dict[int, int] = defaultdict(int)
    for span in spans:
        depth = depth_of[span.k_start]
        depth_of[span.k_start] += 1
        if depth == len(result):
            result.append([])
        result[depth].append(span)
    return result


def flash_attend_with(kernel: Callable[..., Any]) -> Attend:
    """The flash-attn backend over `kernel`, whose signature is that of `flash_attn_varlen_func`."""

    def attend(q_THD: Tensor, k_TGD: Tensor, v_TGD: Tensor, spans: Spans) -> Tensor:
        out_THD = torch.empty_like(q_THD)
        for group in rounds(spans):
            q_lengths, k_lengths = zip(*(s.lengths for s in group), strict=True)
            rows = _rows([(s.q_start, s.q_end) for s in group], q_THD.device)
            keys = _rows([(s.k_start, s.k_end) for s in group], q_THD.device)
            out_THD[rows] = kernel(
                q_THD[rows],
                k_TGD[keys],
                v_TGD[keys],
                _offsets(q_lengths, q_THD.device),
                _offsets(k_lengths, q_THD.device),
                max(q_lengths),
                max(k_lengths),
            )
        return out_THD

    return attend


def _rows(ranges: list[tuple[int, int]], device: torch.device) -> slice | Tensor:
    """Row numbers of the ranges; a slice where they follow each other, so that nothing is copied."""
    if all(a[1] == b[0] for a, b in pairwise(ranges)):
        return slice(ranges[0][0], ranges[-1][1])
    return torch.cat([torch.arange(start, end, device=device) for start, end in ranges])


def _offsets(lengths: Sequence[int], device: torch.device) -> Tensor:
    """Cumulative lengths from 0, int32 [len + 1], as the kernel wants them."""
    return F.pad(torch.tensor(lengths, dtype=torch.int32).cumsum(0, dtype=torch.int32), (1, 0)).to(device)


def flash_attn_kernel() -> Callable[..., Any] | None:
    """flash-attn's varlen kernel, or None where the package is not installed."""
    try:
        from flash_attn import flash_attn_varlen_func
    except ImportError:
        return None
    return flash_attn_varlen_func  # type: ignore[no-any-return]


def choose_backend(device: torch.device, dtype: torch.dtype) -> tuple[str, Attend]:
    """Name and function of the backend for this device: flash-attn on CUDA in half precision, else SDPA."""
    if device.type == "cuda" and dtype in (torch.bfloat16, torch.float16):
        kernel = flash_attn_kernel()
        if kernel is not None:
            return "flash-attn", flash_attend_with(kernel)
    return "sdpa", sdpa_attend
