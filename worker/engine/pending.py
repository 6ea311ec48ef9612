"""Results of a forward pass on their way from the device.

Each requested hidden state is one copy for all queries of the pass, and so are the logits. Nothing waits until
`encodings` is called. So the next pass can be packed and started before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from e1protocol import Encoding
from worker.model.transfer import to_host


class Slot(NamedTuple):
    """Where an array belongs: the number of its query, and what it is. `layer` is -1 for logits."""

    query: int
    kind: str
    layer: int = -1


class Pending:
    """The results of `count` queries, which the device may still compute."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._copies: list[tuple[Tensor, list[tuple[Slot, torch.Size]]]] = []
        self._event: torch.cuda.Event | None = None

    def take(self, pieces: Sequence[tuple[Slot, Tensor]]) -> None:
        """Begin to copy these arrays to the host, together."""
        if not pieces:
            return
        # Also if there is one piece only: a view would keep the hidden state alive.
        whole = torch.cat([piece.float().reshape(-1) for _, piece in pieces])
        self._copies.append((to_host(whole), [(slot, piece.shape) for slot, piece in pieces]))
        if whole.device.type == "cuda":
            self._event = torch.cuda.Event()  # type: ignore[no-untyped-call]  # PyTorch's
            self._event.record(torch.cuda.current_stream(whole.device))

    def encodings(self) -> list[Encoding]:
        """Wait for the numbers, and return them by query. Call it once."""
        if self._event is not None:
            self._event.synchronize()
        logits: list[NDArray[np.float32] | None] = [None] * self._count
        means: list[dict[int, NDArray[np.float32]]] = [{} for _ in logits]
        per_token: list[dict[int, NDArray[np.float32]]] = [{} for _ in logits]
        while self._copies:
            host, slots = self._copies.pop()
            numbers, at = host.numpy(), 0
            for slot, shape in slots:
                # A copy, because a view would keep the numbers of the whole pass, and pinned memory, alive.
                array = np.array(numbers[at : at + shape.numel()], dtype=np.float32).reshape(shape)
                at += shape.numel()
                if slot.kind == "logits":
                    logits[slot.query] = array
                else:
                    (means if slot.kind == "mean" else per_token)[slot.query][slot.layer] = array
        return [Encoding(logits=logits[n], mean=means[n], per_token=per_token[n]) for n in range(self._count)]
