"""Neighbours that inform each other: a place is seen with those beside it that are the same.

What theory misses is missed alike all over a phase, so that evidence of neighbours must not be
multiplied. Their noise is independent: the mean of a place and of those neighbours whose spectra
differ from its own by no more than noise and a factor is asked in its stead. Another phase one
place away stays out, and a stranger alone stays a stranger.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from compute.series.noise import Noise
from compute.threads import single_blas

Floats = NDArray[np.float64]

DIFFERENT = 0.05  # p-value of the difference below which two places are not the same; convention
_MOST = 12  # shapes in which spectra are compared
_AROUND = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0)]


class Rows(Protocol):
    """Spectra in the order of their axes, read a part at a time."""

    n_spectra: int
    shape: tuple[int, ...]

    def rows(self, start: int, stop: int) -> NDArray[Any]: ...


@dataclass(frozen=True)
class Alike:
    """Shapes that the spectra of a series differ in beyond noise.

    Attributes
    ----------
    sigma : float64 (m,)
        Of a mean spectrum's noise.
    shapes : float64 (k, m)
        Orthonormal, of spectra over ``sigma``.
    noise : Noise
    """

    sigma: Floats
    shapes: Floats
    noise: Noise

    @classmethod
    @single_blas()
    def judged(cls, sample: Floats, noise: Noise) -> Alike:
        """From some spectra (n, m) of a series, gaps NaN."""
        y = np.asarray(sample, float)
        y = y[np.isfinite(y).all(axis=1)]
        sigma = np.sqrt(_variance(noise, y.mean(axis=0)[None] if len(y) else sample[:1])[0])
        sigma = np.where(np.isfinite(sigma) & (sigma > 0), sigma, 1.0)
        if len(y) < 2:
            return cls(sigma, np.zeros((0, sigma.size)), noise)
        _, values, shapes = np.linalg.svd(y / sigma, full_matrices=False)
        level = float(np.median(_scale(noise, y, sigma)))
        # the largest singular value of noise alone (Marchenko & Pastur)
        beyond = values > 1.05 * np.sqrt(level) * (np.sqrt(len(y)) + np.sqrt(y.shape[1]))
        return cls(sigma, shapes[: min(int(beyond.sum()), _MOST)], noise)

    @single_blas()
    def pooled(self, source: Rows, start: int, stop: int) -> tuple[Floats, Floats]:
        """Spectra [start, stop) with their alike neighbours, and how many each mean is of.

        Neighbours are those along the last two axes. Returns float64 (stop - start, m), (…,).
        """
        width = source.shape[-1] if source.shape else 1
        height = source.shape[-2] if len(source.shape) > 1 else 1
        reach = width + 1 if height > 1 else 1
        low, high = max(0, start - reach), min(source.n_spectra, stop + reach)
        y = np.asarray(source.rows(low, high), float)
        whole = np.isfinite(y).all(axis=1)
        score = np.where(whole[:, None], y / self.sigma, 0.0) @ self.shapes.T
        with np.errstate(invalid="ignore", divide="ignore"):
            score /= np.sqrt(_scale(self.noise, y, self.sigma))[:, None]
        own = np.arange(start, stop)
        total, count = y[own - low].copy(), np.ones(own.size)
        for dy, dx in _AROUND:
            column, line = own % width + dx, own // width % height + dy
            other = own + dy * width + dx
            inside = (column >= 0) & (column < width) & (line >= 0) & (line < height)
            here, there = np.flatnonzero(inside), other[inside] - low
            here, there = here[whole[there]], there[whole[there]]
            here, there = (x[whole[own[here] - low]] for x in (here, there))
            same = _same(score[own[here] - low], score[there])
            total[here[same]] += y[there[same]]
            count[here[same]] += 1
        return total / count[:, None], count


def _same(a: Floats, b: Floats) -> NDArray[np.bool_]:
    """Whether vectors (n, k) of unit noise are multiples of one vector, as far as noise tells.

    The smaller eigenvalue of their Gram matrix is the sum of squares of the best such fit.
    """
    k = a.shape[1]
    if k < 2:
        return np.ones(len(a), bool)
    own, other, cross = (a * a).sum(axis=1), (b * b).sum(axis=1), (a * b).sum(axis=1)
    left = (own + other) / 2 - np.hypot((own - other) / 2, cross)
    return np.asarray((chdtrc(k - 1, np.maximum(left, 0.0)) > DIFFERENT) & (cross > 0))


def _variance(noise: Noise, y: Floats) -> Floats:
    if noise.variances is not None:
        return np.broadcast_to(noise.variances.mean(axis=0), y.shape)
    return np.asarray(noise.constant + noise.gain * np.maximum(y, noise.gain))


def _scale(noise: Noise, y: Floats, sigma: Floats) -> Floats:
    """Variance of each spectrum over that of the mean one, (n,)."""
    return np.asarray((_variance(noise, y) / sigma**2).mean(axis=1))
