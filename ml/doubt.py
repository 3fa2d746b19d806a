"""How unlike the training rows a new row is, in the networks' own features.

For each member: the leverage of its last layer (the variance of a Bayesian linear last layer, as
in Snoek et al., ICML 2015) and the distance to the nearest training rows. A row that a member was
not trained on is judged by that member alone, so the signs of held-out rows are those of new ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.data import NEAREST
from ml.distances import nearest
from ml.prediction import ErrorModel, Float

_RIDGE = 1e-3
_BLOCK = 2**24  # distances in memory at once


@dataclass(frozen=True)
class Doubt:
    """Of an ensemble.

    Attributes
    ----------
    centre : (k, f)
        Mean feature of each member.
    precision : (k, f, f)
        Inverse of the ridged second moment of its training features.
    rows : (k, m, f)
        Features of all rows, float32.
    fold : (m,)
        The member that did not see each row.
    error : ErrorModel
    """

    centre: Float
    precision: Float
    rows: NDArray[np.float32]
    fold: NDArray[np.int64]
    error: ErrorModel

    @classmethod
    def learn(
        cls,
        features: NDArray[np.float32],
        fold: NDArray[np.int64],
        residual: Float,
        weights: Float,
    ) -> tuple[Doubt, Float, NDArray[np.int64]]:
        """From the members' features (k, m, f) of all rows; also the spread of the held-out rows
        and the rows of other folds that are nearest to each."""
        centre, precision = [], []
        for k, values in enumerate(features):
            seen = values[fold != k].astype(np.float64)
            centre.append(seen.mean(axis=0))
            seen -= centre[-1]
            moment = seen.T @ seen / len(seen)
            ridge = _RIDGE * np.trace(moment) / len(moment) + 1e-12
            precision.append(np.linalg.inv(moment + ridge * np.eye(len(moment))))
        empty = ErrorModel(np.zeros(3))
        plain = cls(np.stack(centre), np.stack(precision), features, fold, empty)
        signs, neighbours = plain._of_held_out()
        error = ErrorModel.learn(signs, residual, weights)
        doubt = cls(plain.centre, plain.precision, features, fold, error)
        return doubt, error.spread(signs), neighbours

    def _of_held_out(self) -> tuple[Float, NDArray[np.int64]]:
        signs = np.empty((len(self.fold), 2))
        neighbours = np.empty((len(self.fold), NEAREST), np.int64)
        for k, values in enumerate(self.rows):
            out = self.fold == k
            signs[out], neighbours[out] = self._signs(k, values[out])
        return signs, neighbours

    def judge(self, features: list[NDArray[np.float32]]) -> tuple[Float, NDArray[np.int64]]:
        """Expected error (n,) of new rows and their nearest training rows (n, 5)."""
        found = [self._signs(k, values) for k, values in enumerate(features)]
        signs = np.exp(np.mean([np.log(signs) for signs, _ in found], axis=0))
        return self.error.spread(signs), found[0][1]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """For a checkpoint."""
        return {
            "centre": self.centre,
            "precision": self.precision,
            "rows": self.rows,
            "fold": self.fold,
            "error": self.error.weights,
        }

    @classmethod
    def of_arrays(cls, arrays: dict[str, NDArray[Any]]) -> Doubt:
        """Back from a checkpoint's ``doubt.*`` arrays."""
        return cls(
            arrays["doubt.centre"],
            arrays["doubt.precision"],
            arrays["doubt.rows"],
            arrays["doubt.fold"],
            ErrorModel(arrays["doubt.error"]),
        )

    def _signs(self, k: int, values: NDArray[np.float32]) -> tuple[Float, NDArray[np.int64]]:
        """(n, 2) leverage and mean distance to the nearest rows that member k saw; those rows."""
        away = values.astype(np.float64) - self.centre[k]
        leverage = np.einsum("nf,fg,ng->n", away, self.precision[k], away, optimize=True)
        seen = np.flatnonzero(self.fold != k)
        known = self.rows[k][seen]
        length = (known**2).sum(1)
        neighbours = np.empty((len(values), min(NEAREST, len(seen))), np.int64)
        distance = np.empty(len(values))
        step = max(_BLOCK // len(seen), 1)
        for at in range(0, len(values), step):
            some = values[at : at + step]
            square = (some**2).sum(1)[:, None] + length - 2 * some @ known.T
            close = nearest(square, NEAREST)
            neighbours[at : at + step] = seen[close]
            apart = np.sqrt(np.maximum(np.take_along_axis(square, close, 1), 0))
            distance[at : at + step] = apart.mean(axis=1)
        return np.column_stack([leverage + 1e-9, distance + 1e-6]), neighbours
