"""Training batches: windows over homologous regions, all of one shape, with masked residues."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from demo_training.data import Ints, Proteins
from e1protocol import BOUNDARY_TOKENS
from worker.model.attention import Attend, Span, Spans, sdpa_attend
from worker.model.e1 import Packed
from worker.model.tokenizer import BOS, CANONICAL_TOKENS, EOS, FIRST, LAST, MASK_TOKEN, tokenize

SHAPES: dict[tuple[int, int], float] = {
    (1, 64): 0.02,
    (1, 128): 0.05,
    (1, 256): 0.06,
    (1, 512): 0.03,
    (2, 128): 0.14,
    (2, 256): 0.08,
    (3, 128): 0.06,
    (4, 64): 0.07,
    (4, 128): 0.33,
    (4, 256): 0.05,
    (8, 64): 0.05,
    (8, 128): 0.04,
    (16, 64): 0.02,
}
"""Share of batches with this shape: (sequences of an instance, tokens of a sequence)."""

MASK_RATES = (0.08, 0.28)
EASY_UNTIL = 0.25
EASY_LENGTH = 128
"""Length of the first batches. Difficulty grows until EASY_UNTIL, a share of the training time."""

MIN_IDENTITY = 0.25
MIN_OVERLAP = 0.6
ANY_SEQUENCE_ID = 0.3
"""Share of instances whose sequence numbers start anywhere, because a query after fifty contexts has number 50."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Instances of equal shape. `rows` are the masked tokens and `targets` their true tokens, both int64 [R]."""

    packed: Packed
    rows: Tensor
    targets: Tensor
    attend: Attend


