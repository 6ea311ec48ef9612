"""What bfloat16 costs: the engine's numbers compared with its own in float32, beside the reference's own bfloat16.

The reference's way is `worker.model.rounding.reference_outputs`: its operations, in its order, each rounded as its
autocast does. The protein is the beginning of TEM-1 beta-lactamase, alone and after a context.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.measuring import Row
from e1protocol import CANONICAL, Encoding, Query
from worker.engine import Engine
from worker.engine.config import EngineConfig
from worker.engine.packer import Instance, pack
from worker.engine.precision import ERROR_LIMIT, PROBE, SPEARMAN
from worker.model.loader import load_model
from worker.model.rounding import reference_outputs, relative_error, scan_scores, spearman

ALL = frozenset({"mean", "per_token", "logits"})
NAMES = ("bfloat16", "reference")
Array = NDArray[np.floating]


def queries(mutants: int) -> list[Query]:
    """Return the protein alone, the same after a context, and random single mutants of it."""
    random = np.random.default_rng(5)
    context = tuple(_changed(random, share) for share in (0.3, 0.4, 0.5))
    places = random.choice(len(PROBE), mutants, replace=False)
    others = [random.choice([letter for letter in CANONICAL if letter != PROBE[place]]) for place in places]
    singles = [PROBE[:place] + other + PROBE[place + 1 :] for place, other in zip(places, others, strict=True)]
    return [
        Query(PROBE, (), (-1,), ALL),
        Query(PROBE, context, (-1,), ALL),
        *(Query(one, (), (-1,), ALL) for one in singles),
    ]


def _changed(random: np.random.Generator, share: float) -> str:
    """Return the protein with this share of its residues drawn anew, as a stand-in for a homolog."""
    drawn = random.choice(list(CANONICAL), len(PROBE))
    return "".join(np.where(random.random(len(PROBE)) < share, drawn, list(PROBE)))


def accuracy(name: str, folder: Path, *, mutants: int) -> Iterator[Row]:
    """Yield a row for each measure: the engine's in bfloat16, with that of the reference's bfloat16 as detail."""
    asked = queries(mutants)
    device = torch.device("cpu")
    engines = [Engine.load(folder, EngineConfig(device="cpu", precision=one)) for one in ("float32", "bfloat16")]
    for engine in engines:
        engine.runner.wait_for_compiled()  # or some queries would run without the compiled parts
    exact, ours = (engine.encode(asked) for engine in engines)
    attention = engines[1].runner.backend.name
    model = load_model(folder, device=device, dtype=torch.float32)
    reference = []
    for query in asked:
        batch, (place,) = pack([Instance((*query.context, query.sequence))])
        found = reference_outputs(model, batch)
        hidden, logits = found.hidden[place.start : place.end], found.logits[place.start : place.end]
        last = model.config.num_hidden_layers
        reference.append(Encoding(logits, {last: hidden.mean(axis=0)}, {last: hidden}))
    measures = [_measures(encodings, exact) for encodings in (ours, reference)]
    for what, value in measures[0].items():
        theirs = measures[1][what]
        target = ""
        if what in ("alone: logits, error", "alone: residues, error"):
            target = f"<= {ERROR_LIMIT * theirs:.3g}"
        elif what == "alone: scan, Spearman":
            target = f">= {SPEARMAN}"
        yield Row(f"{name}: {what}", value, "ratio", target, 0.0, {"reference": theirs, "attention": attention})


def _measures(found: Sequence[Encoding], exact: Sequence[Encoding]) -> dict[str, float]:
    result: dict[str, float] = {}
    for label, a, b in (("alone", found[0], exact[0]), ("context", found[1], exact[1])):
        ours, theirs = _logits(a), _logits(b)
        result[f"{label}: logits, error"] = relative_error(ours, theirs)
        result[f"{label}: residues, error"] = relative_error(_residues(a), _residues(b))
        result[f"{label}: residues, 1 - least cosine"] = 1 - _cosines(_residues(a), _residues(b)).min()
        center = _residues(b).mean(axis=0)
        result[f"{label}: residues, 1 - least centred cosine"] = (
            1 - _cosines(_residues(a) - center, _residues(b) - center).min()
        )
        result[f"{label}: mean, 1 - cosine"] = 1 - _cosines(_mean(a)[None], _mean(b)[None])[0]
        result[f"{label}: log_prob, difference"] = abs(_log_prob(ours) - _log_prob(theirs))
        scores, expected = scan_scores(ours, PROBE), scan_scores(theirs, PROBE)
        result[f"{label}: scan, Spearman"] = spearman(scores, expected)
        result[f"{label}: scan, largest difference"] = float(np.abs(scores - expected).max())
        result[f"{label}: scan, ties beyond float32's"] = float(len(np.unique(expected)) - len(np.unique(scores)))
    means, truths = (np.stack([_mean(one) for one in some]).astype(np.float64) for some in (found, exact))
    effects, expected_effects = means[2:] - means[0], truths[2:] - truths[0]
    norms = np.linalg.norm(expected_effects, axis=1)
    result["mutants: effect on the mean, median error"] = float(
        np.median(np.linalg.norm(effects - expected_effects, axis=1) / norms)
    )
    result["mutants: effect on the mean, 1 - least cosine"] = 1 - _cosines(effects, expected_effects).min()
    result["mutants: nearest mutant the same"] = float(np.mean(_nearest(means[2:]) == _nearest(truths[2:])))
    return result


def _logits(encoding: Encoding) -> NDArray[np.float32]:
    assert encoding.logits is not None
    return encoding.logits


def _residues(encoding: Encoding) -> NDArray[np.float32]:
    return next(iter(encoding.per_token.values()))


def _mean(encoding: Encoding) -> NDArray[np.float32]:
    return next(iter(encoding.mean.values()))


def _cosines(a: Array, b: Array) -> NDArray[np.float64]:
    wide, other = a.astype(np.float64), b.astype(np.float64)
    cosines: NDArray[np.float64] = (
        (wide * other).sum(axis=1) / np.linalg.norm(wide, axis=1) / np.linalg.norm(other, axis=1)
    )
    return cosines


def _log_prob(logits: NDArray[np.float32]) -> float:
    own = torch.tensor([CANONICAL.index(letter) for letter in PROBE])
    return float(torch.from_numpy(logits).double().log_softmax(dim=1)[torch.arange(len(own)), own].sum())


def _nearest(means: NDArray[np.float64]) -> NDArray[np.intp]:
    distances = np.linalg.norm(means[:, None] - means[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    nearest: NDArray[np.intp] = distances.argmin(axis=1)
    return nearest
