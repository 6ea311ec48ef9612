"""The peer of the benchmark computes the same network as the engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.peer import FULL, OneByOne
from e1protocol import Query
from worker.engine import Engine
from worker.model.loader import load_model

TINY = Path(__file__).parents[1] / "data" / "e1-random-tiny"


@pytest.mark.parametrize("masks", [True, False])
def test_the_peer_gives_the_engines_numbers(masks):
    engine = Engine.load(TINY)
    peer = OneByOne(load_model(TINY, device=torch.device("cpu"), dtype=torch.float32), masks=masks)
    for sequence in ("MKTAYIAKQRQISFVKSHFSRQ", "ACD", "M?TA"):
        (encoding,) = engine.encode([Query(sequence, (), (-1,), FULL)])
        mean, logits = peer.run(sequence)
        (layer,) = encoding.mean
        np.testing.assert_allclose(mean.numpy(), encoding.mean[layer], atol=1e-5)
        np.testing.assert_allclose(logits.numpy(), encoding.logits, atol=1e-5)
