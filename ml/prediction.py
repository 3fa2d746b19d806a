"""What every model answers, and how far to trust it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Predicted:
    """Predicted spectra.

    Attributes
    ----------
    mean, sigma : (n, g)
        Intensity and its standard deviation.
    trust : (n,)
        0 … 1: the share of cross-validated training rows that were harder than this one.
    neighbours : (n, k)
        Rows of the training set nearest in the model's own sense, nearest first.
    spread : (n,)
        The model's own measure of doubt, from which σ and trust follow.
    """

    mean: Float
    sigma: Float
    trust: Float
    neighbours: NDArray[np.int64]
    spread: Float


@dataclass(frozen=True)
class HeldOut:
    """Cross-validated predictions of the training rows: mean (m, g) and spread (m,)."""

    mean: Float
    spread: Float


@dataclass(frozen=True)
class ErrorModel:
    """The error to expect of a row, from signs of doubt: log error = a + Σ b·log sign.

    Signs are any positive numbers that can be had for held-out and for new rows alike (distance
    to the training rows, leverage, disagreement of models). Attributes: ``weights`` (1 + f,).
    """

    weights: Float

    @classmethod
    def learn(cls, signs: Float, residual: Float) -> ErrorModel:
        """signs (m, f), residual (m, g) of rows held out."""
        error = np.log(np.sqrt((residual**2).mean(axis=1)) + 1e-9)
        matrix = np.column_stack([np.ones(len(signs)), np.log(signs)])
        ridge = 1e-3 * len(signs) * np.diag([0.0, *np.ones(signs.shape[1])])
        return cls(np.linalg.solve(matrix.T @ matrix + ridge, matrix.T @ error))

    def spread(self, signs: Float) -> Float:
        """(n,) expected error."""
        matrix = np.column_stack([np.ones(len(signs)), np.log(signs)])
        return np.asarray(np.exp(matrix @ self.weights), dtype=np.float64)


@dataclass(frozen=True)
class Calibration:
    """From a model's own spread to honest error bars, learnt on held-out rows.

    ``σ(E) = scale(E) · spread``, with the scale chosen so that the central bands hold what they
    say on rows that the model had not seen. Attributes: ``scale`` (g,), ``spreads`` (m,) the
    ascending spreads of those rows, the scale of trust.
    """

    scale: Float
    spreads: Float

    @classmethod
    def learn(cls, residual: Float, spread: Float) -> Calibration:
        """Fit the scale per energy.

        Parameters
        ----------
        residual : (m, g)
            truth − prediction of rows held out.
        spread : (m,)
            The model's own measure of doubt on them, > 0.
        """
        ratio = np.abs(residual) / spread[:, None]
        # Between the 68 % and the 95 % point: heavy tails make the two disagree.
        s68 = np.quantile(ratio, 0.68, axis=0) / norm.ppf(0.84)
        s95 = np.quantile(ratio, 0.95, axis=0) / norm.ppf(0.975)
        scale = np.sqrt(s68 * s95)
        kernel = np.ones(5) / 5
        smooth = np.convolve(np.pad(scale, 2, mode="edge"), kernel, mode="valid")
        return cls(smooth, np.sort(spread))

    def sigma(self, spread: Float) -> Float:
        """(n, g) standard deviations."""
        return spread[:, None] * self.scale[None, :]

    def trust(self, spread: Float) -> Float:
        """(n,) share of the held-out rows with a larger spread."""
        below = np.searchsorted(self.spreads, spread, side="left")
        return np.asarray(1.0 - below / max(len(self.spreads), 1), dtype=np.float64)
