"""Fakes of the attention kernels that need a GPU, computed in float64."""

from __future__ import annotations

import torch

from worker.model.attention import flash_attn_kernel, torch_kernel, varlen_backend


def reference_varlen(q, k, v, cu_seqlens_q, cu_seqlens_k, max_seqlen_q, max_seqlen_k, *, return_attn_probs):
    """Compute plain softmax attention in float64, with the signature of flash-attn's function."""
    assert return_attn_probs
    assert cu_seqlens_q.dtype == cu_seqlens_k.dtype == torch.int32
    assert (cu_seqlens_q[-1], cu_seqlens_k[-1]) == (len(q), len(k))
    assert max_seqlen_q == int(cu_seqlens_q.diff().max())
    assert max_seqlen_k == int(cu_seqlens_k.diff().max())
    out, lse = torch.empty_like(q), torch.empty(q.shape[1], len(q))
    share = q.shape[1] // k.shape[1]
    for (a, b), (c, d) in zip(
        cu_seqlens_q.unfold(0, 2, 1).tolist(), cu_seqlens_k.unfold(0, 2, 1).tolist(), strict=True
    ):
        keys, values = (x[c:d].double().repeat_interleave(share, dim=1) for x in (k, v))
        weights = torch.einsum("qhd,khd->hqk", q[a:b].double(), keys) / q.shape[-1] ** 0.5
        out[a:b] = torch.einsum("hqk,khd->qhd", weights.softmax(-1), values).to(q.dtype)
        lse[:, a:b] = weights.logsumexp(-1).to(lse.dtype)
    return out, lse, None


def torch_varlen(q, k, v, cu_seq_q, cu_seq_k, max_q, max_k, *, return_aux):
    """Compute the same with the signature of torch.nn.attention.varlen.varlen_attn."""
    assert return_aux == ("aux", True)
    assert q.shape[1] == k.shape[1], "the real one wants its heads repeated"
    return reference_varlen(q, k, v, cu_seq_q, cu_seq_k, max_q, max_k, return_attn_probs=True)[:2]


FLASH = varlen_backend("flash-attn", flash_attn_kernel(reference_varlen))
TORCH = varlen_backend("torch-varlen", torch_kernel(torch_varlen, lambda *, lse: ("aux", lse)))
