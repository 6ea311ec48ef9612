"""The elementwise parts of a layer, such as norm, rotation and residual sum, with float32 inside for any type.

`EAGER` is made of PyTorch's functions and the oracle of the others. `find_compiled` compiles `fused.c` and `flash.c`
with the machine's C compiler, which takes a few seconds, and keeps the library in a cache folder. It computes each part
in one pass over memory. A machine without a compiler keeps `EAGER`. `worker.model.fused_by_torch` has the parts for a
GPU.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its usual name

from worker.model.attention import Flash, cpu_flash, merge

SOURCES = tuple(Path(__file__).with_name(name) for name in ("fused.c", "flash.c"))
COMPILERS = ("cc", "gcc", "clang")
FLAGS = ("-O3", "-ffast-math", "-fno-finite-math-only", "-fopenmp", "-fPIC")
NATIVE = "-mcpu=native" if platform.machine() in ("aarch64", "arm64") else "-march=native"
CPU_INFO = Path("/proc/cpuinfo")
COMPILE_SECONDS = 60
FLASH_WIDTHS, FLASH_KEYS = (64, 128), 64
"""Sizes of heads that `flash.c` knows, and the number of keys whose multiples it packs."""
TYPES = {torch.float32: "float32", torch.bfloat16: "bfloat16"}


class Fused(NamedTuple):
    """An implementation of the elementwise parts.

    - `norm(x [T, H] float32, weight [H] float32, eps, dtype)` returns x / sqrt(mean(x^2) + eps) * weight in `dtype`.
    - `rotate(x [T, N, D], heads, cos, sin [T, 1, D / 2] float32, limit)` returns the first heads rotated, perhaps in
      place, and the other heads. If it `clamps`, it clamps all of them to [-limit, limit] before.
    - `add(x [T, H] float32, y [T, H])` returns their sum in float32.
    - `gate(x [T, 2 I])` returns silu(first half) * second half. Packed products do this themselves.
    - `merge` is that of `worker.model.attention`.
    - `flash` is attention in bfloat16 as `worker.model.attention.cpu_flash` has it, if that is slow on this processor.
    """

    name: str
    norm: Callable[[Tensor, Tensor, float, torch.dtype], Tensor]
    rotate: Callable[..., tuple[Tensor, Tensor]]
    add: Callable[[Tensor, Tensor], Tensor]
    gate: Callable[[Tensor], Tensor]
    merge: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
    clamps: bool = False
    flash: Flash | None = None


def norm(x_TH: Tensor, weight_H: Tensor, eps: float, dtype: torch.dtype) -> Tensor:
    if x_TH.device.type != "cpu":
        return F.rms_norm(x_TH, weight_H.shape, weight_H, eps).to(dtype)
    # On a CPU this takes two passes over memory; torch's own function takes five.
    norm_T1 = torch.linalg.vector_norm(x_TH, dim=-1, keepdim=True)
    scale_T1 = torch.rsqrt(norm_T1 * norm_T1 / x_TH.shape[-1] + eps)
    return (x_TH * scale_T1 * weight_H).to(dtype)


def rotate(x_TND: Tensor, heads: int, cos_T1E: Tensor, sin_T1E: Tensor, limit: float = 0.0) -> tuple[Tensor, Tensor]:
    """Apply the rotary embedding in its rotate-half form: the first half of a head pairs with its second half."""
    turned, rest = x_TND[:, :heads].float(), x_TND[:, heads:]
    first, second = turned.chunk(2, dim=-1)
    turned_first = torch.addcmul(first * cos_T1E, second, sin_T1E, value=-1).to(x_TND.dtype)
    turned_second = torch.addcmul(second * cos_T1E, first, sin_T1E).to(x_TND.dtype)
    return torch.cat((turned_first, turned_second), dim=-1), rest


def add(x_TH: Tensor, y_TH: Tensor) -> Tensor:
    return x_TH + y_TH


def gate(gate_up_T2I: Tensor) -> Tensor:
    gate_TI, up_TI = gate_up_T2I.chunk(2, dim=-1)
    gated_TI: Tensor = F.silu(gate_TI) * up_TI
    return gated_TI


EAGER = Fused("PyTorch", norm, rotate, add, gate, merge)


def find_compiled(folder: Path | None = None) -> Fused:
    """Return the compiled parts, from `folder` (by default, the user's cache) if it has them.

    Raises OSError with the reason if there is no compiler, the compiler fails, or the library can't be loaded.
    """
    compiler = find_compiler()
    place = folder or cache_folder()
    library = place / f"fused-{_digest(compiler)}.so"
    if not library.exists():
        if compiler is None:
            raise OSError(f"there is no C compiler ({', '.join(COMPILERS)})")
        _compile(compiler, library)
    return _loaded(library)


def find_compiler() -> str | None:
    """Return the path of a C compiler, None if there is none."""
    return next((path for name in COMPILERS if (path := shutil.which(name))), None)


def cache_folder() -> Path:
    """Return where compiled parts are kept: in the data folder of `e1 up`, else in the user's cache."""
    if data := os.environ.get("E1_DATA"):
        return Path(data) / "cache" / "compiled"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "e1" / "compiled"


def _digest(compiler: str | None) -> str:
    """Return a digest of all that the library depends on, the processor's instructions among them."""
    parts = [
        *(source.read_bytes() for source in SOURCES),
        repr((FLAGS, compiler, torch.__version__, platform.machine())).encode(),
    ]
    if CPU_INFO.exists():
        lines = CPU_INFO.read_text(encoding="ascii", errors="replace").splitlines()
        parts.append(next((line for line in lines if line.lower().startswith(("flags", "features"))), "").encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _compile(compiler: str, library: Path) -> None:
    """Compile into a folder of this process, and move the library: several workers may compile at the same time."""
    library.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=library.parent) as made:
        objects, linked = [str(Path(made) / f"{source.stem}.o") for source in SOURCES], Path(made) / "fused.so"
        # The linker gets no OpenMP library: its functions are those that PyTorch has loaded. Two such libraries in one
        # process would have two sets of threads.
        steps = (
            *(
                [compiler, *FLAGS, NATIVE, "-c", str(source), "-o", made_of]
                for source, made_of in zip(SOURCES, objects, strict=True)
            ),
            [compiler, "-shared", *objects, "-o", str(linked), "-lm"],
        )
        for step in steps:
            try:
                done = subprocess.run(step, capture_output=True, text=True, timeout=COMPILE_SECONDS, check=False)  # noqa: S603 - ours
            except subprocess.TimeoutExpired as error:
                raise OSError(f"{compiler} took longer than {COMPILE_SECONDS} s") from error
            if done.returncode:
                said = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[0]
                raise OSError(f"{compiler} failed: {said}")
        linked.replace(library)


def _loaded(library: Path) -> Fused:
    """Load the library. Raises OSError, also if PyTorch has no OpenMP library whose functions it can use."""
    code = ctypes.CDLL(str(library), mode=os.RTLD_NOW | os.RTLD_LOCAL)
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    for kind in TYPES.values():
        getattr(code, f"e1_norm_{kind}").argtypes = [pointer, pointer, pointer, number, number, ctypes.c_float]
        getattr(code, f"e1_rotate_{kind}").argtypes = [pointer, pointer, pointer, number, number, number, number]
        getattr(code, f"e1_merge_{kind}").argtypes = [pointer] * 5 + [number, number]
    code.e1_add_bfloat16.argtypes = [pointer, pointer, pointer, number, number]

    def norm(x_TH: Tensor, weight_H: Tensor, eps: float, dtype: torch.dtype) -> Tensor:
        x_TH = x_TH.contiguous()
        out_TH = torch.empty(x_TH.shape, dtype=dtype)
        run = getattr(code, f"e1_norm_{TYPES[dtype]}")
        run(x_TH.data_ptr(), weight_H.data_ptr(), out_TH.data_ptr(), *x_TH.shape, eps)
        return out_TH

    def rotate(
        x_TND: Tensor, heads: int, cos_T1E: Tensor, sin_T1E: Tensor, limit: float = 0.0
    ) -> tuple[Tensor, Tensor]:
        x_TND = x_TND.contiguous()
        T, N, D = x_TND.shape
        run = getattr(code, f"e1_rotate_{TYPES[x_TND.dtype]}")
        run(x_TND.data_ptr(), cos_T1E.data_ptr(), sin_T1E.data_ptr(), T, heads, D // 2, N * D)
        return x_TND[:, :heads], x_TND[:, heads:]

    def add(x_TH: Tensor, y_TH: Tensor) -> Tensor:
        if y_TH.dtype != torch.bfloat16:
            return x_TH + y_TH
        x_TH, y_TH = x_TH.contiguous(), y_TH.contiguous()
        out_TH = torch.empty_like(x_TH)
        code.e1_add_bfloat16(x_TH.data_ptr(), y_TH.data_ptr(), out_TH.data_ptr(), *x_TH.shape)
        return out_TH

    def merge(a_TND: Tensor, a_TN: Tensor, b_TND: Tensor, b_TN: Tensor) -> Tensor:
        given = [x.contiguous() for x in (a_TND, a_TN.float(), b_TND, b_TN.float())]
        out_TND = torch.empty_like(given[0])
        T, N, D = out_TND.shape
        run = getattr(code, f"e1_merge_{TYPES[out_TND.dtype]}")
        run(*(x.data_ptr() for x in given), out_TND.data_ptr(), T * N, D)
        return out_TND

    return Fused("compiled", norm, rotate, add, gate, merge, flash=_flash(code) if code.e1_attends() else None)


def _flash(code: ctypes.CDLL) -> Flash:
    """Return the attention of `flash.c`. Types and sizes that it does not know go to PyTorch's kernel."""
    code.e1_attend.argtypes = [*[ctypes.c_void_p] * 8, ctypes.c_float]

    def flash(q_BNLD: Tensor, k_BNSD: Tensor, v_BNSD: Tensor) -> tuple[Tensor, Tensor]:
        given = [q_BNLD, k_BNSD, v_BNSD]
        (B, N, L, D), S = q_BNLD.shape, k_BNSD.shape[2]
        known = all(x.dtype == torch.bfloat16 and x.stride(-1) == 1 for x in given) and D in FLASH_WIDTHS
        if not known:
            return cpu_flash(q_BNLD, k_BNSD, v_BNSD)
        out_BLND = torch.empty(B, L, N, D, dtype=torch.bfloat16)
        lse_BLN = torch.empty(B, L, N)
        packed = torch.empty(2 * B * N * -(-S // FLASH_KEYS) * FLASH_KEYS * D, dtype=torch.bfloat16)
        sizes = (ctypes.c_int64 * 5)(B, N, L, S, D)
        strides = (ctypes.c_int64 * 9)(*(step for x in given for step in x.stride()[:3]))
        tensors = [x.data_ptr() for x in (*given, packed, out_BLND, lse_BLN)]
        code.e1_attend(*tensors, sizes, strides, D**-0.5)
        return out_BLND.transpose(1, 2), lse_BLN.transpose(1, 2)[..., None]

    return flash
