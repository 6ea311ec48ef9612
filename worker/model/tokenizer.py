"""Letters to token numbers: a sequence becomes `<bos> 1 RESIDUES 2 <eos>`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from e1protocol import CANONICAL
from worker.model.errors import QueryError

PAD, BOS, EOS, MASK_TOKEN, FIRST, LAST = 0, 1, 2, 5, 6, 7
LETTER_A = 8

_TABLE = np.full(256, PAD, dtype=np.int64)
_TABLE[ord("?")] = MASK_TOKEN
_TABLE[ord("A") : ord("Z") + 1] = np.arange(LETTER_A, LETTER_A + 26)

CANONICAL_TOKENS = _TABLE[np.frombuffer(CANONICAL.encode(), dtype=np.uint8)]
"""Vocabulary columns of the 20 canonical residues, in the order of `CANONICAL`."""


def tokenize(sequence: str) -> NDArray[np.int64]:
    """Return the token numbers of one sequence, int64 [len(sequence) + 4].

    Raises QueryError `bad_sequence` for an empty sequence or a character that is neither A-Z nor `?`.
    """
    if not sequence:
        raise QueryError("bad_sequence", "a sequence has no residues")
    residues = _TABLE[np.frombuffer(sequence.encode("utf-8"), dtype=np.uint8)]
    if len(residues) != len(sequence) or (residues == PAD).any():
        at = next(i for i, letter in enumerate(sequence) if letter != "?" and not "A" <= letter <= "Z")
        raise QueryError("bad_sequence", f"character {sequence[at]!r} at position {at + 1} is not a residue")
    return np.concatenate(([BOS, FIRST], residues, [LAST, EOS]))
