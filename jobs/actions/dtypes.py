"""The type that embeddings and logits are stored in: float32, or float16 if a job asks for it.

Arrays are cast once, just before they are packed, and round to the nearest float16, ties to even.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.actions.base import DTYPE, Stored
from jobs.errors import InvalidInput, Problem

DEFAULT = "float32"
TYPES: Mapping[str, np.dtype[np.floating[Any]]] = MappingProxyType(
    {DEFAULT: np.dtype("<f4"), "float16": np.dtype("<f2")}
)
SCHEMA: Mapping[str, Any] = MappingProxyType({"type": "string", "enum": list(TYPES), "default": DEFAULT})
LARGEST = 65504.0
"""The largest float16; from 65,520 on, a number rounds to infinity."""


class Overflow(Exception):
    """A number of an item is too large for float16; `problem` names its array and its size."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def check_dtype(raw: Any) -> str:
    """Return the name of a type, the default for None. Raises InvalidInput `bad_dtype`."""
    if raw is None:
        return DEFAULT
    if not isinstance(raw, str) or raw not in TYPES:
        choice = f"Choose from {', '.join(TYPES)}."
        raise InvalidInput.one("bad_dtype", f"dtype is {raw!r}", choice, path=f"params.{DTYPE}")
    return raw


def dtype_of(params: Mapping[str, Any]) -> np.dtype[np.floating[Any]]:
    """Return the type in which a job with these parameters stores its float32 arrays."""
    return TYPES[params.get(DTYPE, DEFAULT)]


def as_asked(stored: Sequence[Stored], params: Mapping[str, Any]) -> list[Stored]:
    """Return an item's arrays with float32 in the type of the job; other types, such as of log_prob, stay.

    Raises Overflow for the first array that has a finite number beyond float16.
    """
    if dtype_of(params) != np.float16:
        return list(stored)
    return [replace(one, array=_half(one)) if one.array.dtype == np.float32 else one for one in stored]


def _half(stored: Stored) -> NDArray[np.float16]:
    with np.errstate(over="ignore"):  # the check below names the number
        half = stored.array.astype(np.float16)
    lost = np.isinf(half) & np.isfinite(stored.array)
    if lost.any():
        largest = float(np.abs(stored.array[lost]).max())
        layer = f" of layer {stored.layer}" if stored.layer >= 0 else ""
        message = f"{stored.kind}{layer} reaches {largest:,.6g} here, and float16 ends at {LARGEST:,.0f}"
        raise Overflow(Problem("float16_overflow", message, "Submit this item in a job with dtype float32."))
    return half
