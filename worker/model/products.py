"""Matrix products with the weights of a layer, and what is fused into them.

On a CPU, `pack` hands the weights to oneDNN in the layout of its kernels. A product then starts at once. Clamp, SiLU, a
factor or a residual are applied to the float32 sums before they are rounded and written. Without `pack`, and on other
devices, the same steps are separate operations.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name

from worker.model.fused import EAGER, Fused

PACKED_TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 2e-2}
"""Largest difference of a packed product from the plain one, in units of the plain one's largest magnitude."""
TOKENS = 1024
"""Rows for which oneDNN chooses the layout; products of fewer or more rows use the same one."""


class Product(nn.Module):
    """A matrix product without bias. `weight` is [out, in], and gone once it is packed."""

    weight: nn.Parameter

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs).uniform_(-(inputs**-0.5), inputs**-0.5))
        self._packed: Tensor | None = None

    @property
    def plain(self) -> Tensor:
        """The weight [out, in]. Raises RuntimeError once it is packed."""
        if self._packed is not None:
            raise RuntimeError("this weight is packed")
        return self.weight

    @property
    def dtype(self) -> torch.dtype:
        """The type of the weight, and so of what it multiplies."""
        return (self.plain if self._packed is None else self._packed).dtype

    def pack(self) -> None:
        """Replace the weight with its packed form. Raises RuntimeError if products of the two differ."""
        self._packed = _packed(self.plain)
        del self.weight

    def forward(self, x_TI: Tensor) -> Tensor:
        return _pointwise(x_TI, self._packed, "none") if self._packed is not None else F.linear(x_TI, self.plain)

    def clamped(self, x_TI: Tensor, limit: float) -> Tensor:
        """Return the product, clamped to [-limit, limit]."""
        if self._packed is not None:
            return _pointwise(x_TI, self._packed, "hardtanh", -limit, limit)
        return F.linear(x_TI, self.plain).clamp_(-limit, limit)

    def added(self, x_TI: Tensor, residual_TO: Tensor, fused: Fused) -> Tensor:
        """Return the residual plus the product, in float32."""
        if x_TI.dtype != torch.float32:
            return fused.add(residual_TO, self(x_TI))
        if self._packed is not None:
            return _binary(x_TI, residual_TO, self._packed, "add")
        return torch.addmm(residual_TO, x_TI, self.plain.T)


class GatedProduct(nn.Module):
    """silu(gate x) * (up x). `weight` holds gate and up as one [2 out, in], and is gone once they are packed."""

    weight: nn.Parameter

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(2 * outputs, inputs).uniform_(-(inputs**-0.5), inputs**-0.5))
        self._packed: tuple[Tensor, Tensor] | None = None

    @property
    def plain(self) -> Tensor:
        """The weight [2 out, in]. Raises RuntimeError once it is packed."""
        if self._packed is not None:
            raise RuntimeError("this weight is packed")
        return self.weight

    @property
    def dtype(self) -> torch.dtype:
        """The type of the weights, and so of what they multiply."""
        return (self.plain if self._packed is None else self._packed[0]).dtype

    def pack(self) -> None:
        """Replace the weight with its packed form. Raises RuntimeError if products of the two differ."""
        gate, up = self.plain.chunk(2)
        self._packed = _packed(gate), _packed(up)
        del self.weight

    def forward(self, x_TI: Tensor, fused: Fused = EAGER) -> Tensor:
        if self._packed is not None:
            gate, up = self._packed
            return _binary(x_TI, _pointwise(x_TI, gate, "swish"), up, "mul")
        return fused.gate(F.linear(x_TI, self.plain))


def can_pack() -> bool:
    """Return whether this PyTorch has oneDNN with the operators that packed weights need."""
    return bool(torch._C._has_mkldnn) and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")


def products_to(model: nn.Module, dtype: torch.dtype) -> None:
    """Round the weights of all products to `dtype` in place, one after the other."""
    for module in model.modules():
        if isinstance(module, Product | GatedProduct):
            module.weight = nn.Parameter(module.plain.detach().to(dtype), requires_grad=False)


def pack_products(model: nn.Module) -> None:
    """Pack all weights of products in place, one after the other, so that memory hardly grows.

    Raises RuntimeError if oneDNN refuses a weight or computes something else; the model is then unusable.
    """
    for module in model.modules():
        if isinstance(module, Product | GatedProduct):
            module.pack()


def _packed(weight_OI: Tensor) -> Tensor:
    plain = weight_OI.detach().contiguous()
    packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(plain, TOKENS)
    # A few rows show a layout that a kernel misreads; the plain weight is then still there to compare with.
    rows = torch.linspace(-1, 1, 4 * plain.shape[1]).reshape(4, -1).to(plain.dtype)
    expected = F.linear(rows, plain).float()
    error = (_pointwise(rows, packed, "none").float() - expected).abs().max().item()
    if not error <= PACKED_TOLERANCE.get(plain.dtype, 0.0) * max(1.0, expected.abs().max().item()):
        raise RuntimeError(f"a packed product differs from the plain one by {error:.3g}")
    return packed


def _pointwise(x_TI: Tensor, packed: Tensor, name: str, *scalars: float) -> Tensor:
    product: Any = torch.ops.mkldnn._linear_pointwise
    result: Tensor = product(x_TI, packed, None, name, list(scalars), "")
    return result


def _binary(x_TI: Tensor, other_TO: Tensor, packed: Tensor, name: str) -> Tensor:
    product: Any = torch.ops.mkldnn._linear_pointwise.binary
    result: Tensor = product(x_TI, other_TO, packed, None, name)
    return result
