"""A Gaussian process whose mean is the prior: y = a + b prior + g + noise, with b >= 0.

g has the covariance of `jobs.learning.kernels`. a and b are fitted by generalised least squares. Length scale, signal
and weights are those of the largest likelihood on a grid (Rasmussen and Williams 2006, chapters 2.7 and 5.4).
Effects of positions come in only if they raise the logarithm of the likelihood by SUPPORT.
A prior that points the wrong way gets the slope 0.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from jobs.learning.kernels import Likeness, own_likeness
from jobs.learning.samples import Floats, Rows, mutations_of
from jobs.science.variants.codes import Mutation, Variant

MOST_EXACT = 1_000
"""Variants of an exact fit. Its time grows with the third power."""
BLOCK = 500
"""Variants that are predicted together."""
LENGTHS = (0.35, 0.5, 0.7, 1.0, 1.5, 2.5)
SIGNALS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Variance of g in that of the noise."""
PAIRS = (0.0, 0.3, 1.0, 3.0)
"""Weight of products of two effects, if the training set has multiple mutants."""
PLACES = (0.3, 1.0, 3.0, 10.0)
"""Weight of effects of positions, if the training set has positions with several substitutions."""
SUPPORT = 2.0
"""Least gain in the logarithm of the likelihood for effects of positions: noise alone often has a small one."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the likelihood chose. `noise` is a variance in the square of the measured unit."""

    length: float
    pairs: float
    signal: float
    intercept: float
    slope: float
    noise: float
    likelihood: float
    place: float = 0.0
    """Models of an older service have none."""


@dataclass(frozen=True, slots=True)
class GaussianFit:
    """A fitted process. `settings` says what was chosen."""

    settings: Settings
    _sites: dict[Mutation, Floats]
    _process: Any

    def predict(self, rows: Rows) -> Floats:
        """Return the mean [n]."""
        known = self._mean(rows)
        return np.asarray(known + np.concatenate([self._process.predict(one) for one in _blocks(rows)]))

    def predict_with_spread(self, rows: Rows) -> tuple[Floats, Floats]:
        """Return mean and standard deviation [n] of the true value, without the noise of one measurement."""
        known = self._mean(rows)
        with warnings.catch_warnings():
            # Rounding makes variances of nearly 0 negative; scikit-learn sets them to 0.
            warnings.filterwarnings("ignore", "Predicted variances smaller than 0")
            found = [self._process.predict(one, return_std=True) for one in _blocks(rows)]
        mean, spread = (np.concatenate(part) for part in zip(*found, strict=True))
        return np.asarray(known + mean), np.asarray(spread)

    def _mean(self, rows: Rows) -> Floats:
        # The kernel looks up the descriptions of new mutations here.
        self._sites.update(rows.sites)
        return np.asarray(self.settings.intercept + self.settings.slope * rows.prior)


def _blocks(rows: Rows) -> list[list[Variant]]:
    """Return the variants in blocks. The kernel of all at once takes memory of variants x mutations."""
    return [list(rows.variants[at : at + BLOCK]) for at in range(0, max(len(rows), 1), BLOCK)]


@dataclass(frozen=True, slots=True)
class GaussianProcess:
    """A learner. With `use_prior` false the mean is constant."""

    use_prior: bool = True

    def fit(self, rows: Rows, measured: Floats) -> GaussianFit:
        """Fit at most MOST_EXACT variants. Raises ValueError for more, and for fewer than 3."""
        if not 3 <= len(rows) <= MOST_EXACT:
            raise ValueError(f"an exact fit takes 3 to {MOST_EXACT:,} variants, and there are {len(rows):,}")
        chosen = best_settings(rows, measured, use_prior=self.use_prior)
        rest = measured - chosen.intercept - chosen.slope * rows.prior
        sites = dict(rows.sites)
        return GaussianFit(chosen, sites, process_of(gram(sites, chosen), chosen.noise, rows.variants, rest))


