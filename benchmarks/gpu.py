"""All of a GPU in one go: `python -m benchmarks gpu`, at most six minutes. It writes gpu.json and gpu.md.

On a machine without one it runs on the CPU, at small shapes, so that it cannot rot. Then it says nothing of GPUs.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import engine as engines
from benchmarks.measuring import Row, clocked
from benchmarks.shapes import proteins, random_checkpoint
from e1protocol import Query
from jobs.science.variants.marginals import MarginalPlan
from worker.engine import Engine
from worker.engine.config import EngineConfig
from worker.model.verify import verify

LONGEST = 300.0
"""Seconds after which no further part begins, and the most that one of them waits for its processes."""
ROOT = Path(__file__).parents[1]
GIB = 2**30


@dataclass(frozen=True, slots=True)
class Sizes:
    """The sizes of one run."""

    shape: str = "e1-600m"
    sequences: int = 1024
    queries: int = 500
    residues: int = 286
    contexts: int = 15
    homologs: int = 24
    seconds: float = 15.0
    repeats: int = 3


SMALL = Sizes("tiny", sequences=8, queries=4, residues=12, contexts=2, homologs=2, seconds=1.0, repeats=1)


def gpu(folder: Path, sizes: Sizes) -> Iterator[Row]:
    """Yield the rows of every part; a part that fails has a row with the reason, and the others go on."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    began, rows = time.monotonic(), []
    for name, part in parts(folder, sizes, device).items():
        if time.monotonic() - began > LONGEST:
            found = [Row(f"gpu: {name}", 0.0, "(left out: no time)")]
        else:
            found = _rows_of(name, part)
        rows += found
        yield from found
        write(folder, device, sizes, rows, time.monotonic() - began)


def _rows_of(name: str, part: Callable[[], Iterator[Row]]) -> list[Row]:
    try:
        return list(part())
    except Exception as error:
        return [Row(f"gpu: {name}", 0.0, f"(failed: {type(error).__name__}: {str(error)[:200]})", "no failure")]


def parts(folder: Path, sizes: Sizes, device: str) -> Mapping[str, Callable[[], Iterator[Row]]]:
    """Return the parts in order, the ones first that tell whether numbers are right."""
    precision = "bfloat16" if device == "cuda" else "float32"
    shape = sizes.shape
    return {
        "tests/gpu": lambda: tested(device),
        "verify e1-demo": lambda: verified("e1-demo", "e1-demo"),
        f"verify {shape}": lambda: verified(f"random {shape}", random_checkpoint(shape, folder)),
        "matrix products": lambda: engines.against_matrix_products(
            shape, folder, precision=precision, repeats=sizes.repeats, count=sizes.sequences
        ),
        "shared contexts": lambda: engines.shared_context(
            shape,
            folder,
            precision=precision,
            repeats=1,
            queries=sizes.queries,
            along=min(4, sizes.queries),
            residues=sizes.residues,
        ),
        "scan": lambda: scanned(shape, folder, sizes),
        "exhausted memory": lambda: exhausted(shape, folder, sizes),
        "two workers": lambda: two_workers(shape, folder, sizes),
    }


def tested(device: str) -> Iterator[Row]:
    """Run `tests/gpu` on the device and count what passed. On a CPU, only the golden numbers."""
    some = [] if device == "cuda" else ["-k", "golden"]
    options = [
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:django",
        "--noconftest",
        "-c",
        os.devnull,
        "--rootdir",
        str(ROOT),
    ]
    command = [sys.executable, "-m", "pytest", *options, *some, str(ROOT / "tests" / "gpu")]
    env = {**os.environ, "E1_TEST_DEVICE": device, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=LONGEST, check=False)
    counts = {word: int(count) for count, word in re.findall(r"(\d+) (passed|failed|skipped|error)", ran.stdout)}
    wrong = counts.get("failed", 0) + counts.get("error", 0) + (not counts)
    yield Row(
        "gpu: tests that failed",
        wrong,
        "tests",
        "0",
        0.0,
        {**counts, "output": ran.stdout[-2000:] + ran.stderr[-2000:]},
    )


def verified(name: str, checkpoint: str | Path) -> Iterator[Row]:
    """Run the checks of `e1 verify`."""
    checks = verify(Engine.load(checkpoint))
    failed = [check for check in checks if not check.passed]
    detail = {check.name: [check.measured, check.tolerance] for check in checks}
    yield Row(f"gpu: checks of {name} that failed", len(failed), "checks", "0", 0.0, detail)


def scanned(shape: str, folder: Path, sizes: Sizes) -> Iterator[Row]:
    """Time the masked passes of a scan, alone and under contexts, with tokens a second and the peak of memory."""
    engine = engines.load(shape, folder)
    (parent,) = proteins(1, sizes.residues, sizes.residues, seed=3)
    contexts = [tuple(proteins(sizes.homologs, 240, 260, seed=seed)) for seed in range(sizes.contexts)]
    for name, under in (("alone", [()]), (f"under {sizes.contexts} contexts", contexts)):
        plan = MarginalPlan("masked_marginal", parent, tuple(under), tuple(range(len(parent))))
        queries = [plan.query(unit) for unit in range(len(plan))]
        engine.encode(queries[:2])
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        before = engine.tokens_run
        engine.contexts.keep_only(set())
        seconds, _ = clocked(lambda queries=queries: engine.encode(queries), engine.runner.device)
        peak = torch.cuda.max_memory_allocated() / GIB if torch.cuda.is_available() else 0.0
        tokens = engine.tokens_run - before
        detail = {"passes": len(plan), "tokens_per_second": tokens / seconds, "peak_gib": peak}
        yield Row(f"gpu: scan of {sizes.residues} residues, {name}", seconds, "s", "", 0.0, detail)


