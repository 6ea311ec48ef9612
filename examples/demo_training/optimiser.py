"""The optimiser of the run: orthogonalised momentum for the layers' matrices, AdamW for everything else.

Orthogonalised momentum is Muon (Keller Jordan and others, 2024), here in float32. PyTorch's own computes in bfloat16,
which is ten times slower on a CPU without native support.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
ROUNDS = 5
ADAM_SIZE = 0.2
"""Root mean square of a typical AdamW update as a share of the learning rate, so that both can share one rate."""


class Muon(torch.optim.Optimizer):
    """An optimiser that steps along the nearest orthogonal matrix of the Nesterov momentum. Matrices [out, in] only."""

    def __init__(
        self, matrices: Iterable[nn.Parameter], *, lr: float, weight_decay: float, momentum: float = 0.95
    ) -> None:
        super().__init__(matrices, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update every matrix that has a gradient; a closure is not supported."""
        for group in self.param_groups:
            for matrix in group["params"]:
                if matrix.grad is not None:
                    self._update(matrix, matrix.grad, group)

    def _update(self, matrix: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[matrix]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(matrix)
        state["momentum"].lerp_(gradient, 1 - group["momentum"])
        direction = orthogonalise(gradient.lerp(state["momentum"], group["momentum"]))
        matrix.mul_(1 - group["lr"] * group["weight_decay"])
        matrix.add_(direction, alpha=-group["lr"] * ADAM_SIZE * max(matrix.shape) ** 0.5)


def orthogonalise(matrix: Tensor) -> Tensor:
    """Bring all singular values of a matrix near one, by a quintic Newton-Schulz iteration."""
    a, b, c = NEWTON_SCHULZ
    x = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(ROUNDS):
        square = x @ x.T
        x = torch.addmm(x, torch.addmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return x.T if matrix.shape[0] > matrix.shape[1] else x
