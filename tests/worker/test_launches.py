"""What a GPU would have to do for a forward pass, counted without one: tensors on PyTorch's meta device hold no data.

Each operation that is no view is a launch of a kernel. The compiled elementwise parts are one launch each, which
tests/gpu checks on a device. Reading a number on the host, or a copy that waits, would make the device idle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import wraps
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from e1protocol import Query
from worker.engine.contexts import ContextEntry
from worker.engine.runner import Runner
from worker.model.attention import Backend
from worker.model.config import E1Config, read_config
from worker.model.e1 import E1
from worker.model.fused_by_torch import parts
from worker.model.products import products_to
from worker.model.registry import find_checkpoint
from worker.model.tokenizer import CANONICAL_TOKENS

META = torch.device("meta")
A_LAYER = 11
"""Launches of a layer: 4 products, attention, 2 norms, rotation, gate, and 2 sums."""
AROUND = 24
"""Launches of embeddings, rotary angles and the final norm, once in a pass."""
CONTEXTS = 5
"""Further launches of a layer that also attends to cached contexts, however many: attention and merge. Several contexts
need two more to join keys and values, and rows without a context one more to join the results."""
HEAD = 7
"""Launches of the logits: their rows, four of the head, the canonical columns, and joining them."""
SYNCS = ("_local_scalar_dense", "nonzero", "masked_select", "item", "is_nonzero", "equal")


class Launches(TorchDispatchMode):
    """Counts operations by name: kernels in `kernels`, and those that wait for the device in `syncs`."""

    def __init__(self) -> None:
        super().__init__()
        self.kernels: Counter[str] = Counter()
        self.syncs: Counter[str] = Counter()
        self._whole = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        name = func.overloadpacket.__name__
        made = func(*args, **given)
        casts = name == "to" and made is not args[0]
        moved = name in ("_to_copy", "to", "copy_") and "device" in given
        on_host = isinstance(made, torch.Tensor) and made.device.type == "cpu"
        if not self._whole and not on_host and not moved and (casts or not func.is_view):
            self.kernels[name] += 1
        if name in SYNCS or (moved and (str(given["device"]) != "meta" or not given.get("non_blocking"))):
            self.syncs[name] += 1
        return made

    @contextmanager
    def as_one(self, name: str) -> Iterator[None]:
        """Count what the block does as one kernel."""
        self.kernels[name] += 1
        self._whole = True
        try:
            yield
        finally:
            self._whole = False


class Device:
    """A runner on the meta device with a varlen backend, and the compiled parts of a GPU."""

    def __init__(self, config: E1Config, monkeypatch: pytest.MonkeyPatch) -> None:
        self.config, self.launches, self.copies = config, Launches(), 0
        with META:
            model = E1(config)
        model.eval().requires_grad_(False)
        products_to(model, torch.bfloat16)
        model.fused = parts(self.one)
        self.runner = object.__new__(Runner)
        self.runner.device, self.runner.dtype, self.runner.model = META, torch.bfloat16, model
        self.runner.backend = Backend("stand-in", self.one(attend), self.one(attend_lse), joins=True)
        self.runner._canonical = torch.from_numpy(CANONICAL_TOKENS).to(META)
        monkeypatch.setattr("worker.engine.pending.to_host", self.to_host)

    def one(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*arguments: Any) -> Any:
            with self.launches.as_one(function.__name__):
                return function(*arguments)

        return call

    def to_host(self, tensor: torch.Tensor) -> torch.Tensor:
        self.copies += 1
        return tensor

    def entry(self, number: int) -> ContextEntry:
        tokens = 50 + number
        shape = (tokens, self.config.num_key_value_heads, self.config.head_size)
        memory = tuple(
            (torch.empty(shape, device=META, dtype=torch.bfloat16),) * 2 for _ in range(self.config.num_hidden_layers)
        )
        return ContextEntry(memory, self.config.num_hidden_layers, 1, tokens)

    def run(self, queries: list[Query], contexts: int = 0) -> Launches:
        """Count one pass. The first queries each follow a cached context of their own."""
        entries = [self.entry(number) if number < contexts else None for number in range(len(queries))]
        self.launches, self.copies = Launches(), 0
        with self.launches:
            self.runner.run(queries, entries)
        return self.launches


def attend(q: torch.Tensor, *_: Any) -> torch.Tensor:
    """Allocate what a varlen kernel returns, which takes all sequences in one launch."""
    return torch.empty_like(q)


def attend_lse(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, spans: Any) -> tuple[torch.Tensor, torch.Tensor]:
    assert len({span.k_start for span in spans}) == len(spans), "one launch needs keys of its own for each span"
    assert (spans[-1].q_end, spans[-1].k_end) == (len(q), len(k))
    return torch.empty_like(q), q.new_empty(q.shape[:2], dtype=torch.float32)


@pytest.fixture(scope="module")
def config() -> E1Config:
    return read_config(find_checkpoint("e1-demo").folder / "config.json")


@pytest.fixture
def device(config, monkeypatch) -> Device:
    return Device(config, monkeypatch)


def means(count: int) -> list[Query]:
    return [Query("A" * (20 + number)) for number in range(count)]


def logits(count: int) -> list[Query]:
    return [Query("A" * (20 + number), (), (), frozenset({"logits"})) for number in range(count)]


@pytest.mark.parametrize("sequences", [1, 50])
def test_launches_of_a_pass_depend_on_layers_and_not_on_sequences(config, monkeypatch, sequences):
    few, many = (
        Device(replace(config, num_hidden_layers=layers), monkeypatch).run(logits(sequences)) for layers in (3, 6)
    )
    counts = [one.kernels.total() for one in (few, many)]
    layer = (counts[1] - counts[0]) / 3
    assert layer <= A_LAYER, many.kernels
    assert counts[0] - 3 * layer <= AROUND + HEAD, few.kernels
    layers_only = [one.kernels["linear"] - 2 for one in (few, many)]
    assert layers_only == [4 * 3, 4 * 6], "q, k and v are one product, and gate and up are one"


@pytest.mark.parametrize("contexts", [0, 3, 8])
def test_a_pass_never_waits_for_the_host(device, contexts):
    both = [Query("A" * (20 + n), (), (3, -1), frozenset({"mean", "per_token", "logits"}), (1, 5)) for n in range(8)]
    assert not device.run(both, contexts).syncs


def test_contexts_are_one_kernel_more_in_global_layers_however_many(device, config):
    without, one, two, five, all_of_them = (device.run(logits(8), number).kernels.total() for number in (0, 1, 2, 5, 8))
    layers = sum(config.is_global(index) for index in range(config.num_hidden_layers))
    assert one - without <= (CONTEXTS - 2) * layers, "nothing is joined"
    assert two - without <= CONTEXTS * layers
    assert five == two
    assert all_of_them - without <= (CONTEXTS - 1) * layers, "all rows see a context"


def test_results_are_one_copy_for_each_hidden_state_and_one_for_logits(device):
    asked = [Query("A" * (20 + n), (), (2, 4), frozenset({"mean", "per_token", "logits"})) for n in range(20)]
    device.run(asked)
    assert device.copies == 3
    device.run(means(20))
    assert device.copies == 1


def test_the_count_sees_a_wait_and_a_cast():
    with Launches() as counted:
        a = torch.ones(3, device=META)
        a.to(torch.bfloat16)
        a.to("meta", torch.float16)
        torch.ones(3).sum().item()
    assert counted.syncs["_local_scalar_dense"] == 1
    assert counted.kernels["_to_copy"] + counted.kernels["to"] == 1
    assert counted.syncs["_to_copy"] + counted.syncs["to"] == 1, "it moves and waits"
