"""A weighted mean of models of different kinds: what one gets wrong another often does not.

The weights are non-negative and chosen on held-out predictions; where the kinds disagree, the
mixture says so in its error bars.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from ml.checkpoints import load_arrays, save_arrays
from ml.data import Dataset
from ml.prediction import ErrorModel, Float, Predicted, Validation


class Part(Protocol):
    """A fitted model that knows its held-out predictions."""

    energy_ev: Float
    validation: Validation

    def predict(self, data: Dataset) -> Predicted: ...

    def save(self, folder: Path) -> None: ...


class Mixed:
    """Fitted parts and their weights; see :meth:`mix`."""

    def __init__(
        self, parts: dict[str, Part], weights: Float, error: ErrorModel, validation: Validation
    ) -> None:
        self.parts = parts
        self.weights = weights
        self.energy_ev = validation.energy_ev
        self.validation = validation
        self._error = error

    @classmethod
    def mix(
        cls, parts: Mapping[str, Part], target: NDArray[np.float32], row_weights: Float
    ) -> Mixed:
        """Weigh the parts; ``target`` (n, g) of the rows all of them were fitted on, and what
        each row (n,) counts for."""
        truth = np.asarray(target, np.float64)
        means = [np.asarray(part.validation.mean, np.float64) for part in parts.values()]
        matrix = np.stack([mean.ravel() for mean in means], axis=1)
        counts = np.repeat(row_weights, truth.shape[1])[:, None]
        weights, _ = nnls(matrix.T @ (matrix * counts), (matrix * counts).T @ truth.ravel())
        weights /= weights.sum()
        mean = np.tensordot(weights, np.stack(means), axes=1)
        signs = _signs(means, [part.validation.spread for part in parts.values()])
        error = ErrorModel.learn(signs, truth - mean, row_weights)
        energy = next(iter(parts.values())).energy_ev
        neighbours = list(parts.values())[int(np.argmax(weights))].validation.neighbours
        validation = Validation.learn(
            energy, truth, mean, error.spread(signs), neighbours, row_weights
        )
        return cls(dict(parts), weights, error, validation)

    def predict(self, data: Dataset) -> Predicted:
        """Spectra of the rows; their targets are not looked at."""
        found = [part.predict(data) for part in self.parts.values()]
        return self.validation.answer(
            np.tensordot(self.weights, np.stack([p.mean for p in found]), axes=1),
            self._error.spread(_signs([p.mean for p in found], [p.spread for p in found])),
            found[int(np.argmax(self.weights))].neighbours,
        )

    def save(self, folder: Path) -> None:
        """Every part in a folder of its own, then the mixture."""
        for kind, part in self.parts.items():
            part.save(folder / kind)
        arrays = self.validation.arrays() | {"weights": self.weights, "error": self._error.weights}
        save_arrays(folder, "mixed", arrays, json.dumps({"parts": list(self.parts)}))

    @classmethod
    def load(cls, folder: Path, parts: dict[str, Part]) -> Mixed:
        """What :meth:`save` wrote, its parts loaded already."""
        arrays, _ = load_arrays(folder, "mixed")
        validation = Validation.of_arrays(arrays)
        return cls(parts, arrays["weights"], ErrorModel(arrays["error"]), validation)


def _signs(means: list[Float], spreads: list[Float]) -> Float:
    """(n, kinds + 1): each kind's own doubt, and how far the kinds are apart."""
    apart = np.sqrt(np.stack(means).var(axis=0).mean(axis=1)) + 1e-5
    return np.column_stack([*spreads, apart])
