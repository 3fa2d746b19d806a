"""A weighted mean of models of different kinds: what one gets wrong another often does not.

The weights are non-negative and chosen on held-out predictions; where the kinds disagree, the
mixture says so in its error bars.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from ml.data import Dataset, material_weights
from ml.kinds import trained_kind
from ml.kinds.base import FitOptions, Model, State, Tell, Trained
from ml.kinds.doors import fit_config
from ml.prediction import ErrorModel, Float, Predicted, Validation


class Mixed(Trained[dict[str, Any]]):
    """Fitted parts and their weights; see :meth:`mix`.

    Attributes
    ----------
    made_of : tuple of str
        Kinds of the parts of a new mixture.
    """

    kind = "mixed"
    version = 5
    kept = False  # its parts are, and mixing them takes no time
    searchable = False
    made_of: ClassVar[tuple[str, ...]] = ("krr-nmf", "mlp", "ace")

    def __init__(
        self,
        parts: Mapping[str, Model],
        weights: Float,
        error: ErrorModel,
        validation: Validation,
    ) -> None:
        self.weights = weights
        self.validation = validation
        self._parts = parts
        self._error = error

    @property
    def parts(self) -> Mapping[str, Model]:
        return self._parts

    @classmethod
    def defaults(cls, data: Dataset, options: FitOptions) -> dict[str, Any]:
        """The configuration of each part, by its kind."""
        return {one: trained_kind(one).defaults(data, options) for one in cls.made_of}

    @classmethod
    def fit(cls, data: Dataset, config: dict[str, Any], tell: Tell = lambda step: None) -> Self:
        parts = {one: fit_config(trained_kind(one), data, own, tell) for one, own in config.items()}
        return cls.mix(parts, np.asarray(data.target), material_weights(data.groups))

    @classmethod
    def mix(
        cls, parts: Mapping[str, Model], target: NDArray[np.float32], row_weights: Float
    ) -> Self:
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
        found = [part.predict(data) for part in self.parts.values()]
        return self.validation.answer(
            np.tensordot(self.weights, np.stack([p.mean for p in found]), axes=1),
            self._error.spread(_signs([p.mean for p in found], [p.spread for p in found])),
            found[int(np.argmax(self.weights))].neighbours,
        )

    def figures(self) -> dict[str, Any]:
        return {"weights": dict(zip(self.parts, self.weights.tolist(), strict=True))}

    def state(self) -> State:
        arrays = self.validation.arrays() | {"weights": self.weights, "error": self._error.weights}
        return State({}, arrays, self.parts)

    @classmethod
    def of_state(cls, state: State) -> Self:
        validation = Validation.of_arrays(state.arrays)
        error = ErrorModel(state.arrays["error"])
        return cls(state.parts, state.arrays["weights"], error, validation)


def _signs(means: list[Float], spreads: list[Float]) -> Float:
    """(n, kinds + 1): each kind's own doubt, and how far the kinds are apart."""
    apart = np.sqrt(np.stack(means).var(axis=0).mean(axis=1)) + 1e-5
    return np.column_stack([*spreads, apart])
