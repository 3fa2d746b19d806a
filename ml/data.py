"""Spectra and the structures they belong to, on one energy grid, split by material."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.crystals import Crystal
from ml.errors import LearningError

Float = NDArray[np.float64]
NEAREST = 5
"""Training rows that a prediction is compared with; no fold may leave fewer."""
PARTS = ("train", "val", "test")
FOLDED_BY = ("system", "formula", "material")
_UNITS, _LARGEST = 20, 0.2  # chemical systems or formulae, and the share of the rows in one
_SHARES = (0.8, 0.9)  # train below the first, val below the second, test above


@dataclass(frozen=True)
class Dataset:
    """Rows of (structure, site) with their spectra.

    Attributes
    ----------
    energy_ev : (g,)
        Common grid, eV.
    crystals : sequence of Crystal
        One for each material, shared by its rows.
    crystal_of : (n,)
        Index into ``crystals``.
    site : (n,)
        The absorbing atom in that crystal.
    target : (n, g)
        Intensities on the grid; float32, may be a memory map.
    cache : Path, optional
        Folder for what is derived from the rows.
    valence : (n,), optional
        Oxidation state of each absorber, where it is to be learnt from.
    """

    energy_ev: Float
    crystals: Sequence[Crystal]
    crystal_of: NDArray[np.int64]
    site: NDArray[np.int64]
    target: NDArray[np.float32]
    cache: Path | None = None
    valence: Float | None = None

    def __len__(self) -> int:
        return len(self.site)

    @property
    def groups(self) -> NDArray[np.str_]:
        """(n,) the material of each row."""
        return np.array([self.crystals[i].group for i in self.crystal_of])

    @property
    def systems(self) -> NDArray[np.str_]:
        """(n,) the chemical system of each row: its elements by number, ``8-29``."""
        names = ["-".join(map(str, np.unique(one.numbers))) for one in self.crystals]
        return np.array(names)[self.crystal_of]

    @property
    def formulae(self) -> NDArray[np.str_]:
        """(n,) the reduced formula of each row, elements by number."""
        names = []
        for one in self.crystals:
            number, count = np.unique(one.numbers, return_counts=True)
            count //= np.gcd.reduce(count)
            names.append(" ".join(f"{z}:{k}" for z, k in zip(number, count, strict=True)))
        return np.array(names)[self.crystal_of]

    def rows(self, chosen: NDArray[np.int64] | NDArray[np.bool_]) -> Dataset:
        """The same crystals with fewer rows."""
        return Dataset(
            self.energy_ev,
            self.crystals,
            self.crystal_of[chosen],
            self.site[chosen],
            self.target[chosen],
            self.cache,
            None if self.valence is None else self.valence[chosen],
        )

    def content_hash(self) -> str:
        """SHA-256 of everything a model could learn from, in order."""
        digest = hashlib.sha256(self.structure_hash().encode())
        digest.update(np.ascontiguousarray(self.energy_ev).tobytes())
        for at in range(0, len(self), 10_000):
            digest.update(np.ascontiguousarray(self.target[at : at + 10_000]).tobytes())
        return digest.hexdigest()

    def structure_hash(self) -> str:
        """SHA-256 of the structures and sites of the rows, in order."""
        digest = hashlib.sha256()
        names = {}
        for index in np.unique(self.crystal_of):
            crystal = self.crystals[index]
            parts = (crystal.lattice, crystal.numbers, crystal.frac)
            text = b"".join(np.ascontiguousarray(part).tobytes() for part in parts)
            names[index] = hashlib.sha256(text + crystal.group.encode()).digest()
        for index, site in zip(self.crystal_of, self.site, strict=True):
            digest.update(names[index] + int(site).to_bytes(4, "little"))
        if self.valence is not None:
            digest.update(np.ascontiguousarray(self.valence, np.float64).tobytes())
        return digest.hexdigest()


def common_grid(ranges: Sequence[tuple[float, float]], step: float, *, keep: float = 0.95) -> Float:
    """The energy grid that at least ``keep`` of the spectra cover wholly.

    Raises
    ------
    LearningError
        If the spectra share no range.
    """
    if not ranges:
        raise LearningError("spectra", 0, "there are none")
    low = np.quantile([r[0] for r in ranges], 0.5 + keep / 2)
    high = np.quantile([r[1] for r in ranges], 0.5 - keep / 2)
    if high - low < 5 * step:
        raise LearningError("range", (float(low), float(high)), "the spectra share no energy range")
    start = np.ceil(low / step) * step
    return np.asarray(start + step * np.arange(int((high - start) / step) + 1), dtype=np.float64)


def resample(energy_ev: Float, intensity: Float, grid: Float) -> NDArray[np.float32]:
    """Linear interpolation on the grid, held constant beyond the ends."""
    return np.interp(grid, energy_ev, intensity).astype(np.float32)


def split_by_material(
    groups: Sequence[str] | NDArray[np.str_], given: Mapping[str, str] | None = None
) -> NDArray[np.str_]:
    """(n,) ``train``, ``val`` or ``test`` for each row; one material is never divided.

    Without a given split, the SHA-256 of the material's name decides, so that a material stays on
    its side however the data grow. A material that a given split leaves out is in no part (``""``).

    Raises
    ------
    LearningError
        If a given split is no mapping or names an unknown part.
    """
    if given is not None:
        check_split(given)
        return np.array([given.get(group, "") for group in groups])
    return np.array([_part(group) for group in groups])


def check_split(given: object) -> None:
    """Refuse what is no split of materials.

    Raises
    ------
    LearningError
        Naming the first materials with something else than a part.
    """
    if not isinstance(given, Mapping):
        raise LearningError("split", given, f"must be {{source_id: {'|'.join(PARTS)}}}")
    wrong = {name: part for name, part in given.items() if part not in PARTS}
    if wrong:
        few = dict(list(wrong.items())[:3])
        raise LearningError("split", few, f"parts are {', '.join(PARTS)}")


def folds_of(
    data: Dataset, n_folds: int, seed: int = 0, by: str | None = None
) -> tuple[NDArray[np.int64], str]:
    """(n,) fold of each row for cross-validation, and what is kept whole in it.

    By chemical system where there are enough of them, since what is predicted later mostly lies
    in another than the training rows; else by formula, else by material. That hangs on the rows
    alone and hardly on the number of folds: the parts of a mixture are weighed by their errors in
    folds, which must be of one difficulty. ``by`` is one of :data:`FOLDED_BY` where it is not to
    be chosen.

    Raises
    ------
    LearningError
        If there are fewer materials than folds, or a fold leaves too few rows to learn from.
    """
    groups = data.groups
    for kind, names in (("system", data.systems), ("formula", data.formulae)):
        if by is not None and by != kind:
            continue
        whole, counts = np.unique(names, return_counts=True)
        if by == kind or (
            len(whole) >= max(_UNITS, 2 * n_folds) and counts.max() <= _LARGEST * len(names)
        ):
            return _folds(names, n_folds, seed), kind
    return _folds(groups, n_folds, seed), "material"


def _folds(groups: Sequence[str] | NDArray[np.str_], n_folds: int, seed: int) -> NDArray[np.int64]:
    """(n,) fold of each row, whole groups; folds hold about as many rows each."""
    names, labels, counts = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    if len(names) < n_folds:
        raise LearningError(
            "materials", len(names), f"in the training part; {n_folds}-fold validation needs more"
        )
    order = np.random.default_rng(seed).permutation(len(names))
    fold_of = np.empty(len(names), dtype=np.int64)
    if counts.min() == counts.max():
        fold_of[order] = np.arange(len(names)) % n_folds
    else:
        filled = np.zeros(n_folds, np.int64)
        for unit in order[np.argsort(-counts[order], kind="stable")]:
            fold_of[unit] = int(np.argmin(filled))
            filled[fold_of[unit]] += counts[unit]
    folds = fold_of[labels]
    fewest = len(labels) - int(np.bincount(folds).max())
    if fewest < NEAREST:
        raise LearningError(
            "spectra",
            len(labels),
            f"in the training part; outside its largest fold there are {fewest}, {NEAREST} needed",
        )
    return folds


def material_weights(groups: Sequence[str] | NDArray[np.str_]) -> Float:
    """(n,) weight of each row, mean 1, so that every material counts alike however many sites."""
    _, labels, counts = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    return np.asarray(len(labels) / len(counts) / counts[labels], dtype=np.float64)


def _part(group: str) -> str:
    number = int(hashlib.sha256(group.encode()).hexdigest()[:8], 16) / 0x1_0000_0000
    return PARTS[int(np.searchsorted(_SHARES, number, side="right"))]
