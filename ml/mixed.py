"""A weighted mean of models of different kinds: what one gets wrong another often does not.

The weights are non-negative and chosen on held-out predictions; where the kinds disagree, the
mixture says so in its error bars.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from ml.checkpoints import load_arrays, save_arrays
from ml.data import Dataset
from ml.prediction import Calibration, ErrorModel, Float, HeldOut, Predicted


class Part(Protocol):
    """A fitted model that knows its held-out predictions."""

    energy_ev: Float
    held_out: HeldOut

    def predict(self, data: Dataset) -> Predicted: ...

    def save(self, folder: Path) -> None: ...


class Mixed:
    """Fitted parts and their weights; see :meth:`mix`."""

    def __init__(
        self,
        parts: dict[str, Part],
        weights: Float,
        error: ErrorModel,
        calibration: Calibration,
        held_out: HeldOut,
    ) -> None:
        self.parts = parts
        self.weights = weights
        self.energy_ev = next(iter(parts.values())).energy_ev
        self.held_out = held_out
        self._error = error
        self._calibration = calibration

    @classmethod
    def mix(cls, parts: Mapping[str, Part], target: NDArray[np.float32]) -> Mixed:
        """Weigh the parts; ``target`` (n, g) of the rows all of them were fitted on."""
        truth = np.asarray(target, np.float64)
        means = [part.held_out.mean for part in parts.values()]
        matrix = np.stack([np.asarray(mean, np.float64).ravel() for mean in means], axis=1)
        weights, _ = nnls(matrix.T @ matrix, matrix.T @ truth.ravel())
        weights /= weights.sum()
        mean = np.tensordot(weights, np.stack(means), axes=1)
        signs = _signs(means, [part.held_out.spread for part in parts.values()])
        error = ErrorModel.learn(signs, truth - mean)
        spread = error.spread(signs)
        calibration = Calibration.learn(truth - mean, spread)
        return cls(dict(parts), weights, error, calibration, HeldOut(mean, spread))

    def predict(self, data: Dataset) -> Predicted:
        """Spectra of the rows; their targets are not looked at."""
        found = [part.predict(data) for part in self.parts.values()]
        spread = self._error.spread(_signs([p.mean for p in found], [p.spread for p in found]))
        return Predicted(
            mean=np.tensordot(self.weights, np.stack([p.mean for p in found]), axes=1),
            sigma=self._calibration.sigma(spread),
            trust=self._calibration.trust(spread),
            neighbours=found[int(np.argmax(self.weights))].neighbours,
            spread=spread,
        )

    def save(self, folder: Path) -> None:
        """Every part in a folder of its own, then the mixture."""
        for kind, part in self.parts.items():
            part.save(folder / kind)
        arrays: dict[str, NDArray[Any]] = {
            "weights": self.weights,
            "error": self._error.weights,
            "calibration.scale": self._calibration.scale,
            "calibration.spreads": self._calibration.spreads,
            "held_out.mean": self.held_out.mean.astype(np.float32),
            "held_out.spread": self.held_out.spread,
        }
        save_arrays(folder, "mixed", arrays, json.dumps({"parts": list(self.parts)}))

    @classmethod
    def load(cls, folder: Path, parts: dict[str, Part]) -> Mixed:
        """What :meth:`save` wrote, its parts loaded already."""
        arrays, _ = load_arrays(folder, "mixed")
        return cls(
            parts,
            arrays["weights"],
            ErrorModel(arrays["error"]),
            Calibration(arrays["calibration.scale"], arrays["calibration.spreads"]),
            HeldOut(arrays["held_out.mean"], arrays["held_out.spread"]),
        )


def _signs(means: list[Float], spreads: list[Float]) -> Float:
    """(n, kinds + 1): each kind's own doubt, and how far the kinds are apart."""
    apart = np.sqrt(np.stack(means).var(axis=0).mean(axis=1)) + 1e-5
    return np.column_stack([*spreads, apart])
