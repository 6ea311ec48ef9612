"""Attention over packed sequences: one function, several backends.

The queries and keys of all sequences are one array without padding. In a span, each of the rows `q_start:q_end` attends
to all keys `k_start:k_end`. Attention within sequences has a span per sequence. Block-causal attention has a span per
sequence whose keys begin at the start of its instance.

Attention over two sets of keys is the mean of both attentions, weighted by their sums of exponentials (`merge`). So
many queries attend to a shared context in place, without a copy for each query.

The SDPA backend is the readable one, and the oracle of the others. The varlen backends call one kernel for all
sequences, on CUDA in half precision: that of flash-attn if it is installed, else that of PyTorch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its usual name

from worker.model.transfer import to_device


class Span(NamedTuple):
    """A rule of attention: rows `q_start:q_end` attend to keys `k_start:k_end`."""

    q_start: int
    q_end: int
    k_start: int
    k_end: int

    @property
    def lengths(self) -> tuple[int, int]:
        return self.q_end - self.q_start, self.k_end - self.k_start


Spans = tuple[Span, ...]
Attend = Callable[[Tensor, Tensor, Tensor, Spans], Tensor]
"""(q [T, N, D], k and v [S, G, D], spans that cover every row of q once) -> [T, N, D]."""

Flash = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""(q [B, N, L, D], k and v [B, N, S, D]) -> ([B, N, L, D], log-sum-exp [B, N, L, 1])."""

AttendLse = Callable[[Tensor, Tensor, Tensor, Spans], tuple[Tensor, Tensor]]
"""The same, with the logarithm of each row's sum of exponentials, float32 [T, N]."""


class Backend(NamedTuple):
    """An implementation of attention; provenance records its `name`.

    If `joins`, one call takes any number of spans with keys of their own, of any lengths, in one kernel.
    """

    name: str
    attend: Attend
    attend_lse: AttendLse
    joins: bool = False


def merge(a_TND: Tensor, a_TN: Tensor, b_TND: Tensor, b_TN: Tensor) -> Tensor:
    """Merge the attentions over two disjoint sets of keys, each with its log-sum-exp. [T, N, D], dtype of the first.

    softmax over both sets is lerp(a, b, exp(lse_b) / (exp(lse_a) + exp(lse_b))).
    """
    weight_TN1 = torch.sigmoid(b_TN - a_TN)[..., None]
    return torch.lerp(a_TND.float(), b_TND.float(), weight_TN1).to(a_TND.dtype)


# --- SDPA ---


def sdpa_attend(q_TND: Tensor, k_SGD: Tensor, v_SGD: Tensor, spans: Spans, flash: Flash | None = None) -> Tensor:
    """Attend by scaled_dot_product_attention, one call for all spans of equal lengths. Any device, any dtype.

    `flash` takes the place of PyTorch's kernel on a CPU.
    """
    shared = q_TND.shape[1] != k_SGD.shape[1]

    def attend(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, ...]:
        if not shared and q.device.type == "cpu":
            return (flash or cpu_flash)(q, k, v)[:1]
        return (F.scaled_dot_product_attention(q, k, v, enable_gqa=shared),)

    return _by_lengths(attend, q_TND, k_SGD, v_SGD, spans)[0]


def sdpa_attend_lse(
    q_TND: Tensor, k_SGD: Tensor, v_SGD: Tensor, spans: Spans, flash: Flash | None = None
) -> tuple[Tensor, Tensor]:
    """Attend as `sdpa_attend` does, and return the log-sum-exp, which the public function does not."""
    share = q_TND.shape[1] // k_SGD.shape[1]
    if share > 1:
        k_SGD, v_SGD = (x.repeat_interleave(share, dim=1) for x in (k_SGD, v_SGD))
    attend = (flash or cpu_flash) if q_TND.device.type == "cpu" else _softmax
    out_TND, lse_TN1 = _by_lengths(attend, q_TND, k_SGD, v_SGD, spans)
    return out_TND, lse_TN1[..., 0]


