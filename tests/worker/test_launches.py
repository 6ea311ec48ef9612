"""What a GPU would have to do for a forward pass, counted without one: tensors on PyTorch's meta device hold no data.

Each operation that is no view is a launch of a kernel. Reading a number on the host would make the device idle.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from worker.engine.contexts import ContextEntry, attending_to
from worker.engine.packer import Instance, pack
from worker.model.attention import Backend
from worker.model.config import E1Config, read_config
from worker.model.e1 import E1
from worker.model.products import products_to
from worker.model.registry import find_checkpoint

META = torch.device("meta")
A_LAYER = 22
"""Launches of a layer: 4 products, attention, 2 norms, 5 casts, 5 for the rotation, clamp, 2 for the gate, and 2 sums.
They are fused on a CPU only so far (`worker/model/fused.c`)."""
AROUND = 24
"""Launches of embeddings, rotary angles and the final norm, once in a pass."""
A_CONTEXT = 12
"""Further launches of a layer that also attends to a cached context: attention, and the merge of both parts."""
SYNCS = ("_local_scalar_dense", "nonzero", "masked_select", "item", "is_nonzero", "equal")


class Launches(TorchDispatchMode):
    """Counts operations by name: kernels in `kernels`, and those that wait for the device in `syncs`."""

    def __init__(self) -> None:
        super().__init__()
        self.kernels: Counter[str] = Counter()
        self.syncs: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        name = func.overloadpacket.__name__
        made = func(*args, **given)
        casts = name == "to" and made is not args[0]
        if casts or not func.is_view:
            self.kernels[name] += 1
        if name in SYNCS or (name in ("_to_copy", "to", "copy_") and str(given.get("device", "meta")) != "meta"):
            self.syncs[name] += 1
        return made


def varlen(q: torch.Tensor, *_: Any) -> torch.Tensor:
    """Allocate what a varlen kernel returns, which takes all sequences in one launch."""
    return torch.empty_like(q)


def varlen_lse(q: torch.Tensor, *_: Any) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.empty_like(q), q.new_empty(q.shape[:2], dtype=torch.float32)


def launches(config: E1Config, *, sequences: int, contexts: int = 0) -> Launches:
    """Count a pass of sequences, the first ones each after a cached context of its own."""
    with META:
        model = E1(config)
    model.eval().requires_grad_(False)
    products_to(model, torch.bfloat16)
    instances = [Instance(("A" * (20 + number),)) for number in range(sequences)]
    batch, placed = pack(instances)
    batch = batch.to(META)
    entries = []
    for number in range(contexts):
        shape = (50, config.num_key_value_heads, config.head_size)
        memory = tuple(
            (torch.empty(shape, device=META, dtype=torch.bfloat16),) * 2 for _ in range(config.num_hidden_layers)
        )
        rows = slice(placed[number].start - 2, placed[number].end + 2)
        entries.append((rows, ContextEntry(memory, config.num_hidden_layers, 1, 50)))
    backend = Backend("stand-in", varlen, varlen_lse)
    with torch.inference_mode(), Launches() as counted:
        for _ in model.hidden_states(batch, varlen, attending_to(entries, backend) if entries else None):
            pass
    return counted


@pytest.fixture(scope="module")
def config() -> E1Config:
    return read_config(find_checkpoint("e1-demo").folder / "config.json")


@pytest.mark.parametrize("sequences", [1, 50])
def test_launches_of_a_pass_depend_on_layers_and_not_on_sequences(config, sequences):
    few, many = (launches(replace(config, num_hidden_layers=layers), sequences=sequences) for layers in (3, 6))
    counts = [one.kernels.total() for one in (few, many)]
    layer = (counts[1] - counts[0]) / 3
    assert layer <= A_LAYER, many.kernels
    assert counts[0] - 3 * layer <= AROUND, few.kernels
    assert many.kernels["linear"] == 4 * 6, "q, k and v are one product, and gate and up are one"


def test_a_pass_never_waits_for_the_host(config):
    assert not launches(config, sequences=8).syncs
    assert not launches(config, sequences=8, contexts=3).syncs


def test_launches_grow_with_contexts_in_global_layers_alone(config):
    """Each context still has a kernel of its own; docs/performance.md says so."""
    counts = [launches(config, sequences=8, contexts=number).kernels.total() for number in (1, 2, 5)]
    layers = sum(config.is_global(index) for index in range(config.num_hidden_layers))
    assert counts[1] - counts[0] <= A_CONTEXT * layers
    assert counts[2] - counts[1] == 3 * (counts[1] - counts[0])


def test_the_count_sees_a_wait_and_a_cast():
    with Launches() as counted:
        torch.ones(3).to(torch.bfloat16)
        torch.ones(3).sum().item()
    assert counted.syncs["_local_scalar_dense"] == 1
    assert counted.kernels["_to_copy"] + counted.kernels["to"] == 1
