"""What every model answers, and how far to trust it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
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
class ErrorModel:
    """The error to expect of a row, from signs of doubt: log error = a + Σ b·log sign.

    Signs are any positive numbers that can be had for held-out and for new rows alike (distance
    to the training rows, leverage, disagreement of models). Attributes: ``weights`` (1 + f,).
    """

    weights: Float

    @classmethod
    def learn(cls, signs: Float, residual: Float, weights: Float) -> ErrorModel:
        """signs (m, f), residual (m, g) of rows held out, and what each row (m,) counts for."""
        error = np.log(np.sqrt((residual**2).mean(axis=1)) + 1e-9)
        matrix = np.column_stack([np.ones(len(signs)), np.log(signs)])
        ridge = 1e-3 * len(signs) * np.diag([0.0, *np.ones(signs.shape[1])])
        counted = matrix * weights[:, None]
        return cls(np.linalg.solve(counted.T @ matrix + ridge, counted.T @ error))

    def spread(self, signs: Float) -> Float:
        """(n,) expected error."""
        matrix = np.column_stack([np.ones(len(signs)), np.log(signs)])
        return np.asarray(np.exp(matrix @ self.weights), dtype=np.float64)


@dataclass(frozen=True)
class Calibration:
    """From a model's own spread to honest error bars, learnt on held-out rows.

    ``σ(E) = scale(E) · spread · profile(E)``, with the scale chosen so that the central bands hold
    what they say on rows that the model had not seen. Attributes: ``scale`` (g,), ``spreads`` (m,)
    the ascending spreads of those rows, the scale of trust.
    """

    scale: Float
    spreads: Float

    @classmethod
    def learn(cls, residual: Float, spread: Float, weights: Float) -> Calibration:
        """Fit the scale per energy.

        Parameters
        ----------
        residual : (m, g)
            truth − prediction of rows held out, over the row's profile.
        spread : (m,)
            The model's own measure of doubt on them, > 0.
        weights : (m,)
            What each row counts for.
        """
        ratio = np.abs(residual) / spread[:, None]
        # Heavy tails make the 68 % and the 95 % point disagree; a band that misses two in twenty
        # where it says one is worse than one that holds 70 % where it says 68.
        s68 = _quantile(ratio, 0.68, weights) / norm.ppf(0.84)
        s95 = _quantile(ratio, 0.95, weights) / norm.ppf(0.975)
        scale = s68**0.25 * s95**0.75
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


def _quantile(values: Float, level: float, weights: Float) -> Float:
    """(g,) weighted quantile of each column of values (m, g)."""
    order = np.argsort(values, axis=0)
    below = np.cumsum(weights[order], axis=0) - 0.5 * weights[order]
    at = np.argmax(below >= level * weights.sum(), axis=0)
    columns = np.arange(values.shape[1])
    return np.asarray(values[order[at, columns], columns], dtype=np.float64)


_SMOOTH = 9  # grid points


def _profile(error: NDArray[np.float32], neighbours: NDArray[np.int64]) -> Float:
    """(n, g) where in the spectrum to expect the error, rms 1: where the neighbours' errors are.

    The square root halves the contrast, since a few neighbours tell it only roughly.
    """
    square = np.empty((len(neighbours), error.shape[1]))
    for row, near in enumerate(neighbours):  # not at once: thousands of rows fill the memory
        square[row] = (error[near].astype(np.float64) ** 2).mean(axis=0)
    square = uniform_filter1d(square, _SMOOTH, axis=1, mode="nearest")
    square += 1e-2 * square.mean(axis=1, keepdims=True) + 1e-12
    return np.asarray((square / square.mean(axis=1, keepdims=True)) ** 0.25)


@dataclass(frozen=True)
class Validation:
    """What a fit learnt from rows that it had not seen; every model carries one.

    Attributes
    ----------
    energy_ev : (g,)
        The model's grid.
    mean : (m, g)
        Cross-validated predictions of the training rows, float32.
    error : (m, g)
        Truth less that, float32.
    spread : (m,)
        The doubt that went with them.
    neighbours : (m, k)
        Rows of other folds nearest to each in the model's own sense.
    calibration : Calibration
    """

    energy_ev: Float
    mean: NDArray[np.float32]
    error: NDArray[np.float32]
    spread: Float
    neighbours: NDArray[np.int64]
    calibration: Calibration

    @classmethod
    def learn(
        cls,
        energy_ev: Float,
        target: Float,
        mean: Float,
        spread: Float,
        neighbours: NDArray[np.int64],
        weights: Float,
    ) -> Validation:
        """From the targets (m, g) of the held-out rows, their predictions (m, g), spreads (m,),
        nearest rows of other folds (m, k) and weights (m,)."""
        error = np.asarray(np.asarray(target, np.float64) - mean, np.float32)
        calibration = Calibration.learn(error / _profile(error, neighbours), spread, weights)
        return cls(energy_ev, np.asarray(mean, np.float32), error, spread, neighbours, calibration)

    def answer(self, mean: Float, spread: Float, neighbours: NDArray[np.int64]) -> Predicted:
        """A prediction with the error bars and trust that its spread deserves."""
        return Predicted(
            mean=mean,
            sigma=self.calibration.sigma(spread) * _profile(self.error, neighbours),
            trust=self.calibration.trust(spread),
            neighbours=neighbours,
            spread=spread,
        )

    def mse(self, weights: Float) -> float:
        """Mean squared error of the held-out predictions, each row by what it (m,) counts for."""
        square = (self.error.astype(np.float64) ** 2).mean(axis=1)
        return float(square @ weights) / len(square)

    def of_training_rows(self, rows: NDArray[np.int64]) -> Predicted:
        """What was said of these rows before they were learnt from."""
        mean = self.mean[rows].astype(np.float64)
        return self.answer(mean, self.spread[rows], self.neighbours[rows])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """For a checkpoint."""
        return {
            "energy_ev": self.energy_ev,
            "held_out.mean": self.mean,
            "held_out.error": self.error,
            "held_out.spread": self.spread,
            "held_out.neighbours": self.neighbours,
            "calibration.scale": self.calibration.scale,
            "calibration.spreads": self.calibration.spreads,
        }

    @classmethod
    def of_arrays(cls, arrays: dict[str, NDArray[Any]]) -> Validation:
        """Back from a checkpoint; the arrays used are taken out of the dictionary."""
        calibration = Calibration(
            arrays.pop("calibration.scale"), arrays.pop("calibration.spreads")
        )
        return cls(
            arrays.pop("energy_ev"),
            arrays.pop("held_out.mean"),
            arrays.pop("held_out.error"),
            arrays.pop("held_out.spread"),
            arrays.pop("held_out.neighbours"),
            calibration,
        )
