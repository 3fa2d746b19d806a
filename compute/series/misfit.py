"""Whether a spectrum holds something that no combination of the references is.

The residual of a right model is noise: at every scale of energy its power is that which the fit
leaves of noise. Something else leaves structure, as wide as its peaks. The least of the
p-values of the scales counts, for what the least of so many dependent ones is worth, and the
p-values of a series into probabilities: what the references explain has uniform ones, something
else has small ones, and how many and how small the series itself tells (local false discovery
rate; Efron, Statist. Sci. 23 (2008) 1).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtri

Floats = NDArray[np.float64]

PRIOR = (1.0, 2.5)  # pseudo-spectra with and without something else, before any is seen
_PLACES = (1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)  # deviates of something else: δ
_SPREADS = (0.7, 1.2, 2.0)  # τ
_FARTHEST = 8.0  # deviates beyond are as sure as can be
_TINY = 1e-300


def p_values(blocks: Floats, relative_error: float) -> Floats:
    """Probability of a residual as structured as this by noise alone.

    Parameters
    ----------
    blocks : float64 (n, scales, 3)
        Sum of squares, its mean and variance under noise, at each scale.
    relative_error : float
        Of the variance of the noise, where that is estimated.

    Returns
    -------
    float64 (n,)
        NaN where there is no residual.
    """
    power, mean, variance = blocks[..., 0], blocks[..., 1], blocks[..., 2]
    variance = variance + (relative_error * mean) ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        usable = (mean > 0.5) & (variance > 0)
        # the gamma distribution of that mean and variance
        p = chdtrc(2 * mean**2 / variance, 2 * power * mean / variance)
    missing = ~np.isfinite(blocks).all(axis=(1, 2))
    return np.asarray(np.where(missing, np.nan, _joined(np.where(usable, p, np.nan))))


def _log_ratio(x: Floats, delta: float, tau: float) -> Floats:
    """ln N(x; δ, τ²) / N(x; 0, 1), held constant where it would fall with x.

    A residual that is smaller than noise is no sign of something else, however wide that spreads.
    """
    if tau > 1:
        x = np.maximum(x, -delta / (tau**2 - 1))
    elif tau < 1:
        x = np.minimum(x, delta / (1 - tau**2))
    ratio = (x**2 - ((x - delta) / tau) ** 2) / 2 - np.log(tau)
    return np.asarray(np.minimum(ratio, 300.0))


def _joined(p: Floats) -> Floats:
    """p-value of the least of the scales' p-values (n, scales); NaN is no test.

    Sums of squares in blocks of b and 2b channels have the correlation 1/√2, so that the scales
    are a Markov chain: the distribution of the largest normal deviate follows by recursion.
    """
    count = int(np.isfinite(p).any(axis=0).sum())
    least = np.clip(np.nanmin(np.where(np.isfinite(p), p, 1.0), axis=-1), _TINY, 1 - 1e-9)
    x = -ndtri(least)
    grid, tail = _largest(max(count, 1))
    inside = np.interp(x, grid, tail)
    return np.asarray(np.clip(np.where(x > grid[-1], count * least, inside), _TINY, 1.0))


@lru_cache(maxsize=8)
def _largest(count: int) -> tuple[Floats, Floats]:
    """Deviates, and the probability that the largest of a chain of ``count`` exceeds each."""
    grid = np.linspace(-3, 6, 181)
    rho = np.sqrt(0.5)
    nodes, weights = np.polynomial.legendre.leggauss(80)
    tail = np.empty(grid.size)
    for i, x in enumerate(grid):
        at = -8 + (nodes + 1) * (x + 8) / 2
        weight = weights * (x + 8) / 2
        density = np.exp(-(at**2) / 2) / np.sqrt(2 * np.pi)  # of the last one, all below x so far
        step = np.exp(-((at[:, None] - rho * at) ** 2)) / np.sqrt(np.pi)  # variance 1 - rho² = 1/2
        for _ in range(count - 1):
            density = step @ (weight * density)
        tail[i] = 1 - weight @ density
    return grid, np.maximum.accumulate(np.maximum(tail, 0.0)[::-1])[::-1]


def probabilities(p: Floats) -> Floats:
    """Of something else in each spectrum, from the p-values of all of them.

    Normal deviates of the p-values are a mixture of N(0, 1) and of N(δ, τ²), something else. Its
    share, δ and τ are averaged over their posterior: with many spectra the data speak, with one
    the prior of `PRIOR`.
    """
    out = np.full(p.shape, np.nan)
    known = np.isfinite(p)
    if not known.any():
        return out
    x = np.clip(-ndtri(np.clip(p[known], _TINY, 1 - 1e-9)), -5.0, _FARTHEST)
    sample = x[:: -(-x.size // 4096)]
    ratios = [_log_ratio(x, delta, tau) for delta in _PLACES for tau in _SPREADS]
    shares = np.linspace(0.005, 0.995, 60)
    with_it, without = PRIOR
    prior = (with_it - 1) * np.log(shares) + (without - 1) * np.log(1 - shares)
    few = np.exp([one[:: -(-x.size // 4096)] for one in ratios])  # (models, sample)
    evidence = np.empty((shares.size, len(ratios)))
    for i, share in enumerate(shares):
        evidence[i] = np.log(share * few + (1 - share)).sum(axis=1) * x.size / sample.size
    evidence += prior[:, None]
    weight = np.exp(evidence - evidence.max())
    weight /= weight.sum()
    total = np.zeros(x.size)
    for i, share in enumerate(shares):
        for one, how_much in zip(ratios, weight[i], strict=True):
            if how_much > 1e-5:
                total += how_much / (1 + (1 - share) / share * np.exp(-one))
    out[known] = np.clip(total, 0.0, 1.0)
    return out