def exhausted(shape: str, folder: Path, sizes: Sizes) -> Iterator[Row]:
    """Compare a batch for which memory is too small with the same one undisturbed.

    Raises RuntimeError if numbers differ.
    """
    engine = engines.load(shape, folder, context_bytes=1)
    queries = [Query(text) for text in proteins(sizes.sequences, sizes.residues, sizes.residues, seed=4)]
    expected = engine.encode(queries)
    roomy, _ = clocked(lambda: engine.encode(queries), engine.runner.device)
    tokens = sum(query.tokens for query in queries)
    engine.runner.token_budget = tokens
    found: list[Any] = []
    with little_memory(engine, tokens // 4):
        tight, _ = clocked(lambda: found.extend(engine.encode(queries)), engine.runner.device)
    layer = engine.model_config.num_hidden_layers
    for one, other in zip(expected, found, strict=True):
        if other.error or not np.allclose(one.mean[layer], other.mean[layer], rtol=0, atol=0.1):
            raise RuntimeError(f"after exhausted memory an embedding differs: {other.error or 'numbers'}")
    yield Row("gpu: time with exhausted memory over time with enough", tight / roomy, "ratio")


@contextmanager
def little_memory(engine: Engine, tokens: int) -> Iterator[None]:
    """Limit the device's memory to the network and 600 MiB; on a CPU, refuse passes of more than `tokens`."""
    if engine.runner.device.type == "cuda":
        torch.cuda.empty_cache()
        whole = torch.cuda.get_device_properties(engine.runner.device).total_memory
        share = (torch.cuda.memory_reserved(engine.runner.device) + 600 * 2**20) / whole
        torch.cuda.set_per_process_memory_fraction(share, engine.runner.device)
        try:
            yield
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0, engine.runner.device)
        return
    run = engine.runner.run

    def refuse(queries: Sequence[Query], entries: Sequence[Any]) -> Any:
        if sum(query.tokens for query in queries) > tokens:
            raise MemoryError("as if memory were exhausted")
        return run(queries, entries)

    engine.runner.run = refuse  # type: ignore[method-assign]
    try:
        yield
    finally:
        engine.runner.run = run  # type: ignore[method-assign]


def two_workers(shape: str, folder: Path, sizes: Sizes) -> Iterator[Row]:
    """Compare the rate of two processes on one device with that of one."""
    checkpoint = random_checkpoint(shape, folder)
    alone, both = (_rates(checkpoint, count, sizes.seconds, sizes.sequences, sizes.residues) for count in (1, 2))
    detail = {"alone_tokens_per_second": alone, "both_tokens_per_second": both}
    yield Row("gpu: two workers over one, tokens a second", sum(both) / sum(alone), "ratio", "", 0.0, detail)


def _rates(checkpoint: Path, count: int, seconds: float, sequences: int, residues: int) -> list[float]:
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(count)
    answers = context.SimpleQueue()
    given = (checkpoint, seconds, sequences, residues, ready, answers)
    processes = [context.Process(target=_measure, args=given) for _ in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(LONGEST)
        if process.exitcode != 0:
            ready.abort()
            raise RuntimeError(f"a worker process ended with {process.exitcode}")
    return [answers.get() for _ in processes]


def _measure(checkpoint: Path, seconds: float, sequences: int, residues: int, ready: Any, answers: Any) -> None:
    engine = Engine.load(checkpoint, EngineConfig())
    queries = [Query(text) for text in proteins(min(64, sequences), residues, residues, seed=os.getpid())]
    engine.encode(queries)
    ready.wait(LONGEST)
    before, started = engine.tokens_run, time.perf_counter()
    while time.perf_counter() - started < seconds:
        engine.encode(queries)
    answers.put((engine.tokens_run - before) / (time.perf_counter() - started))


def write(folder: Path, device: str, sizes: Sizes, rows: Sequence[Row], seconds: float) -> None:
    """Write what is measured so far as JSON and as a table for docs/performance.md."""
    name = torch.cuda.get_device_name() if device == "cuda" else "no GPU: a CPU at small shapes"
    head = {"device": name, "torch": torch.__version__, "cuda": torch.version.cuda, "seconds": round(seconds, 1)}
    body = head | {"sizes": asdict(sizes), "rows": [asdict(row) for row in rows]}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "gpu.json").write_text(json.dumps(body, indent=1, default=str))
    lines = [f"On {name}, torch {torch.__version__}, CUDA {torch.version.cuda}, in {seconds:.0f} s:", ""]
    lines += ["| what | value | noise | target |", "|---|---|---|---|"]
    lines += [f"| {row.name} | {row.value:.3g} {row.unit} | {row.noise:.1%} | {row.target} |" for row in rows]
    (folder / "gpu.md").write_text("\n".join(lines) + "\n")
