"""Broadening and derivatives of rows on the comparison grid, by cosine transform.

A row is continued evenly beyond both ends, so its cosine coefficients c_k with
frequencies w_k = pi k / (n h) give, without wrap-around,

    extra Gaussian sigma, Lorentzian gamma:  c_k exp(-sigma² w_k² / 2 - gamma w_k)

and its derivatives with respect to energy, sigma² and gamma term by term.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compute.matching.grid import Array, ComparisonGrid

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Shape:
    """Broadened rows and their derivatives, each (k, size).

    ``slope`` is per eV, ``by_variance`` the derivative with respect to sigma² (1/eV²),
    ``by_gamma`` that with respect to gamma (1/eV), ``curvature`` the second derivative.
    """

    value: Array
    slope: Array
    by_variance: Array
    by_gamma: Array

    @property
    def curvature(self) -> Array:
        return 2.0 * self.by_variance

    def row(self, k: int) -> Shape:
        """The shape of one row, arrays (size,)."""
        return Shape(self.value[k], self.slope[k], self.by_variance[k], self.by_gamma[k])


class Broadener:
    """Broadening on one comparison grid."""

    def __init__(self, grid: ComparisonGrid) -> None:
        n = grid.size
        k = np.arange(n)
        phase = np.pi * np.outer(k, np.arange(n) + 0.5) / n
        norm = np.full((n, 1), np.sqrt(2.0 / n))
        norm[0] = np.sqrt(1.0 / n)
        self._cosine = norm * np.cos(phase)  # rows are the orthonormal cosines
        self._sine = norm * np.sin(phase)
        self._frequency = np.pi * k / (n * grid.step_ev)
        self._single: list[Floats] = [
            x.astype(np.float32) for x in (self._cosine, self._sine, self._frequency)
        ]

    def shapes(self, rows: NDArray[np.floating], variance: Array, gamma: Array) -> Shape:
        """Rows (k, size) broadened by sigma² ``variance`` (k,) eV² and ``gamma`` (k,) eV."""
        w = self._frequency
        damping = np.exp(-0.5 * variance[:, None] * w**2 - gamma[:, None] * w)
        spectrum = (rows @ self._cosine.T) * damping
        return Shape(
            value=spectrum @ self._cosine,
            slope=-(spectrum * w) @ self._sine,
            by_variance=-0.5 * (spectrum * w**2) @ self._cosine,
            by_gamma=-(spectrum * w) @ self._cosine,
        )

    def coefficients(self, rows: NDArray[np.floating]) -> Floats:
        """Cosine coefficients of rows, float32 (k, size)."""
        found: Floats = np.asarray(rows, np.float32) @ self._single[0].T
        return found

    def wider(
        self, coefficients: Floats, variance: Array, gamma: Array
    ) -> tuple[Floats, Floats, Floats]:
        """Value, slope and derivative by sigma² of `shapes`, float32 (k, size) each.

        From `coefficients`: what several broadenings of the same rows cost least.
        """
        cosine, sine, w = self._single
        a, b = (np.asarray(x, np.float32)[:, None] for x in (variance, gamma))
        damped = coefficients * np.exp(-np.float32(0.5) * a * w**2 - b * w)
        parts = (damped, cosine), (-damped * w, sine), (np.float32(-0.5) * damped * w**2, cosine)
        value, slope, by_variance = (np.asarray(x @ y, np.float32) for x, y in parts)
        return value, slope, by_variance

    def matrix(self, sigma_ev: float, gamma_ev: float = 0.0) -> Array:
        """Symmetric (size, size) matrix that broadens a row by a Gaussian and a Lorentzian."""
        damping = np.exp(-0.5 * (sigma_ev * self._frequency) ** 2 - gamma_ev * self._frequency)
        result: Array = self._cosine.T @ (damping[:, None] * self._cosine)
        return result
