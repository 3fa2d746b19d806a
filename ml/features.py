"""Descriptor blocks brought to one scale: the input of the kernel and dense models."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml import pretrained
from ml.data import Dataset
from ml.descriptors import BLOCKS, describe
from ml.errors import LearningError
from ml.files import one_at_a_time, whole_or_not
from ml.scattering import PHASES, scattering
from ml.surroundings import every_atom, first_atoms

Float32 = NDArray[np.float32]
VALENCE = "valence"  # the block of what a data set says itself of its absorbers
SCATTERING = "scattering"  # the block of the waves that come back to the absorber
_CHUNK = 500  # crystals described at once
_ROWS = 8192  # rows scaled at once
_LARGE = 10**8  # numbers; a matrix of more is not kept in memory


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
        found = {name: _moments(values) for name, values in blocks.items()}
        mean = {name: moments[0] for name, moments in found.items()}
        deviation = {name: moments[1] for name, moments in found.items()}
        return cls(mean, deviation, weight or {}, norm)

    def arrays(self) -> dict[str, Float32]:
        """For a checkpoint."""
        found = {f"scaler.mean.{name}": values for name, values in self.mean.items()}
        return found | {f"scaler.deviation.{name}": v for name, v in self.deviation.items()}

    @classmethod
    def of_arrays(
        cls,
        arrays: dict[str, Any],
        blocks: Sequence[str],
        weight: dict[str, float] | None = None,
        norm: int = 1,
    ) -> Scaler:
        """Back from a checkpoint; the arrays used are taken out of the dictionary."""
        mean = {name: arrays.pop(f"scaler.mean.{name}") for name in blocks}
        deviation = {name: arrays.pop(f"scaler.deviation.{name}") for name in blocks}
        return cls(mean, deviation, weight or {}, norm)

    @property
    def width(self) -> int:
        """Columns that vary."""
        return sum(int((deviation > 1e-5).sum()) for deviation in self.deviation.values())

    def apply(self, blocks: Mapping[str, Float32]) -> Float32:
        """(n, width) of all blocks beside each other."""
        varies = {name: deviation > 1e-5 for name, deviation in self.deviation.items()}
        n = len(next(iter(blocks.values())))
        out = room(n, self.width)
        column = 0
        for name, kept in varies.items():
            width = int(kept.sum())
            scale = np.float32(self.weight.get(name, 1.0) / max(width, 1) ** (1 / self.norm))
            mean, deviation = self.mean[name][kept], self.deviation[name][kept]
            for at in range(0, n, _ROWS):
                values = (blocks[name][at : at + _ROWS, kept] - mean) / deviation
                # Beyond 8 deviations a column says "unlike anything seen", no more.
                out[at : at + _ROWS, column : column + width] = np.clip(values, -8.0, 8.0) * scale
            column += width
        return out


def _moments(values: Float32) -> tuple[Float32, Float32]:
    """Mean and standard deviation of each column, a few thousand rows at a time."""
    n = len(values)
    parts = range(0, n, _ROWS)
    total = sum(values[at : at + _ROWS].sum(axis=0, dtype=np.float64) for at in parts)
    mean = total / n
    square = sum(((values[at : at + _ROWS] - mean) ** 2).sum(axis=0) for at in parts)
    return np.asarray(mean, np.float32), np.asarray(np.sqrt(square / n), np.float32)


def room(n: int, width: int) -> Float32:
    """An empty matrix; a large one is in a file without a name, which ends with it."""
    if n * width < _LARGE:
        return np.empty((n, width), np.float32)
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, np.float32, mode="w+", shape=(n, width)).view(np.ndarray)


def beside(data: Dataset) -> tuple[str, ...]:
    """What is seen of an absorber beside descriptors: its valence, which decides a multiplet, or
    where the data leave that open, as at K edges, the waves that come back to it."""
    return (SCATTERING,) if data.valence is None else (VALENCE,)


def describe_rows(data: Dataset, blocks: Sequence[str]) -> dict[str, Float32]:
    """Descriptors of every row, in the order of the rows; each crystal is opened once.

    With ``data.cache`` a block of the same rows is computed once and memory-mapped, so that no
    more than a few thousand rows are in memory while it is made.
    """
    places = {block: _place(data, block) for block in blocks if block != VALENCE}
    if data.cache is None:
        found = _describe(data, list(places), places, {})
    else:
        missing = [name for name, place in places.items() if place and not place.exists()]
        states = _states(data, missing)
        with one_at_a_time(data.cache / f"{data.structure_hash()[:24]}-blocks"):
            missing = [name for name in missing if (place := places[name]) and not place.exists()]
            if missing:
                _describe(data, missing, places, states)
        found = {name: _mapped(place) for name, place in places.items() if place}
    if VALENCE in blocks:
        if data.valence is None:
            raise LearningError("valence", None, "the model needs the absorbers' oxidation states")
        found[VALENCE] = np.asarray(data.valence, np.float32)[:, None]
    return found


def _describe(
    data: Dataset,
    blocks: Sequence[str],
    places: Mapping[str, Path | None],
    states: Mapping[str, Float32],
) -> dict[str, Float32]:
    """The blocks, in memory or written into their places."""
    order = np.argsort(data.crystal_of, kind="stable")
    runs = np.split(order, np.flatnonzero(np.diff(data.crystal_of[order])) + 1)
    whole: dict[str, Float32] = {}
    with ExitStack() as finished:
        for at in range(0, len(runs), _CHUNK):
            some = runs[at : at + _CHUNK]
            rows = np.concatenate(some)
            for block, values in _describe_some(data, some, blocks, states).items():
                if block not in whole:
                    shape = (len(data), values.shape[1])
                    if place := places[block]:
                        part = finished.enter_context(whole_or_not(place))
                        whole[block] = np.lib.format.open_memmap(
                            part, mode="w+", dtype=np.float32, shape=shape
                        )
                        finished.callback(whole[block].flush)  # type: ignore[attr-defined]
                    else:
                        whole[block] = np.empty(shape, np.float32)
                whole[block][rows] = values
    return whole


def _mapped(place: Path) -> Float32:
    place.touch()  # used: what is not for long is cleared
    return np.asarray(np.load(place, mmap_mode="r"))


def _describe_some(
    data: Dataset,
    runs: Sequence[NDArray[np.int64]],
    blocks: Sequence[str],
    states: Mapping[str, Float32],
) -> dict[str, Float32]:
    chosen = [int(data.crystal_of[run[0]]) for run in runs]
    crystals = [data.crystals[c] for c in chosen]
    sites = [[int(site) for site in data.site[run]] for run in runs]
    own = [block for block in blocks if block in BLOCKS]
    found = describe(zip(crystals, sites, strict=True), own) if own else {}
    for block in blocks:
        if block == SCATTERING:
            parts = [scattering(*one) for one in zip(crystals, sites, strict=True)]
            found[block] = np.concatenate(parts).astype(np.float32)
        elif block not in own:
            known = _of_crystals(data, states[block], chosen) if block in states else None
            found[block] = pretrained.describe(block, crystals, sites, known)
    return found


def _states(data: Dataset, blocks: Sequence[str]) -> dict[str, Float32]:
    """For each block of a potential what that holds of :func:`every_atom`, which is kept: a
    potential takes longer than all else, and several blocks come of the same states.

    To be asked for outside the lock of the data's own blocks, since their rows may be every atom.
    """
    found = {}
    for block in blocks:
        potential = pretrained.potential_of(block)
        if potential is not None and block != (name := pretrained.atom_block(potential)):
            found[block] = describe_rows(every_atom(data), (name,))[name]
    return found


def _of_crystals(data: Dataset, values: Float32, chosen: Sequence[int]) -> Iterator[Float32]:
    """The part of each crystal of what is known of :func:`every_atom`."""
    first = first_atoms(data)
    return (values[first[c] : first[c] + len(data.crystals[c].numbers)] for c in chosen)


def _place(data: Dataset, block: str) -> Path | None:
    if data.cache is None:
        return None
    return data.cache / f"{data.structure_hash()[:24]}-{block}-{_code_hash(block)[:8]}.npy"


@cache
def _code_hash(block: str) -> str:
    """SHA-256 of the code that makes a block: what is cached was made by the same code."""
    here = Path(__file__).parent
    potential = pretrained.potential_of(block)
    if potential:
        makers = pretrained.code_files(potential)
    elif block == SCATTERING:
        makers = [*sorted((here / "scattering").glob("*.py")), PHASES]
    else:
        makers = [here / "descriptors.py"]
    files = (here / "crystals.py", here / "elements.py", *makers)
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
