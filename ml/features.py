"""Descriptor blocks brought to one scale: the input of the kernel and dense models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.data import Dataset
from ml.descriptors import describe

Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class Scaler:
    """Mean and deviation of each column of each block, constant columns dropped.

    Every block is divided by the square root of its width, so that blocks weigh alike.
    """

    mean: dict[str, Float32]
    deviation: dict[str, Float32]

    @classmethod
    def learn(cls, blocks: dict[str, Float32]) -> Scaler:
        return cls(
            {name: values.mean(axis=0) for name, values in blocks.items()},
            {name: values.std(axis=0) for name, values in blocks.items()},
        )

    def apply(self, blocks: dict[str, Float32]) -> Float32:
        """(n, width) of all blocks beside each other."""
        parts = []
        for name, deviation in self.deviation.items():
            varies = deviation > 1e-5
            values = (blocks[name][:, varies] - self.mean[name][varies]) / deviation[varies]
            # Beyond 8 deviations a column says "unlike anything seen", no more.
            parts.append(np.clip(values, -8.0, 8.0) / np.float32(max(varies.sum(), 1)))
        return np.concatenate(parts, axis=1).astype(np.float32)


def describe_rows(data: Dataset, blocks: Sequence[str]) -> dict[str, Float32]:
    """Descriptors of every row, in the order of the rows; each crystal is opened once."""
    order = np.argsort(data.crystal_of, kind="stable")
    bounds = np.flatnonzero(np.diff(data.crystal_of[order])) + 1
    runs = np.split(order, bounds)
    found = describe(
        (
            (data.crystals[data.crystal_of[run[0]]], [int(s) for s in data.site[run]])
            for run in runs
        ),
        blocks,
    )
    back = np.argsort(order)
    return {name: values[back].astype(np.float32) for name, values in found.items()}
