"""Probabilities that are as frequent as they say: Platt's calibration on held-out variants.

Errors are pooled over all variants, also if those of good variants are smaller. Then the share of errors that would
lift a prediction to a threshold is wrong. How often held-out variants reached the threshold says by how much. A line
on the logit of the share is fitted (Platt 1999, in Advances in Large Margin Classifiers, with his targets). Its slope
has a normal prior around 1, which is no change, with the standard deviation SLOPE. docs/learning.md has the choice.
"""

from __future__ import annotations

import numpy as np

from jobs.learning.samples import Floats

SLOPE = 0.5
STEPS, LEAST_STEP = 50, 1e-9


def calibrated(shares: Floats, known: Floats, reached: Floats) -> Floats:
    """Return probabilities [m] for `shares` [m], from the shares [n] of held-out variants and what they `reached` [n].

    `reached` is 1 or 0. The order of the shares stays. If no variant reached the threshold, or all did, the line only
    makes probabilities more extreme: a threshold that is out of reach stays so.
    """
    from scipy.special import expit

    count, hits = len(reached), float(reached.sum())
    end = 1 / (count + 2)
    targets = np.where(reached > 0, (hits + 1) / (hits + 2), 1 / (count - hits + 2))
    intercept, slope = _line(_logit(known, end), targets)
    found = np.asarray(expit(intercept + slope * _logit(shares, end)))
    if hits == 0:
        found = np.minimum(found, shares)
    elif hits == count:
        found = np.maximum(found, shares)
    return found


def _logit(shares: Floats, end: float) -> Floats:
    """Return log odds. Shares outside `end` to 1 - `end` are brought inside: so few variants show no more."""
    inside = np.clip(shares, end, 1 - end)
    return np.asarray(np.log(inside / (1 - inside)))


def _line(known: Floats, targets: Floats) -> tuple[float, float]:
    """Return intercept and slope >= 0 by Newton's method with halved steps. The loss is convex."""
    from scipy.special import expit

    table, weight, middle = np.column_stack([np.ones(len(known)), known]), np.array([0.0, SLOPE**-2]), [0.0, 1.0]

    def loss(line: Floats) -> float:
        logit = table @ line
        return float(np.logaddexp(0, logit).sum() - targets @ logit + weight @ (line - middle) ** 2 / 2)

    line = np.zeros(2)
    for _ in range(STEPS):
        found = expit(table @ line)
        slope = table.T @ (found - targets) + weight * (line - middle)
        # At its bound the slope of the line moves only upwards.
        free = np.array([True, bool(line[1] > 0 or slope[1] < 0)])
        bend = (table * np.maximum(found * (1 - found), 1e-9)[:, None]).T @ table + np.diag(weight + 1e-9)
        step = np.zeros(2)
        step[free] = np.linalg.solve(bend[np.ix_(free, free)], slope[free])
        before, now, size = line, loss(line), 1.0
        while size > LEAST_STEP:
            line = np.maximum(before - size * step, [-np.inf, 0.0])
            if loss(line) <= now:
                break
            size /= 2
        else:
            return float(before[0]), float(before[1])
        if np.abs(line - before).max() < LEAST_STEP:
            break
    return float(line[0]), float(line[1])