def _by_lengths(
    attend: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, ...]],
    q_TND: Tensor,
    k_SGD: Tensor,
    v_SGD: Tensor,
    spans: Spans,
) -> list[Tensor]:
    """Call `attend` on [B, N, L, D] once for all spans of equal lengths; return its results as rows in q's order."""
    groups: dict[tuple[int, int], list[Span]] = defaultdict(list)
    for span in spans:
        groups[span.lengths].append(span)
    pieces: list[tuple[Span, tuple[Tensor, ...]]] = []
    for group in groups.values():
        q_BNLD = _stacked(q_TND, [(s.q_start, s.q_end) for s in group])
        k_BGLD = _stacked(k_SGD, [(s.k_start, s.k_end) for s in group])
        v_BGLD = _stacked(v_SGD, [(s.k_start, s.k_end) for s in group])
        results = (result.transpose(1, 2) for result in attend(q_BNLD, k_BGLD, v_BGLD))
        pieces.extend(zip(group, zip(*results, strict=True), strict=True))
    pieces.sort(key=lambda piece: piece[0].q_start)
    return [torch.cat(rows) for rows in zip(*(results for _, results in pieces), strict=True)]


def _stacked(x_TND: Tensor, ranges: Sequence[tuple[int, int]]) -> Tensor:
    """Stack ranges of rows of equal length as [B, N, L, D]; a single range is not copied."""
    if len(ranges) == 1:
        return x_TND[slice(*ranges[0])][None].transpose(1, 2)
    return torch.stack([x_TND[start:end] for start, end in ranges]).transpose(1, 2)


KEYS_MULTIPLE = 32
"""In bfloat16 the kernel wants so many keys at a time: for other numbers it leaves the fast products."""


@lru_cache(maxsize=256)
def _mask(keys: int, padded: int) -> Tensor:
    """Return what excludes the padding, bfloat16 [padded]."""
    return F.pad(torch.zeros(keys, dtype=torch.bfloat16), (0, padded - keys), value=float("-inf"))


def cpu_flash(q_BNLD: Tensor, k_BNSD: Tensor, v_BNSD: Tensor) -> tuple[Tensor, Tensor]:
    """Call the kernel behind scaled_dot_product_attention on a CPU, which also returns the log-sum-exp [B, N, L, 1]."""
    B, _, L, _ = q_BNLD.shape
    S, mask = k_BNSD.shape[2], None
    if q_BNLD.dtype == torch.bfloat16 and S % KEYS_MULTIPLE:
        k_BNSD, v_BNSD = (F.pad(x, (0, 0, 0, -S % KEYS_MULTIPLE)) for x in (k_BNSD, v_BNSD))
        mask = _mask(S, k_BNSD.shape[2]).expand(B, 1, L, -1)
    out_BNLD, lse_BNL = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        q_BNLD, k_BNSD, v_BNSD, attn_mask=mask
    )
    return out_BNLD, lse_BNL[..., None]


ROW_BYTES = 256 * 1024 * 1024
"""Bytes of scores that `_softmax` holds at once."""


def _softmax(q_BNLD: Tensor, k_BNSD: Tensor, v_BNSD: Tensor) -> tuple[Tensor, Tensor]:
    """Compute plain attention in float32, a block of rows at a time, if no kernel returns the log-sum-exp."""
    B, N, L, D = q_BNLD.shape
    rows = max(1, ROW_BYTES // (4 * B * N * k_BNSD.shape[2]))
    k_BNDS, v_BNSD_float = k_BNSD.float().transpose(2, 3) * D**-0.5, v_BNSD.float()
    outs, lses = [], []
    for start in range(0, L, rows):
        scores_BNRS = q_BNLD[:, :, start : start + rows].float() @ k_BNDS
        lse_BNR1 = scores_BNRS.logsumexp(-1, keepdim=True)
        outs.append(((scores_BNRS - lse_BNR1).exp() @ v_BNSD_float).to(q_BNLD.dtype))
        lses.append(lse_BNR1)
    return torch.cat(outs, dim=2), torch.cat(lses, dim=2)


# --- one kernel for all sequences ---

Kernel = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor, int, int], tuple[Tensor, Tensor]]
"""(q, k, v, offsets of q and k as int32 [B + 1], longest q, longest k) -> ([T, N, D], log-sum-exp float32 [N, T])."""


