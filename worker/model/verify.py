"""Checks of a loaded network: known answers of the released checkpoints, and the fast path against the plain one.

A worker runs `self_test` before it claims work; `e1 verify` prints `verify`. The plain path runs one query at a time
through `E1.hidden_states` with the SDPA backend: no packing, no cache, no other kernel.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from e1protocol import CANONICAL, Encoding, EngineIdentity, Query
from worker.engine import Engine
from worker.engine.config import EngineConfig
from worker.engine.packer import Instance, pack
from worker.model.attention import sdpa_attend
from worker.model.e1 import E1
from worker.model.loader import load_model
from worker.model.tokenizer import CANONICAL_TOKENS

KNOWN_ANSWERS = Path(__file__).with_name("known_answers.json")
KNOWN_TOLERANCE = 0.1
"""Absolute, in logits, for any precision: the published numbers are rounded to bfloat16."""
KNOWN_CORRELATION = 0.999
TOLERANCE = {torch.float32: 1e-4}
HALF_TOLERANCE = 0.03
"""In units of the array's largest magnitude, at least 1. In half precision, two orders of the same sums differed by at
most 0.0097 (docs/performance.md). A wrong span, position or cache entry causes ten times as much."""
HALF_AGAINST_FLOAT32 = 0.06
"""The same between half precision and float32, which differed by at most 0.019."""

Array = NDArray[np.float32]
KnownAnswer = tuple[str, Array]
"""A sequence and its logits [L, 20]."""


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison. `measured` must not exceed `tolerance`, or must reach it if `at_least`. NaN never passes."""

    name: str
    measured: float
    tolerance: float
    at_least: bool = False

    @property
    def passed(self) -> bool:
        return self.measured >= self.tolerance if self.at_least else self.measured <= self.tolerance


@dataclass(frozen=True, slots=True)
class Report:
    """The result of `e1 verify`."""

    identity: EngineIdentity
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)

    def as_dict(self) -> dict[str, object]:
        """Return the report ready for JSON; a measurement that is not finite becomes null."""
        rows = [asdict(check) | {"passed": check.passed} for check in self.checks]
        for row in rows:
            row["measured"] = row["measured"] if np.isfinite(row["measured"]) else None
        return {"identity": asdict(self.identity), "passed": self.passed, "checks": rows}

    def lines(self) -> Iterator[str]:
        """Yield the lines of a readable table."""
        who = self.identity
        where = f"{who.precision} ({who.precision_reason}) on {who.device}, attention {who.attention}"
        yield f"{who.model}: {where}, torch {who.torch_version}"
        width = max(len(check.name) for check in self.checks)
        yield f"{'check':{width}}  {'measured':>9}  {'tolerance':>10}"
        for check in self.checks:
            limit = f"{'>=' if check.at_least else '<='} {check.tolerance:g}"
            verdict = "pass" if check.passed else "FAIL"
            yield f"{check.name:{width}}  {check.measured:9.3g}  {limit:>10}  {verdict}"


def _query(sequence: str, *context: str, layers: int) -> Query:
    """Return a query for every layer and every output."""
    include = frozenset({"mean", "per_token", "logits"})
    return Query(sequence, context, tuple(range(layers + 1)), include)


def quick_queries(layers: int) -> list[Query]:
    """Return short queries that cover the hard cases of packing: masks, contexts, unequal lengths, one residue."""
    return [
        _query("MKTAYIAKQRQISFVKSHFSRQ", layers=layers),
        _query("MKT?YIAKQR", "MKTAYIVKQRQLSFVK", "MRTAYLAKQR", layers=layers),
        _query("W", layers=layers),
        _query("MK?AYIAKQRQ", "MKTAYIVKQRQLSFVK", "MRTAYLAKQR", layers=layers),
    ]


def full_queries(layers: int) -> list[Query]:
    """Return the quick queries and longer ones, from a fixed random stream."""
    random = np.random.default_rng(1)
    long, parent, *homologs = ("".join(random.choice(list(CANONICAL), n)) for n in (300, 150, 140, 160))
    more = [_query(long, layers=layers), _query("?" * 40, layers=layers)]
    variants = [_query(parent[:p] + "?" + parent[p + 1 :], *homologs, layers=layers) for p in (0, 70, 149)]
    return quick_queries(layers) + more + variants


def self_test(engine: Engine) -> list[Check]:
    """Check that everything is finite, packed = alone, and fast path = plain path.

    Takes a fraction of a second on a small network, and changes nothing in the engine. The plain path runs with the
    engine's weights, in its precision.
    """
    queries = quick_queries(engine.model_config.num_hidden_layers)
    packed, checks = _packing_checks(engine, queries)
    plain = plain_encode(engine.runner.model, queries, engine.runner.device)
    return [
        *checks,
        Check(f"{engine.runner.backend.name} packed against plain", difference(packed, plain), _limit(engine)),
    ]


def _packing_checks(engine: Engine, queries: Sequence[Query]) -> tuple[list[Encoding], list[Check]]:
    """Encode the queries in one call and alone; return the encodings of the one call and their checks."""
    packed = engine.encode(queries)
    alone = [engine.encode([query])[0] for query in queries]
    return packed, [
        Check("values that are not finite", _not_finite(packed), 0),
        Check("packed against alone", difference(packed, alone), _limit(engine)),
    ]


def _limit(engine: Engine) -> float:
    return TOLERANCE.get(engine.runner.dtype, HALF_TOLERANCE)


