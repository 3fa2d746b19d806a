"""What every model answers, and how far to trust it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from scipy.optimize import lsq_linear
from scipy.stats import norm

from ml.checkpoints import HELD_OUT
from ml.errors import LearningError

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Predicted:
    """Predicted spectra.

    Attributes
    ----------
    mean, sigma : (n, g)
        Intensity and its standard deviation.
    trust : (n,)
        0 … 1: how likely the error is below that which three quarters of the materials stayed
        below when they were held out.
    neighbours : (n, k)
        Rows of the training set nearest in the model's own sense, nearest first.
    spread : (n,)
        The model's own measure of doubt, from which σ and trust follow.
    known : (n,), optional
        Whether the site was trained on.
    unseen, unbonded, lacking : list of (n,) tuples, optional
        Elements of the crystal that no training row has; elements bonded to the absorber as in
        none; elements that all of them have and the crystal has not.
    """

    mean: Float
    sigma: Float
    trust: Float
    neighbours: NDArray[np.int64]
    spread: Float
    known: NDArray[np.bool_] | None = None
    unseen: Sequence[tuple[int, ...]] | None = None
    unbonded: Sequence[tuple[int, ...]] | None = None
    lacking: Sequence[tuple[int, ...]] | None = None


@dataclass(frozen=True)
class ErrorModel:
    """The error to expect of a row, from signs of doubt: log error = a + Σ b·log sign, b ≥ 0.

    Signs are any positive numbers that can be had for held-out and for new rows alike (distance
    to the training rows, leverage, disagreement of models). Attributes: ``weights`` (1 + f,).
    """

    weights: Float

    @classmethod
    def learn(cls, signs: Float, residual: Float, weights: Float) -> ErrorModel:
        """signs (m, f), residual (m, g) of rows held out, and what each row (m,) counts for.

        No sign may make a row less doubtful: that would be trusted far beyond the rows.
        """
        error = np.log(np.sqrt((residual**2).mean(axis=1)) + 1e-9)
        matrix = np.column_stack([np.ones(len(signs)), np.log(signs)])
        root = np.sqrt(weights)
        ridge = np.sqrt(1e-3 * len(signs)) * np.diag([0.0, *np.ones(signs.shape[1])])
        found = lsq_linear(
            np.vstack([matrix * root[:, None], ridge]),
            np.concatenate([error * root, np.zeros(len(ridge))]),
            bounds=(np.array([-np.inf, *np.zeros(signs.shape[1])]), np.inf),
        )
        return cls(np.asarray(found.x, np.float64))

    def spread(self, signs: Float) -> Float:
        """(n,) expected error."""
        matrix = np.column_stack([np.ones(len(signs)), np.log(signs)])
        return np.asarray(np.exp(matrix @ self.weights), dtype=np.float64)


@dataclass(frozen=True)
class Calibration:
    """From a model's own spread to honest error bars, learnt on held-out rows.

    ``σ(E) = scale(E) · spread · profile(E)``, with the scale chosen so that the central bands hold
    what they say on rows that the model had not seen.

    Attributes
    ----------
    scale : (g,)
    spreads : (m,)
        Of those rows, ascending; the scale of trust in models of before.
    ratios, share : (m,), optional
        log(error / spread) of those rows, ascending, and what part of them lies below each.
    tolerance : float
        The error that three quarters of them stayed below.
    """

    scale: Float
    spreads: Float
    ratios: Float | None = None
    share: Float | None = None
    tolerance: float = 0.0

    @classmethod
    def learn(cls, residual: Float, spread: Float, weights: Float, error: Float) -> Calibration:
        """Fit the scale per energy.

        Parameters
        ----------
        residual : (m, g)
            truth − prediction of rows held out, over the row's profile.
        spread : (m,)
            The model's own measure of doubt on them, > 0.
        weights : (m,)
            What each row counts for.
        error : (m,)
            Root mean square of truth − prediction.
        """
        ratio = np.abs(residual) / spread[:, None]
        # Heavy tails make the 68 % and the 95 % point disagree; a band that misses two in twenty
        # where it says one is worse than one that holds 70 % where it says 68.
        s68 = _quantile(ratio, 0.68, weights) / norm.ppf(0.84)
        s95 = _quantile(ratio, 0.95, weights) / norm.ppf(0.975)
        scale = s68**0.25 * s95**0.75
        kernel = np.ones(5) / 5
        smooth = np.convolve(np.pad(scale, 2, mode="edge"), kernel, mode="valid")
        miss = np.log((error + 1e-12) / np.maximum(spread, 1e-12))
        order = np.argsort(miss, kind="stable")
        share = (np.cumsum(weights[order]) - 0.5 * weights[order]) / weights.sum()
        tolerance = float(_quantile(error[:, None], _TOLERATED, weights)[0])
        return cls(smooth, np.sort(spread), miss[order], share, tolerance)

    def sigma(self, spread: Float) -> Float:
        """(n, g) standard deviations."""
        return spread[:, None] * self.scale[None, :]

    def trust(self, spread: Float) -> Float:
        """(n,) how likely the error of each row is below the tolerance."""
        if self.ratios is not None and self.share is not None:
            room = np.log((self.tolerance + 1e-12) / np.maximum(spread, 1e-12))
            return np.asarray(np.interp(room, self.ratios, self.share), np.float64)
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
_TOLERATED = 0.75  # of the materials


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
        miss = np.sqrt((error.astype(np.float64) ** 2).mean(axis=1))
        profile = _profile(error, neighbours)
        calibration = Calibration.learn(error / profile, spread, weights, miss)
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
        """What was said of these rows before they were learnt from.

        Raises
        ------
        LearningError
            If that was left out of the model (:func:`ml.checkpoints.halve`).
        """
        if not len(self.mean):
            raise LearningError("model", "in the box", "is without its training rows")
        mean = self.mean[rows].astype(np.float64)
        return self.answer(mean, self.spread[rows], self.neighbours[rows])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """For a checkpoint."""
        one = self.calibration
        trust = (
            {}
            if one.ratios is None or one.share is None
            else {
                "calibration.ratios": one.ratios,
                "calibration.share": one.share,
                "calibration.tolerance": np.array([one.tolerance]),
            }
        )
        return trust | {
            "energy_ev": self.energy_ev,
            HELD_OUT: self.mean,
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
            arrays.pop("calibration.scale"),
            arrays.pop("calibration.spreads"),
            arrays.pop("calibration.ratios", None),
            arrays.pop("calibration.share", None),
            float(arrays.pop("calibration.tolerance", np.zeros(1))[0]),
        )
        return cls(
            arrays.pop("energy_ev"),
            arrays.pop(HELD_OUT),
            arrays.pop("held_out.error"),
            arrays.pop("held_out.spread"),
            arrays.pop("held_out.neighbours"),
            calibration,
        )
