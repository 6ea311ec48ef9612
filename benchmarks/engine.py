"""The engine compared with the limits of the device: matrix products, shared contexts, skipped work."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.measuring import Row, Timed, by_turns, clocked
from benchmarks.shapes import attention_flops, matrix_flops, proteins, random_checkpoint
from e1protocol import BOUNDARY_TOKENS, Query, tokens_of
from worker.engine import Engine
from worker.engine.config import EngineConfig
from worker.engine.precision import speed_figures
from worker.model.config import read_config

MEAN = frozenset({"mean"})
BUNDLE_TOKENS = {"cpu": 4096, "cuda": 131_072}
"""About a second of queries, which is what a worker receives at once."""


def load(shape: str, folder: Path, **config: Any) -> Engine:
    return Engine.load(random_checkpoint(shape, folder), EngineConfig(**config))


GOALS = {"float32": 0.85, "bfloat16": 0.85}
SMALL_GOAL = 0.70
"""In bfloat16 at the shape of e1-150m; both goals of bfloat16 are for processors with AMX."""


def precisions(shape: str, folder: Path) -> list[str]:
    """Return the types to measure: on a CPU both if products in bfloat16 are the faster ones, on a GPU bfloat16."""
    if torch.cuda.is_available():
        return ["bfloat16"]
    fast = speed_figures(read_config(random_checkpoint(shape, folder) / "config.json"))["products"] > 1
    return ["float32", "bfloat16"] if fast else ["float32"]


def out_of_reach(shape: str, folder: Path) -> Iterator[Row]:
    """Yield a row for each goal of the CPU that this machine cannot show."""
    if torch.cuda.is_available() or torch.cpu._is_amx_tile_supported():
        return
    goal = SMALL_GOAL if shape == "e1-150m" else GOALS["bfloat16"]
    measured = "bfloat16" in precisions(shape, folder)
    why = "no AMX: the goal is not measurable here" + ("" if measured else "; bfloat16 is slow here and was not run")
    yield Row(f"{shape}: bfloat16 with AMX", 0.0, f"({why})", f">= {goal:.2f}")


def against_matrix_products(shape: str, folder: Path, *, precision: str, repeats: int, count: int) -> Iterator[Row]:
    """Compare the rate of the whole forward pass with that of plain matrix products of the same type."""
    engine = load(shape, folder, precision=precision)
    engine.runner.wait_for_compiled()
    facts = engine.model_config
    queries = [Query(sequence) for sequence in proteins(count, 60, 500)]
    pairs = sum((len(query.sequence) + BOUNDARY_TOKENS) ** 2 for query in queries)
    tokens = tokens_of(*(query.sequence for query in queries))
    work = matrix_flops(facts, tokens) + attention_flops(facts, pairs, pairs)
    budget = min(engine.token_budget, tokens)
    products = Products(engine, budget)
    times = by_turns(
        {"engine": lambda: engine.encode(queries), "products": products.run},
        repeats=repeats,
        device=engine.runner.device,
    )
    rate = work / times["engine"].median
    peak = products.flops / times["products"].median
    yield Row(
        f"{shape}: forward pass over matrix products, {precision}",
        rate / peak,
        "ratio",
        f">= {GOALS['float32']:.2f}" if precision == "float32" else "",
        times["engine"].noise + times["products"].noise,
        {
            "engine_gflops": rate / 1e9,
            "products_gflops": peak / 1e9,
            "ratio_by_processor_time": work
            * times["products"].processor_median
            / products.flops
            / times["engine"].processor_median,
            "tokens_per_second": tokens / times["engine"].median,
            "token_budget": engine.token_budget,
            "sequences": count,
            "lengths": "60 to 500",
            "attention": engine.runner.backend.name,
            "elementwise": engine.runner.model.fused.name,
        },
    )


class Products:
    """The matrix products of all layers for this number of tokens, with random weights."""

    def __init__(self, engine: Engine, tokens: int, layers: int = 4) -> None:
        facts = engine.model_config
        H, I, KV = facts.hidden_size, facts.intermediate_size, facts.key_value_size
        make = {"device": engine.runner.device, "dtype": engine.runner.dtype}
        shapes = [(H, H + 2 * KV), (H, H), (H, 2 * I), (I, H)]
        self._weights = [[torch.randn(b, a, **make) for a, b in shapes] for _ in range(layers)]
        self._inputs: list[Tensor] = [torch.randn(tokens, a, **make) for a, _ in shapes]
        self._outputs: list[Tensor] = [torch.empty(tokens, b, **make) for _, b in shapes]
        self._rounds = max(1, facts.num_hidden_layers // layers)
        self.flops = 2.0 * tokens * sum(a * b for a, b in shapes) * layers * self._rounds

    def run(self) -> None:
        with torch.inference_mode():
            for _ in range(self._rounds):
                for weights in self._weights:
                    for x, weight, out in zip(self._inputs, weights, self._outputs, strict=True):
                        torch.mm(x, weight.T, out=out)


def shared_context(
    shape: str,
    folder: Path,
    *,
    repeats: int,
    queries: int,
    along: int,
    contexts: int = 16,
    residues: int,
    precision: str,
) -> Iterator[Row]:
    """Compare many queries after one context with the least possible work, and with encoding it for each query.

    On a CPU a thousand queries take a quarter of an hour, during which the speed of the machine changes. So they run in
    bundles, as in a worker, with the matrix products in between. The first bundle encodes the context.
    """
    engine = load(shape, folder, precision=precision)
    engine.runner.wait_for_compiled()
    facts = engine.model_config
    homologs = tuple(proteins(contexts, residues, residues, seed=1))
    asked = [Query(sequence, homologs) for sequence in proteins(queries, residues, residues, seed=2)]
    own = residues + BOUNDARY_TOKENS
    past = contexts * own
    first = matrix_flops(facts, past) + attention_flops(facts, contexts * own**2, past * (past + own) / 2)
    each = matrix_flops(facts, own) + attention_flops(facts, own**2, own * (own + past))
    products = Products(engine, min(engine.token_budget, queries * own))
    alone = load(shape, folder, context_bytes=1, precision=precision)
    alone.runner.wait_for_compiled()
    size = max(1, round(BUNDLE_TOKENS.get(engine.runner.device.type, 1024) / own))
    bundles = [asked[start : start + size] for start in range(0, queries, size)]
    device = engine.runner.device
    by_turns({"shared": lambda: engine.encode(bundles[0]), "products": products.run}, repeats=1, device=device)
    rounds = [_bundles_by_turns(engine, bundles, products) for _ in range(repeats)]
    along_seconds = by_turns({"along": lambda: alone.encode(asked[:along])}, repeats=2, device=device)["along"]
    ideal = (first + queries * each) / products.flops
    # Each bundle alternates with matrix products, so a change of the machine affects both sums.
    ratios = [sum(shared.seconds) / (ideal * statistics.fmean(peaks.seconds)) for shared, peaks in rounds]
    by_processor = [sum(shared.processor) / (ideal * statistics.fmean(peaks.processor)) for shared, peaks in rounds]
    seconds = statistics.median(sum(shared.seconds) / queries for shared, _ in rounds)
    processor = statistics.median(sum(shared.processor) / queries for shared, _ in rounds)
    # All bundles after the first do the same work, so their differences are the noise.
    noise = Timed(rounds[0][0].seconds[1:-1] or rounds[0][0].seconds).noise + rounds[0][1].noise
    detail = {
        "queries": queries,
        "context": f"{contexts} x {residues}",
        "bundles": len(bundles),
        "seconds_per_query": seconds,
        "seconds_per_query_run_along": along_seconds.median / along,
        "entry_bytes": past * engine._context_token_bytes,
        "attention": engine.runner.backend.name,
        "ratios": ratios,
        "ratio_by_processor_time": statistics.median(by_processor),
    }
    name = f"{shape}: shared context over its ideal, {precision}"
    yield Row(name, statistics.median(ratios), "ratio", "<= 1.25", noise, detail)
    yield Row(
        f"{shape}: context run along over shared, {precision}",
        along_seconds.median / along / seconds,
        "ratio",
        "",
        noise + along_seconds.noise,
        {**detail, "ratio_by_processor_time": along_seconds.processor_median / along / processor},
    )


def _bundles_by_turns(engine: Engine, bundles: Sequence[Sequence[Query]], products: Products) -> tuple[Timed, Timed]:
    """Time the bundles, the first with a cold cache, and the matrix products in between."""
    engine.contexts.keep_only(set())
    shared, peaks = [], []
    for bundle in bundles:
        shared.append(clocked(lambda bundle=bundle: engine.encode(bundle), engine.runner.device))
        peaks.append(clocked(products.run, engine.runner.device))
    return Timed.of(shared), Timed.of(peaks)


def skipped_work(shape: str, folder: Path, *, repeats: int, count: int) -> Iterator[Row]:
    """Compare partial requests with the full pass (all layers, all logits): skipped work must cost nothing."""
    engine = load(shape, folder)
    layers = engine.model_config.num_hidden_layers
    lower = layers * 2 // 5
    texts = proteins(count, 60, 500)
    full = [Query(text, (), (-1,), frozenset({"mean", "logits"})) for text in texts]
    asked = {
        "full": full,
        f"layer {lower} of {layers}": [Query(text, (), (lower,), MEAN) for text in texts],
        "mean of the last layer, no head": [Query(text) for text in texts],
        "one masked row": [Query(text, (), (), frozenset({"logits"}), (len(text) // 2,)) for text in texts],
        "the same sequence eight times": [query for query in full[: count // 8 or 1] for _ in range(8)],
    }
    works = {name: (lambda queries=queries: engine.encode(queries)) for name, queries in asked.items()}
    times = by_turns(works, repeats=repeats, device=engine.runner.device)
    for name in list(asked)[1:]:
        yield Row(
            f"{shape}: {name} over the full pass",
            times[name].median / times["full"].median,
            "ratio",
            f"{lower / layers:.2f}" if name.startswith("layer") else "",
            times[name].noise,
        )