def verify(engine: Engine) -> list[Check]:
    """Run all checks. If the engine is not in float32, the plain path loads the weights again in float32."""
    runner = engine.runner
    queries = full_queries(engine.model_config.num_hidden_layers)
    model = runner.model
    if runner.dtype != torch.float32:
        model = load_model(engine.checkpoint.folder, device=runner.device, dtype=torch.float32)
    packed, checks = _packing_checks(engine, queries)
    again = engine.encode(queries)
    plain = plain_encode(model, queries, runner.device)
    fast = f"{runner.backend.name} {runner.choice.name}"
    alike = correlation(packed, plain)
    exact = TOLERANCE.get(runner.dtype, HALF_AGAINST_FLOAT32)
    return [
        *known_answer_checks(engine, known_answers(engine.checkpoint.sha256)),
        *checks,
        Check("contexts seen before against new", difference(again, packed), _limit(engine)),
        Check(f"{fast} against plain float32", difference(packed, plain), exact),
        Check("correlation of logits with plain float32", alike, KNOWN_CORRELATION, at_least=True),
    ]


def verify_model(model: str | Path, precision: str) -> Report:
    """Load a registered slug or a checkpoint folder and check it. Raises ModelError if it cannot be loaded."""
    engine = Engine.load(model, EngineConfig(precision=precision))
    return Report(engine.identity, tuple(verify(engine)))


def known_answers(sha256: str) -> list[KnownAnswer]:
    """Return the published answers for the weights with this digest; none for others."""
    published = json.loads(KNOWN_ANSWERS.read_text(encoding="utf-8"))["models"]
    for answers in published.values():
        if answers["model.safetensors.sha256"] == sha256:
            cases = answers["cases"]
            return [(case["sequence"], np.array(case["logits"], dtype=np.float32)) for case in cases]
    return []


def known_answer_checks(engine: Engine, answers: Sequence[KnownAnswer]) -> list[Check]:
    """Check the largest difference from the published logits, and their correlation, for each published sequence."""
    checks: list[Check] = []
    include = frozenset({"logits"})
    for sequence, expected in answers:
        found = engine.encode([Query(sequence, include=include)])
        alike = correlation(found, [Encoding(logits=expected)])
        name = f"{sequence[:8]}... ({len(sequence)} residues)"
        checks += [
            Check(f"known logits of {name}", _largest(found[0].logits, expected), KNOWN_TOLERANCE),
            Check(f"their correlation, {name}", alike, KNOWN_CORRELATION, at_least=True),
        ]
    return checks


def plain_encode(model: E1, queries: Sequence[Query], device: torch.device) -> list[Encoding]:
    """Return every layer and all logits of each query, one at a time, by the SDPA backend: the oracle."""
    encodings: list[Encoding] = []
    for query in queries:
        batch, (place,) = pack([Instance((*query.context, query.sequence))])
        rows: dict[int, Array] = {}
        with torch.inference_mode():
            for layer, x_TH in model.hidden_states(batch.to(device), sdpa_attend):
                x_LH = x_TH[place.start : place.end]
                rows[layer] = x_LH.float().cpu().numpy()
            logits: Array = model.head(x_LH).cpu().numpy()[:, CANONICAL_TOKENS]
        mean = {layer: array.mean(axis=0) for layer, array in rows.items()}
        encodings.append(Encoding(logits=logits, mean=mean, per_token=rows))
    return encodings


def difference(found: Sequence[Encoding], expected: Sequence[Encoding]) -> float:
    """Return the largest difference of any output, in units of the expected array's largest magnitude (at least 1).

    Returns NaN if an output is missing, has another shape, or is not finite.
    """
    worst = 0.0
    for a, b in zip(found, expected, strict=True):
        if a.error or b.error or a.per_token.keys() != b.per_token.keys():
            return float("nan")
        for ours, theirs in zip(_arrays(a), _arrays(b), strict=True):
            scale = max(1.0, float(np.abs(theirs).max())) if theirs is not None else 1.0
            worst = float(np.maximum(worst, _largest(ours, theirs) / scale))
    return worst


def correlation(found: Sequence[Encoding], expected: Sequence[Encoding]) -> float:
    """Return Pearson's correlation over all logits; NaN if some are missing."""
    pairs = [(a.logits, b.logits) for a, b in zip(found, expected, strict=True)]
    if any(a is None or b is None or a.shape != b.shape for a, b in pairs):
        return float("nan")
    ours = np.concatenate([a.ravel() for a, _ in pairs if a is not None])
    theirs = np.concatenate([b.ravel() for _, b in pairs if b is not None])
    return float(np.corrcoef(ours, theirs)[0, 1])


def _arrays(encoding: Encoding) -> list[Array | None]:
    layers = sorted(encoding.per_token)
    return [encoding.logits, *(encoding.mean[k] for k in layers), *(encoding.per_token[k] for k in layers)]


def _largest(found: Array | None, expected: Array | None) -> float:
    """Return the largest absolute difference, or NaN if the two cannot be compared."""
    if found is None or expected is None or found.shape != expected.shape:
        return float("nan")
    return float(np.abs(found - expected).max())


def _not_finite(encodings: Sequence[Encoding]) -> float:
    """Count the values that are NaN or infinite; NaN if a query failed."""
    if any(encoding.error for encoding in encodings):
        return float("nan")
    return float(sum((~np.isfinite(a)).sum() for e in encodings for a in _arrays(e) if a is not None))
