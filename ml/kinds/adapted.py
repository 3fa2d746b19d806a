"""A model trained on computed spectra, adapted to a few measured ones.

The model stays as it is. What differs between computation and experiment for a whole absorber is
learnt from a handful of known compounds: a shift of the energy scale, the broadening by lifetime
and instrument, a scale, and a correction common to all compounds, shrunk to what the compounds
agree on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from ml.data import Dataset
from ml.errors import LearningError
from ml.kinds.base import Model, State
from ml.prediction import Float, Predicted

_SHIFTS = np.arange(-15.0, 15.01, 0.1)  # eV
_SIGMAS = np.arange(0.0, 4.01, 0.25)  # eV


@dataclass(frozen=True)
class Curve:
    """One measured spectrum: energy (m,) in eV, ascending, and intensity (m,)."""

    energy_ev: Float
    intensity: Float

    def at(self, energy_ev: Float) -> Float:
        """On other energies, held constant beyond the ends."""
        return np.interp(energy_ev, self.energy_ev, self.intensity)


@dataclass(frozen=True)
class Adaptation:
    """From a frozen prediction to a measured spectrum.

    Attributes
    ----------
    shift_ev : float
        Measured less computed energy.
    sigma_ev : float
        Of a Gaussian that broadens.
    scale : float
    correction : (g,)
        Added last.
    """

    shift_ev: float
    sigma_ev: float
    scale: float
    correction: Float

    @classmethod
    def learn(
        cls, energy_ev: Float, frozen: Float, measured: Sequence[Curve], compound: NDArray[np.int64]
    ) -> Adaptation:
        """From what the model says (n, g) of measured spectra (n); ``compound`` (n,) numbers the
        material of each, and every material counts alike.

        Raises
        ------
        LearningError
            If there are fewer than two compounds.
        """
        _, label, count = np.unique(compound, return_inverse=True, return_counts=True)
        if len(count) < 2:
            raise LearningError("compounds", len(count), "at least 2 measured ones are needed")
        weight = (1.0 / count)[label]
        step = float(energy_ev[1] - energy_ev[0])
        broad = [_broadened(frozen, sigma / step) for sigma in _SIGMAS]
        best: tuple[float, float, float, float] | None = None
        for shift in _SHIFTS:
            truth = np.array([curve.at(energy_ev + shift) for curve in measured])
            power = max(float(weight @ (truth**2).sum(axis=1)), 1e-300)
            for sigma, model in zip(_SIGMAS, broad, strict=True):
                along = float(weight @ (model * truth).sum(axis=1))
                scale = along / float(weight @ (model**2).sum(axis=1))
                # Relative: a shift that moves all structure out of the grid leaves little to miss.
                left = 1.0 - scale * along / power
                if scale > 0 and (best is None or left < best[0]):
                    best = left, float(shift), float(sigma), scale
        assert best is not None
        _, shift, sigma, scale = best
        plain = cls(shift, sigma, scale, np.zeros(energy_ev.size))
        truth = np.array([curve.at(energy_ev + shift) for curve in measured])
        left_over = truth - plain.apply(energy_ev, frozen)
        mean = np.array([left_over[label == k].mean(axis=0) for k in range(len(count))])
        return cls(shift, sigma, scale, _agreed(mean))

    def apply(self, energy_ev: Float, frozen: Float) -> Float:
        """(n, g) on ``energy_ev + shift_ev``, from predictions (n, g) on ``energy_ev``."""
        step = float(energy_ev[1] - energy_ev[0])
        return self.scale * _broadened(frozen, self.sigma_ev / step) + self.correction


class Adapted(Model):
    """A frozen model and its adaptation; ``error`` (g,) is what it still misses, held out."""

    kind = "adapted"
    version = 4

    def __init__(self, base: Model, adaptation: Adaptation, error: Float) -> None:
        self.base = base
        self.adaptation = adaptation
        self.error = error
        self.validation = base.validation  # of the frozen model, on computed spectra

    @property
    def energy_ev(self) -> Float:
        return self.base.energy_ev + self.adaptation.shift_ev

    @property
    def parts(self) -> Mapping[str, Model]:
        return {"base": self.base}

    def predict(self, data: Dataset) -> Predicted:
        """Spectra of the rows as they would be measured."""
        found = self.base.answer(data)
        energy = self.base.energy_ev
        return replace(
            found,
            mean=np.maximum(self.adaptation.apply(energy, found.mean), 0.0),
            sigma=np.hypot(self.adaptation.scale * found.sigma, self.error),
        )

    def state(self) -> State:
        one = self.adaptation
        arrays: dict[str, NDArray[Any]] = {"correction": one.correction, "error": self.error}
        meta = {"shift_ev": one.shift_ev, "sigma_ev": one.sigma_ev, "scale": one.scale}
        return State(meta, arrays, self.parts)

    @classmethod
    def of_state(cls, state: State) -> Self:
        adaptation = Adaptation(**state.meta, correction=state.arrays["correction"])
        return cls(state.parts["base"], adaptation, state.arrays["error"])


def _broadened(spectra: Float, sigma: float) -> Float:
    """(n, g) convolved with a Gaussian of so many grid steps, ends held constant."""
    if sigma == 0.0:
        return spectra
    return np.asarray(gaussian_filter1d(spectra, sigma, axis=1, mode="nearest"))


def _agreed(residual: Float) -> Float:
    """(g,) the mean residual of the compounds (k, g), times the share of it that foretells the
    residual of a compound left out."""
    k = len(residual)
    total = residual.sum(axis=0)
    others = (total - residual) / (k - 1)
    power = float((others**2).sum())
    share = float((residual * others).sum()) / power if power > 0 else 0.0
    return np.asarray(min(max(share, 0.0), 1.0) * total / k, dtype=np.float64)
