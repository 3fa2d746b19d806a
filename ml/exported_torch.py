"""Rows of a training set as torch wants them; apart, so that numpy alone does without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

if TYPE_CHECKING:
    from ml.exported import TrainingSet


class Rows(Dataset[dict[str, Any]]):
    """Reads a row from the file when it is asked for. Workers of a loader, forked or started
    anew, open the file themselves.

    Parameters
    ----------
    rows : TrainingSet
    chosen : (k,)
        Which of its rows.
    """

    def __init__(self, rows: TrainingSet, chosen: NDArray[np.int64]) -> None:
        self._rows, self._chosen = rows, chosen

    def __len__(self) -> int:
        return len(self._chosen)

    def __getitem__(self, at: int) -> dict[str, Any]:
        rows, row = self._rows, int(self._chosen[at])
        crystal = rows.data.crystals[rows.data.crystal_of[row]]
        return {
            "lattice": torch.tensor(crystal.lattice),
            "numbers": torch.tensor(crystal.numbers),
            "frac": torch.tensor(crystal.frac),
            "site": int(rows.data.site[row]),
            "intensity": torch.tensor(rows.intensity[row]),
            "sigma": float(rows.sigma[row]),
            "row": row,
        }
