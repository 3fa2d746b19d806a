"""What a trained model got right and wrong, kept beside its weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.errors import LearningError
from spectradb.services.learning.stored import model_folder

Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class Scored:
    """Predictions of rows whose truth is known.

    Attributes
    ----------
    energy_ev : (g,)
    truth, predicted, sigma : (n, g)
    trust : (n,)
    keys : list of (source id, site index)
    """

    energy_ev: NDArray[np.float64]
    truth: Float32
    predicted: Float32
    sigma: Float32
    trust: NDArray[np.float64]
    keys: list[tuple[str, int]]

    @property
    def mse(self) -> NDArray[np.float64]:
        """(n,) mean squared error of each row."""
        return np.asarray(((self.truth - self.predicted) ** 2).mean(axis=1), np.float64)

    def examples(self, each: int = 1) -> dict[str, list[int]]:
        """Rows to look at: the best, those around the median and the worst, by their error."""
        order = np.argsort(self.mse)
        middle = max((len(order) - each) // 2, 0)
        return {
            "best": order[:each].tolist(),
            "median": order[middle : middle + each].tolist(),
            "worst": order[::-1][:each].tolist(),
        }

    def save(self, folder: Path, part: str) -> None:
        """Into the folder of a model, for one part of the split."""
        np.savez_compressed(
            folder / _file(part),
            energy_ev=self.energy_ev,
            truth=self.truth,
            predicted=self.predicted,
            sigma=self.sigma,
            trust=self.trust,
            source_id=np.array([key[0] for key in self.keys]),
            site=np.array([key[1] for key in self.keys], dtype=np.int64),
        )


def scored(name: str, part: str = "val") -> Scored:
    """What was kept when a model was trained.

    Raises
    ------
    LearningError
        If that part was empty then.
    """
    path = model_folder(name) / _file(part)
    if not path.exists():
        raise LearningError("part", part, f"of {name} was not measured")
    with np.load(path, allow_pickle=False) as kept:
        keys = zip(kept["source_id"].tolist(), kept["site"].tolist(), strict=True)
        return Scored(
            kept["energy_ev"],
            kept["truth"],
            kept["predicted"],
            kept["sigma"],
            kept["trust"],
            list(keys),
        )


def _file(part: str) -> str:
    return f"scored-{part}.npz"
