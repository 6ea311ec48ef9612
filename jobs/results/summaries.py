"""The figures that the page of an item shows of its arrays. Pure functions."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from e1protocol import CANONICAL, MASK
from jobs.actions.base import Array
from jobs.science.filling import Filled, most_probable
from jobs.science.logits import log_softmax

SHOWN_VALUES = 8
FILLED = 10
"""Filled-in sequences that are shown."""
FLANK = 6
"""Residues shown on each side of a masked one."""


Figures = dict[str, Any]
"""Names and numbers for a template."""


def vector_summary(layer: int, vector: Array) -> Figures:
    """Summarise one embedding [H], in float64: Euclidean norm, population standard deviation (`spread`) and others."""
    exact = np.asarray(vector, dtype=np.float64)
    return {
        "layer": layer,
        "width": len(exact),
        "norm": float(np.linalg.norm(exact)),
        "mean": float(exact.mean()),
        "spread": float(exact.std()),
        "lowest": float(exact.min()),
        "highest": float(exact.max()),
        "first": exact[:SHOWN_VALUES].tolist(),
    }


def matrix_summary(layer: int, matrix: Array) -> Figures:
    """Summarise per-residue embeddings [L, H] by the Euclidean norms of their rows. `longest_at` is 1-based."""
    norms = np.linalg.norm(np.asarray(matrix, dtype=np.float64), axis=1)
    return {
        "layer": layer,
        "rows": matrix.shape[0],
        "width": matrix.shape[1],
        "shortest": float(norms.min()),
        "median": float(np.median(norms)),
        "longest": float(norms.max()),
        "longest_at": int(norms.argmax()) + 1,
    }


def probabilities(logits: Array) -> NDArray[np.float64]:
    """Return the softmax of logits [n, 20] over the canonical residues, in float64."""
    return np.asarray(np.exp(log_softmax(logits)))


@dataclass(frozen=True, slots=True)
class MaskedResidue:
    """The prediction at one `?`: `position` is 1-based, `left` and `right` are the flanking residues.

    `ranked` has all twenty residues with their probabilities, most probable first. `entropy` is in bits, from 0 to
    log2 20 = 4.32.
    """

    position: int
    left: str
    right: str
    ranked: tuple[tuple[str, float], ...]
    entropy: float

    @property
    def in_order(self) -> tuple[float, ...]:
        """Probabilities in the order of `CANONICAL`."""
        known = dict(self.ranked)
        return tuple(known[letter] for letter in CANONICAL)


def masked_residues(sequence: str, logits: Array, masks: Sequence[int]) -> Iterator[MaskedResidue]:
    """Yield predictions at the 0-based positions `masks`. `logits` has a row for every residue or for every mask."""
    rows = logits if len(logits) == len(masks) else logits[list(masks)]
    for position, row in zip(masks, probabilities(rows), strict=True):
        order = np.argsort(-row, kind="stable")
        known = row[row > 0]
        yield MaskedResidue(
            position=position + 1,
            left=("…" if position > FLANK else "") + sequence[max(0, position - FLANK) : position],
            right=sequence[position + 1 : position + 1 + FLANK] + ("…" if position + 1 + FLANK < len(sequence) else ""),
            ranked=tuple((CANONICAL[column], float(row[column])) for column in order),
            entropy=float(-(known * np.log2(known)).sum()),
        )


def filled_in(sequence: str, result: Mapping[str, Any]) -> Iterator[Filled]:
    """Yield the sequence of a result with its masks filled in, the most probable first."""
    masks, logits = result["mask_positions"], result["logits"]
    rows = logits if len(logits) == len(masks) else logits[list(masks)]
    return most_probable(sequence, masks, probabilities(rows))


def recovery(sequence: str, logits: Array) -> Figures | None:
    """Return how well the network predicts the sequence itself, from its logits [L, 20].

    Of the `judged` canonical residues, `first` are ranked first; `mean_probability` is over all of them. None if no
    residue is canonical.
    """
    places = [place for place, letter in enumerate(sequence) if letter != MASK and letter in CANONICAL]
    if not places or len(logits) != len(sequence):
        return None
    columns = [CANONICAL.index(sequence[place]) for place in places]
    chosen = probabilities(logits[places])
    return {
        "judged": len(places),
        "first": int((chosen.argmax(axis=1) == columns).sum()),
        "mean_probability": float(chosen[np.arange(len(places)), columns].mean()),
    }


def score(log_prob: float, residues: int) -> Figures:
    """Return a log-probability in natural units, also per residue, and the perplexity exp(-per_residue)."""
    per_residue = log_prob / residues
    return {"log_prob": log_prob, "per_residue": per_residue, "perplexity": float(np.exp(-per_residue))}


def ruled(
    sequence: str, wrong: Collection[int] = (), *, block: int = 10, blocks: int = 5
) -> list[tuple[int, list[tuple[str, bool]]]]:
    """Return the sequence in lines: the 1-based position of the first residue, and the parts of the line.

    A part is a text, and whether its residues are at the 0-based places `wrong`. Blocks of ten residues are apart.
    """
    line, marked = block * blocks, frozenset(wrong)
    return [
        (start + 1, list(_parts(sequence[start : start + line], {at - start for at in marked}, block)))
        for start in range(0, len(sequence), line)
    ]


def _parts(line: str, wrong: Collection[int], block: int) -> Iterator[tuple[str, bool]]:
    places = [place for at in range(len(line)) for place in ((None, at) if at and not at % block else (at,))]
    for is_wrong, run in groupby(places, key=lambda place: place is not None and place in wrong):
        yield "".join(" " if place is None else line[place] for place in run), is_wrong


def summarise(result: dict[str, Any], sequence: str) -> dict[str, Any]:
    """Return all summaries that apply to a result of `jobs.results.items.results_of`, for a template."""
    summary: dict[str, Any] = {}
    if "embeddings" in result:
        summary["vectors"] = [vector_summary(one["layer"], one["embedding"]) for one in result["embeddings"]]
    if "per_token_embeddings" in result:
        matrices = result["per_token_embeddings"]
        summary["matrices"] = [matrix_summary(one["layer"], one["embeddings"]) for one in matrices]
    if "mask_positions" in result:
        summary["masks"] = list(masked_residues(sequence, result["logits"], result["mask_positions"]))
        summary["filled"] = list(islice(filled_in(sequence, result), FILLED))
    elif "logits" in result:
        summary["recovery"] = recovery(sequence, result["logits"])
    if "log_prob" in result:
        summary["score"] = score(result["log_prob"], len(sequence))
    return summary
