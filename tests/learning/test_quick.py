"""The fast copy of the Gaussian process predicts what the process predicts."""

from __future__ import annotations

import numpy as np
import pytest

from jobs.learning.gaussian import GaussianProcess
from tests.learning.quick import QuickProcess
from tests.learning.truth import additive_truth, family, multiples, singles

PROFILE = family()


@pytest.mark.parametrize("kind", ["singles", "multiples"])
def test_the_fast_copy_predicts_the_same(kind):
    rows = singles(PROFILE, 140, 0) if kind == "singles" else multiples(PROFILE, [5, 20, 41], 140, 0)
    measured = additive_truth(rows, 0) + np.random.default_rng(0).normal(size=140)
    quick = QuickProcess(rows)
    for training in (range(60), range(20, 90)):
        own, held = rows.take(training), rows.take(range(90, 140))
        expected = GaussianProcess().fit(own, measured[training]).predict(held)
        assert quick.fit(own, measured[training]).predict(held) == pytest.approx(expected, abs=1e-9)
    backwards = measured - 3 * rows.prior
    expected = GaussianProcess().fit(own, backwards[training]).predict(held)
    assert quick.fit(own, backwards[training]).predict(held) == pytest.approx(expected, abs=1e-9)
