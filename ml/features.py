"""Descriptor blocks brought to one scale: the input of the kernel and dense models."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml import pretrained
from ml.data import Dataset
from ml.descriptors import describe

Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class Scaler:
    """Mean and deviation of each column of each block, constant columns dropped.

    Every block counts alike whatever its width, or by its weight: in city-block distance with
    norm 1, in Euclidean distance with norm 2.
    """

    mean: dict[str, Float32]
    deviation: dict[str, Float32]
    weight: dict[str, float] = field(default_factory=dict)
    norm: int = 1

    @classmethod
    def learn(
        cls, blocks: Mapping[str, Float32], weight: dict[str, float] | None = None, norm: int = 1
    ) -> Scaler:
        return cls(
            {name: np.mean(values, axis=0) for name, values in blocks.items()},
            {name: np.std(values, axis=0) for name, values in blocks.items()},
            weight or {},
            norm,
        )

    def apply(self, blocks: Mapping[str, Float32]) -> Float32:
        """(n, width) of all blocks beside each other."""
        parts = []
        for name, deviation in self.deviation.items():
            varies = deviation > 1e-5
            values = (blocks[name][:, varies] - self.mean[name][varies]) / deviation[varies]
            # Beyond 8 deviations a column says "unlike anything seen", no more.
            width = max(int(varies.sum()), 1) ** (1 / self.norm)
            scale = np.float32(self.weight.get(name, 1.0) / width)
            parts.append(np.clip(values, -8.0, 8.0) * scale)
        return np.concatenate(parts, axis=1).astype(np.float32)


def describe_rows(data: Dataset, blocks: Sequence[str]) -> dict[str, Float32]:
    """Descriptors of every row, in the order of the rows; each crystal is opened once.

    With ``data.cache`` a block of the same rows is computed once and then memory-mapped.
    """
    places = {block: _place(data, block) for block in blocks}
    found: dict[str, Float32] = {
        b: np.load(p, mmap_mode="r") for b, p in places.items() if p and p.exists()
    }
    missing = [block for block in blocks if block not in found]
    if missing:
        for block, values in _describe(data, missing).items():
            found[block] = values
            if place := places[block]:
                place.parent.mkdir(parents=True, exist_ok=True)
                part = place.with_suffix(f".{os.getpid()}.part")
                with part.open("wb") as file:
                    np.save(file, values)
                part.replace(place)  # whole or not at all
    return {block: found[block] for block in blocks}


def _describe(data: Dataset, blocks: Sequence[str]) -> dict[str, Float32]:
    order = np.argsort(data.crystal_of, kind="stable")
    runs = np.split(order, np.flatnonzero(np.diff(data.crystal_of[order])) + 1)
    crystals = [data.crystals[data.crystal_of[run[0]]] for run in runs]
    sites = [[int(site) for site in data.site[run]] for run in runs]
    own = [block for block in blocks if block != pretrained.BLOCK]
    found: dict[str, Float32] = {}
    if own:
        found |= describe(zip(crystals, sites, strict=True), own)
    if pretrained.BLOCK in blocks:
        found[pretrained.BLOCK] = pretrained.describe_sites(crystals, sites)
    back = np.argsort(order)
    return {name: values[back] for name, values in found.items()}


def _place(data: Dataset, block: str) -> Path | None:
    if data.cache is None:
        return None
    return data.cache / f"{data.structure_hash()[:24]}-{block}-{_code_hash(block)[:8]}.npy"


@cache
def _code_hash(block: str) -> str:
    """SHA-256 of the code that makes a block: what is cached was made by the same code."""
    maker = "pretrained.py" if block == pretrained.BLOCK else "descriptors.py"
    names = ("crystals.py", "elements.py", maker)
    return hashlib.sha256(
        b"".join((Path(__file__).parent / name).read_bytes() for name in names)
    ).hexdigest()