def best_settings(rows: Rows, measured: Floats, *, use_prior: bool) -> Settings:
    """Return the settings of the largest likelihood. If two are equal, the first of the grid is taken.

    Weights of positions are looked for at the best length scale without them, and then the length scale once more.
    The whole grid would take four times as long.
    """
    likeness = Likeness(rows.variants, rows.variants, rows.sites)
    several = sum(len(one.mutations) > 1 for one in rows.variants) >= 2
    columns = np.column_stack([np.ones(len(rows)), rows.prior])[:, : 2 if use_prior else 1]

    def best(lengths: Sequence[float], pairs: Sequence[float], places: Sequence[float]) -> Settings:
        found = (
            one
            for length, weight, place in product(lengths, pairs, places)
            for one in _along_signals(likeness, columns, measured, length=length, pairs=weight, place=place)
        )
        return max(found, key=lambda one: one.likelihood)

    plain = best(LENGTHS, PAIRS if several else (0.0,), (0.0,))
    if not _repeats_positions(rows):
        return plain
    placed = best((plain.length,), (plain.pairs,), PLACES)
    if placed.likelihood < plain.likelihood + SUPPORT:
        return plain
    return best(LENGTHS, (plain.pairs,), (placed.place,))


def _repeats_positions(rows: Rows) -> bool:
    """Return whether a position has several substitutions. Otherwise its effect is like noise."""
    positions = [one.position for one in mutations_of(rows.variants)]
    return len(set(positions)) < len(positions)


def _along_signals(
    likeness: Likeness, columns: Floats, measured: Floats, *, length: float, pairs: float, place: float
) -> Iterator[Settings]:
    """Yield the settings for each signal, in the basis of the kernel's eigenvectors."""
    values, vectors = np.linalg.eigh(likeness.total(length, pairs, place))
    values, columns, measured = np.maximum(values, 0.0), vectors.T @ columns, vectors.T @ measured
    for signal in SIGNALS:
        spread = signal * values + 1
        weights = _least_squares(columns, measured, spread)
        if len(weights) == 2 and weights[1] < 0:
            weights = np.append(_least_squares(columns[:, :1], measured, spread), 0.0)
        rest = measured - columns @ weights
        noise = max(float((rest * rest / spread).mean()), 1e-12)
        likelihood = -0.5 * float(len(measured) * np.log(noise) + np.log(spread).sum())
        slope = float(weights[1]) if len(weights) == 2 else 0.0
        yield Settings(length, pairs, signal, float(weights[0]), slope, noise, likelihood, place)


def _least_squares(columns: Floats, measured: Floats, spread: Floats) -> Floats:
    scaled = columns / np.sqrt(spread)[:, None]
    return np.asarray(np.linalg.lstsq(scaled, measured / np.sqrt(spread), rcond=None)[0])


def process_of(kernel: Any, noise: float, variants: Sequence[Variant], rest: Floats) -> Any:
    """Return scikit-learn's exact process on what the mean leaves."""
    from sklearn.gaussian_process import GaussianProcessRegressor

    return GaussianProcessRegressor(kernel=kernel, alpha=noise, optimizer=None).fit(list(variants), rest)


def gram(sites: Mapping[Mutation, Floats], settings: Settings) -> Any:
    """Return the covariance of g as a kernel of scikit-learn, which compares lists of variants."""
    from sklearn.gaussian_process.kernels import GenericKernelMixin, Kernel

    class Gram(GenericKernelMixin, Kernel):  # type: ignore[misc]  # scikit-learn has no types
        def __init__(self) -> None:
            pass  # scikit-learn reads the parameters of a kernel here

        def __sklearn_clone__(self) -> Gram:
            return self  # it has no state that fitting changes

        def __call__(self, X: Any, Y: Any = None, eval_gradient: bool = False) -> Any:  # noqa: N803
            found = Likeness(X, X if Y is None else Y, sites).total(settings.length, settings.pairs, settings.place)
            return settings.noise * settings.signal * found

        def diag(self, X: Any) -> Any:  # noqa: N803
            own = own_likeness(X, sites, settings.length, settings.pairs, settings.place)
            return settings.noise * settings.signal * own

        def is_stationary(self) -> bool:
            return False

    return Gram()