class Sampler:
    """A sampler of batches from the training proteins.

    A batch depends only on `seed` and its number, so that a run can resume where it stopped.
    """

    def __init__(self, proteins: Proteins, seed: int) -> None:
        self.seed = seed
        self.random = np.random.default_rng(seed)
        self.ease = 0.0
        self.proteins = proteins
        self.lengths: Ints = np.array([len(s) for s in proteins.sequences])
        self.starts: Ints = np.concatenate(([0], np.cumsum(self.lengths)))
        self.residues = np.concatenate([tokenize(s)[2:-2] for s in proteins.sequences]).astype(np.int8)
        # Large families would otherwise fill every batch. Long proteins have more windows.
        sizes = np.bincount(proteins.cluster)[proteins.cluster]
        self.weights = proteins.usable * sizes**-0.4 * np.clip(self.lengths / 256, 1, 8) ** 0.5
        self.shapes = list(SHAPES)
        self.shape_odds = np.array(list(SHAPES.values())) / sum(SHAPES.values())

    def draw(self, number: int, tokens: int, done: float) -> Batch:
        """Draw batch `number`, of about `tokens` tokens; `done` is the used share of the training time.

        Batches become harder. The first ones hold aligned windows of one length, and many copies of the same protein.
        With these the network soon learns to look residues up by position. Later ones hold shifted windows of all
        lengths, so it must use neighbouring residues.
        """
        self.random = np.random.default_rng((self.seed, number))
        self.ease = max(0.0, 1 - done / EASY_UNTIL)
        easy = np.array([length == EASY_LENGTH and count > 1 for count, length in self.shapes])
        odds = self.shape_odds * np.where(easy, 1.0, (1 - self.ease) ** 2)
        count, length = self.shapes[self.random.choice(len(self.shapes), p=odds / odds.sum())]
        instances = max(1, tokens // (count * length))
        windows = self._windows(instances, count, length - BOUNDARY_TOKENS)
        return self._batch(windows)

    def _windows(self, instances: int, count: int, residues: int) -> NDArray[np.int64]:
        """Draw the tokens of the residues [instances, count, residues]."""
        found: list[NDArray[np.int8]] = []
        odds = self.weights * (self.lengths >= residues)
        odds /= odds.sum()
        while len(found) < instances:
            # Draw far more proteins than needed: many have too few homologs that cover the window.
            for protein in self.random.choice(len(odds), size=4 * instances, p=odds):
                members = self._homologs(int(protein), count, residues)
                if members is not None:
                    found.append(np.stack(members))
                if len(found) == instances:
                    break
        return np.stack(found).astype(np.int64)

    def _homologs(self, protein: int, count: int, residues: int) -> list[NDArray[np.int8]] | None:
        """Draw a window of this protein and windows of `count - 1` homologs over the same region, shuffled."""
        spare = int(self.lengths[protein]) - residues
        start = int(self.random.choice([0, spare, int(self.random.integers(spare + 1))], p=(0.12, 0.12, 0.76)))
        windows = [(protein, start)]
        if count > 1:
            hits, identities = self._covering(protein, start, residues)
            if len(hits) < count - 1:
                return None
            odds = identities**2 / (identities**2).sum()
            for hit in hits[self.random.choice(len(hits), size=count - 1, replace=False, p=odds)]:
                target, middle = int(hit[1]), place(hit, start + residues // 2)
                if self.random.random() < 0.03 + 0.3 * self.ease:
                    target, middle = protein, start + residues // 2
                shift = middle - residues // 2 + self._jitter()
                windows.append((target, int(np.clip(shift, 0, self.lengths[target] - residues))))
        self.random.shuffle(windows)
        return [self.residues[self.starts[p] + s : self.starts[p] + s + residues] for p, s in windows]

    def _covering(self, protein: int, start: int, residues: int) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Return the alignments with usable homologs that cover most of the window, and their identities."""
        rows = self.proteins.hits_of(protein)
        hits = self.proteins.hits[rows]
        overlap = np.minimum(hits[:, 3], start + residues) - np.maximum(hits[:, 2], start)
        good = self.proteins.usable[hits[:, 1]] & (self.lengths[hits[:, 1]] >= residues)
        good &= (self.proteins.identities[rows] >= MIN_IDENTITY) & (overlap >= MIN_OVERLAP * residues)
        good[1:] &= hits[1:, 1] != hits[:-1, 1]
        return hits[good], self.proteins.identities[rows][good].astype(np.float64)

    def _jitter(self) -> int:
        """Draw the shift of a homolog's window, because users send whole proteins that are not aligned."""
        width = int(self.random.choice((0, 8, 40), p=(0.4, 0.3, 0.3)) * (1 - self.ease))
        return int(self.random.integers(-width, width + 1))

    def _batch(self, windows: NDArray[np.int64]) -> Batch:
        instances, count, residues = windows.shape
        length = residues + BOUNDARY_TOKENS
        tokens = np.empty((instances, count, length), dtype=np.int64)
        tokens[..., :2], tokens[..., 2:-2], tokens[..., -2:] = (BOS, FIRST), windows, (LAST, EOS)
        true = tokens.reshape(-1)
        rates = np.repeat(self.random.uniform(*MASK_RATES, size=instances), count * length)
        rows = np.flatnonzero((self.random.random(len(true)) < rates) & np.isin(true, CANONICAL_TOKENS))
        shown = true.copy()
        shown[rows] = self._disguise(true[rows])
        ids = np.arange(count) + self._first_ids(instances, count)[:, None]
        packed, attend = grid(instances, count, length, shown, np.repeat(ids.reshape(-1), length))
        return Batch(packed, torch.from_numpy(rows), torch.from_numpy(true[rows]), attend)

    def _disguise(self, true: NDArray[np.int64]) -> NDArray[np.int64]:
        """Mask most residues, replace some and keep some, so that scores of unmasked residues are meaningful."""
        dice = self.random.random(len(true))
        shown = np.where(dice < 0.88, MASK_TOKEN, true)
        wrong = dice > 0.94
        shown[wrong] = self.random.choice(CANONICAL_TOKENS, size=int(wrong.sum()))
        return shown

    def _first_ids(self, instances: int, count: int) -> NDArray[np.int64]:
        """Draw the number of each instance's first sequence: mostly 0, else any, small ones more often."""
        anywhere = np.exp(self.random.uniform(0, np.log(512 - count), size=instances)).astype(np.int64)
        return np.where(self.random.random(instances) < ANY_SEQUENCE_ID, anywhere, 0)


def place(hit: NDArray[np.int32], position: int) -> int:
    """Map the query's position to the target, by a straight line through the ends of the alignment."""
    _, _, q_start, q_end, t_start, t_end = (int(x) for x in hit)
    return round(t_start + (position - q_start) * (t_end - t_start) / max(1, q_end - q_start))


def grid(
    instances: int, count: int, length: int, tokens: NDArray[np.int64], ids: NDArray[np.int64]
) -> tuple[Packed, Attend]:
    """Pack instances of one shape; return them with an attention that reads the packed arrays as a grid.

    It returns what `sdpa_attend` returns, but does not gather spans, which saves a fifth of the time of a step.
    """
    starts = np.arange(instances * count) * length
    within = tuple(Span(int(s), int(s) + length, int(s), int(s) + length) for s in starts)
    blocks = tuple(span._replace(k_start=span.q_start - span.q_start % (count * length)) for span in within)
    at = np.arange(len(tokens))
    columns = [torch.from_numpy(x) for x in (tokens, ids, at % length, at % (count * length))]

    def attend(q_THD: Tensor, k_TGD: Tensor, v_TGD: Tensor, spans: Spans) -> Tensor:
        if spans is within or count == 1:
            q, k, v = (x.view(-1, length, *x.shape[1:]).transpose(1, 2) for x in (q_THD, k_TGD, v_TGD))
            return torch.nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(q_THD.shape)
        if spans is not blocks:
            return sdpa_attend(q_THD, k_TGD, v_TGD, spans)
        q, k, v = (x.view(instances, -1, *x.shape[1:]).transpose(1, 2) for x in (q_THD, k_TGD, v_TGD))
        outputs = [
            torch.nn.functional.scaled_dot_product_attention(q[:, :, end - length : end], k[:, :, :end], v[:, :, :end])
            for end in range(length, count * length + 1, length)
        ]
        return torch.cat(outputs, dim=2).transpose(1, 2).reshape(q_THD.shape)

    return Packed(columns[0], columns[1], columns[2], columns[3], within, blocks), attend
