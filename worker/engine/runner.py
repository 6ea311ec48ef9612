"""The only device code: moves a packed batch to the device, runs the network, and begins to copy the results back."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor

from e1protocol import Query, tokens_of
from worker.engine.compiling import compiling
from worker.engine.config import CONTEXT_SHARE, DEFAULT_TOKEN_BUDGET, EngineConfig
from worker.engine.contexts import ContextEntry, attending_to, by_heads
from worker.engine.packer import Instance, Placed, pack, resolve_layers
from worker.engine.pending import Pending, Slot
from worker.engine.precision import load_chosen
from worker.model.attention import SDPA, Backend, Flash, choose_backend, own_backend
from worker.model.config import E1Config, read_config
from worker.model.e1 import Packed
from worker.model.fused import FLASH_WIDTHS
from worker.model.loader import CONFIG, load_model
from worker.model.products import can_pack, pack_products
from worker.model.tokenizer import CANONICAL_TOKENS
from worker.model.transfer import to_device

log = logging.getLogger(__name__)


def best_backend(chosen: Backend, flash: Flash | None, config: E1Config, dtype: torch.dtype) -> Backend:
    """Return our own attention in the place of SDPA, if this processor has it and it knows the type and the heads."""
    knows = dtype == torch.bfloat16 and config.head_size in FLASH_WIDTHS
    return own_backend(flash) if flash is not None and chosen is SDPA and knows else chosen


class Runner:
    """Owner of the network and its device. Not thread-safe: one thread runs batches."""

    def __init__(self, folder: Path, config: EngineConfig) -> None:
        self.device = pick_device(config.device)
        # Before the weights, which take as long: then numbers seldom change from one implementation to the other.
        shape = read_config(folder / CONFIG)
        self._compiling = compiling(shape, self.device)
        self.model, self.choice = load_chosen(folder, config.precision, self.device)
        log.info("computes in %s", self.choice)
        self.dtype = self.choice.dtype
        self.backend = choose_backend(self.device, self.dtype)
        if self.device.type == "cpu" and can_pack():
            try:
                pack_products(self.model)
            except RuntimeError as error:
                log.warning("products run with plain weights, and a little slower: %s", error)
                self.model = load_model(folder, device=self.device, dtype=self.dtype)
        if self.device.type == "cuda":
            self._compiling = compiling(shape, self.device, self.dtype)
        self.take_compiled()
        self.token_budget = config.token_budget or DEFAULT_TOKEN_BUDGET.get(self.device.type, 2048)
        self._canonical = torch.from_numpy(CANONICAL_TOKENS).to(self.device)

    @property
    def device_name(self) -> str:
        if self.device.type == "cuda":
            return torch.cuda.get_device_name(self.device)
        threads = torch.get_num_threads()
        return f"{self.device.type} ({threads} thread{'' if threads == 1 else 's'})"

    @property
    def cores(self) -> int:
        """The cores of a CPU that compute, 0 on a GPU."""
        return torch.get_num_threads() if self.device.type == "cpu" else 0

    def take_compiled(self) -> bool:
        """Use the compiled parts from now on, if they are ready. Return whether the attention is another one now."""
        if self._compiling is None or self._compiling.is_alive():
            return False
        before = self.backend
        self.model.fused, self._compiling = self._compiling.fused, None
        self.backend = best_backend(before, self.model.fused.flash, self.model.config, self.dtype)
        return self.backend is not before

    def wait_for_compiled(self) -> None:
        """Wait until the compiled parts are ready, or known to be impossible. Workers never wait."""
        if self._compiling is not None:
            self._compiling.join()
        self.take_compiled()

    def depth(self, query: Query) -> int:
        """Return the highest hidden state that the query needs."""
        if "logits" in query.include:
            return self.model.config.num_hidden_layers
        return max(resolve_layers(query, self.model.config), default=0)

    def remember(self, contexts: Sequence[tuple[str, ...]], depth: int) -> list[ContextEntry]:
        """Encode the contexts in one pass, for queries that need layers up to `depth`."""
        batch, _ = pack([Instance(context) for context in contexts])
        counts = [tokens_of(*context) for context in contexts]
        layers: list[list[tuple[Tensor, Tensor]]] = [[] for _ in contexts]
        with torch.inference_mode():
            for k_TGD, v_TGD in self.model.remember(batch.to(self.device), self.backend.attend, depth):
                pairs = zip(torch.split(k_TGD, counts), torch.split(v_TGD, counts), strict=True)
                for memory, (k, v) in zip(layers, pairs, strict=True):
                    memory.append((by_heads(k), by_heads(v)))
        return [
            ContextEntry(tuple(memory), depth, len(context), count)
            for memory, context, count in zip(layers, contexts, counts, strict=True)
        ]

    def run(self, queries: Sequence[Query], entries: Sequence[ContextEntry | None]) -> Pending:
        """Start one forward pass over all queries, in order, each after the entry of its context.

        If the entry is None, the context is part of the pass. Layers above the highest one needed are not run. The head
        runs only on the requested rows. On a GPU the call returns before the device is done.
        """
        batch, placed = pack([_instance(*pair) for pair in zip(queries, entries, strict=True)])
        wanted = [resolve_layers(query, self.model.config) for query in queries]
        highest = max(map(self.depth, queries))
        groups = _groups(batch, entries)
        attend_global = attending_to(groups, self.backend, self.model.fused) if groups else None
        pending = Pending(len(queries))
        with torch.inference_mode():
            for index, x_TH in self.model.hidden_states(batch.to(self.device), self.backend.attend, attend_global):
                asked = [n for n, layers in enumerate(wanted) if index in layers]
                pending.take([piece for n in asked for piece in _pieces(n, queries[n], index, x_TH, placed[n])])
                if index == highest:
                    if highest == self.model.config.num_hidden_layers:
                        pending.take(self._logits(x_TH, queries, placed))
                    break
        return pending

    def _logits(self, x_TH: Tensor, queries: Sequence[Query], placed: Sequence[Placed]) -> list[tuple[Slot, Tensor]]:
        """Return the canonical logits of the queries that ask for them, from one pass of the head."""
        rows: list[Tensor] = []
        slots: list[Slot] = []
        for number, (query, place) in enumerate(zip(queries, placed, strict=True)):
            if "logits" in query.include:
                wanted = torch.arange(place.start, place.end)
                rows.append(wanted if query.positions is None else wanted[list(query.positions)])
                slots.append(Slot(number, "logits"))
        if not rows:
            return []
        logits_R20 = self.model.head(x_TH[to_device(torch.cat(rows), self.device)])[:, self._canonical]
        return list(zip(slots, torch.split(logits_R20, list(map(len, rows))), strict=True))


def _pieces(number: int, query: Query, layer: int, x_TH: Tensor, place: Placed) -> Iterator[tuple[Slot, Tensor]]:
    """Yield what a query asks for of a hidden state."""
    x_LH = x_TH[place.start : place.end].float()
    if "mean" in query.include:
        yield Slot(number, "mean", layer), x_LH.mean(dim=0)
    if "per_token" in query.include:
        yield Slot(number, "per_token", layer), x_LH


def _instance(query: Query, entry: ContextEntry | None) -> Instance:
    if entry is None:
        return Instance((*query.context, query.sequence))
    return Instance((query.sequence,), entry.sequences, entry.tokens)


def _groups(batch: Packed, entries: Sequence[ContextEntry | None]) -> list[tuple[slice, ContextEntry]]:
    """Return the runs of adjacent rows of the batch with the same entry."""
    if not any(entries):
        return []
    starts = sorted({span.k_start for span in batch.blocks})
    groups: list[tuple[slice, ContextEntry]] = []
    for start, end, entry in zip(starts, [*starts[1:], len(batch.tokens)], entries, strict=True):
        if entry is None:
            continue
        if groups and groups[-1][1] is entry and groups[-1][0].stop == start:
            start = groups.pop()[0].start  # noqa: PLW2901 - the group grows
        groups.append((slice(start, end), entry))
    return groups


def pick_device(name: str) -> torch.device:
    """Return the named device; "auto" is the first CUDA device, else the CPU."""
    if name != "auto":
        return torch.device(name)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def default_context_bytes(device: torch.device) -> int:
    """Return the memory for cached contexts: a share of the free memory of a GPU, or of the host's memory."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free * CONTEXT_SHARE["cuda"])
    return int(host_memory() * CONTEXT_SHARE["cpu"])


def host_memory() -> int:
    """Return the bytes of memory of this machine, or of the container that the process runs in."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for name in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):
            memory = min(memory, int(Path(name).read_text()))
    return memory


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether memory ran out, on a device or on the host."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    # PyTorch has no exception class for the host's memory, and its message differs between systems.
    words = ("not enough memory", "can't allocate memory")
    return isinstance(error, RuntimeError) and any(some in str(error) for some in words)


def release_memory(device: torch.device) -> None:
    """Release cached blocks after an out-of-memory error."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