def rounds(spans: Spans) -> list[list[Span]]:
    """Split spans into rounds in which no key is used twice: a varlen kernel needs disjoint key ranges.

    The first round holds the first sequences of all instances, the next round the second ones, and so on.
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


class _Call(NamedTuple):
    """The arguments of one kernel call: rows, keys, and the offsets of the sequences in them."""

    rows: slice | Tensor
    keys: slice | Tensor
    q_offsets: Tensor
    k_offsets: Tensor
    longest_q: int
    longest_k: int


@lru_cache(maxsize=64)
def _calls(spans: Spans, device: torch.device) -> list[_Call]:
    """Return the calls for these spans. They are made once per batch, because each moves offsets to the device."""
    calls = []
    for group in rounds(spans):
        q_lengths, k_lengths = zip(*(s.lengths for s in group), strict=True)
        calls.append(
            _Call(
                rows_of([(s.q_start, s.q_end) for s in group], device),
                rows_of([(s.k_start, s.k_end) for s in group], device),
                _offsets(q_lengths, device),
                _offsets(k_lengths, device),
                max(q_lengths),
                max(k_lengths),
            )
        )
    return calls


def rows_of(ranges: Sequence[tuple[int, int]], device: torch.device) -> slice | Tensor:
    """Return the row numbers of the ranges, as a slice if they are contiguous, so that nothing is copied."""
    if all(a[1] == b[0] for a, b in pairwise(ranges)):
        return slice(ranges[0][0], ranges[-1][1])
    return to_device(torch.cat([torch.arange(start, end) for start, end in ranges]), device)


def _offsets(lengths: Sequence[int], device: torch.device) -> Tensor:
    """Return the cumulative lengths from 0, int32 [len + 1], as the kernels expect them."""
    return to_device(F.pad(torch.tensor(lengths, dtype=torch.int32).cumsum(0, dtype=torch.int32), (1, 0)), device)


def varlen_backend(name: str, kernel: Kernel) -> Backend:
    """Build the backend of a varlen kernel."""

    def attend_lse(q_TND: Tensor, k_SGD: Tensor, v_SGD: Tensor, spans: Spans) -> tuple[Tensor, Tensor]:
        calls = _calls(spans, q_TND.device)
        results = [kernel(q_TND[c.rows], k_SGD[c.keys], v_SGD[c.keys], *c[2:]) for c in calls]
        if len(calls) == 1:
            return results[0][0], results[0][1].T
        out_TND = torch.empty_like(q_TND)
        lse_TN = torch.empty(q_TND.shape[:2], dtype=torch.float32, device=q_TND.device)
        for call, (out, lse) in zip(calls, results, strict=True):
            out_TND[call.rows], lse_TN[call.rows] = out, lse.T
        return out_TND, lse_TN

    def attend(q_TND: Tensor, k_SGD: Tensor, v_SGD: Tensor, spans: Spans) -> Tensor:
        return attend_lse(q_TND, k_SGD, v_SGD, spans)[0]

    return Backend(name, attend, attend_lse, joins=True)


def flash_attn_kernel(function: Callable[..., Any]) -> Kernel:
    """Wrap `flash_attn_varlen_func` of flash-attn as a kernel."""

    def kernel(*arguments: Any) -> tuple[Tensor, Tensor]:
        out_TND, lse_NT, _ = function(*arguments, return_attn_probs=True)
        return out_TND, lse_NT

    return kernel


def torch_kernel(function: Callable[..., Any], aux_request: Callable[..., Any]) -> Kernel:
    """Wrap `varlen_attn` of PyTorch as a kernel. It needs as many key heads as query heads."""

    def kernel(q_TND: Tensor, k_SGD: Tensor, v_SGD: Tensor, *offsets: Any) -> tuple[Tensor, Tensor]:
        share = q_TND.shape[1] // k_SGD.shape[1]
        if share > 1:
            k_SGD, v_SGD = (x.repeat_interleave(share, dim=1) for x in (k_SGD, v_SGD))
        out_TND, lse_NT = function(q_TND, k_SGD, v_SGD, *offsets, return_aux=aux_request(lse=True))
        return out_TND, lse_NT

    return kernel


def find_varlen() -> Backend | None:
    """Return the backend of flash-attn if it is installed, else that of PyTorch if this version has one."""
    try:
        from flash_attn import flash_attn_varlen_func
    except ImportError:
        pass
    else:
        return varlen_backend("flash-attn", flash_attn_kernel(flash_attn_varlen_func))
    try:
        from torch.nn.attention.varlen import AuxRequest, varlen_attn
    except ImportError:
        return None
    return varlen_backend("torch-varlen", torch_kernel(varlen_attn, AuxRequest))


SDPA = Backend("sdpa", sdpa_attend, sdpa_attend_lse)


OWN = "e1-flash"
"""The name of attention by `flash.c`."""


def own_backend(flash: Flash) -> Backend:
    """Return the backend SDPA with the kernel of `flash.c` in the place of PyTorch's, under a name of its own."""
    return Backend(OWN, partial(sdpa_attend, flash=flash), partial(sdpa_attend_lse, flash=flash))


def choose_backend(device: torch.device, dtype: torch.dtype) -> Backend:
    """Return a varlen backend on CUDA in half precision, else SDPA."""
    if device.type == "cuda" and dtype in (torch.bfloat16, torch.float16):
        return find_varlen() or SDPA
    return SDPA
