"""A training set in one HDF5 file: written once, mapped by numpy, read by torch.

=====================  ==========  ================================================
``/energy_ev``         (g,)        common grid, eV
``/intensity``         (n, g)      float32
``/sigma``             (n,)        standard deviation of the noise; 0 of computed spectra
``/split``             (n,)        train, val or test; empty in none
``/material``          (n,)        name of the material
``/spectrum``          (n,)        number of the spectrum
``/crystal``           (n,)        which crystal
``/site``              (n,)        the absorbing atom in it
``/valence``           (n,)        oxidation state of the absorber, NaN where unknown
``/crystals/lattice``  (m, 3, 3)   Å, vectors as rows
``/crystals/start``    (m + 1,)    atoms of crystal k: start[k] … start[k + 1]
``/crystals/numbers``  (atoms,)    atomic numbers
``/crystals/frac``     (atoms, 3)  fractional coordinates
=====================  ==========  ================================================

Arrays are neither compressed nor chunked, so that they can be mapped where they lie.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ml.crystals import Crystal
from ml.data import PARTS, Dataset
from ml.errors import LearningError

if TYPE_CHECKING:
    from torch.utils.data import Dataset as TorchDataset

Float = NDArray[np.float64]
_ROWS = 4096  # written at once


@dataclass(frozen=True)
class TrainingSet:
    """Rows of (crystal, site) with their spectra; see the table above.

    Attributes
    ----------
    data : Dataset
        As models are fitted to it; its targets are a memory map.
    sigma : (n,)
    split, material : (n,) of str
    spectrum : (n,)
    """

    data: Dataset
    sigma: Float
    split: NDArray[np.str_]
    material: NDArray[np.str_]
    spectrum: NDArray[np.int64]

    @property
    def energy_ev(self) -> Float:
        """(g,) eV."""
        return self.data.energy_ev

    @property
    def intensity(self) -> NDArray[np.float32]:
        """(n, g), a memory map."""
        return self.data.target

    def __len__(self) -> int:
        return len(self.split)

    def part(self, name: str) -> NDArray[np.int64]:
        """Rows of ``train``, ``val`` or ``test``.

        Raises
        ------
        LearningError
            If it is none of them.
        """
        if name not in PARTS:
            raise LearningError("part", name, f"choose from {', '.join(PARTS)}")
        return np.flatnonzero(self.split == name)

    def torch(self, part: str) -> TorchDataset[dict[str, Any]]:
        """A map-style dataset of one part. An item holds ``lattice`` (3, 3), ``numbers`` (a,),
        ``frac`` (a, 3), ``site``, ``intensity`` (g,), ``sigma`` and ``row``; crystals differ in
        size, so that a loader needs a ``collate_fn``."""
        return _torch_dataset(self, self.part(part))


def write_training_set(rows: TrainingSet, path: Path) -> None:
    """Into one file."""
    data = rows.data
    sizes = [len(one.numbers) for one in data.crystals]
    valence = np.full(len(data), np.nan) if data.valence is None else data.valence
    text = h5py.string_dtype()
    with h5py.File(path, "w") as file:
        file.attrs["creator"] = "SpectraDB training set"
        file["energy_ev"] = np.asarray(data.energy_ev, np.float64)
        file["energy_ev"].attrs["units"] = "eV"
        target = file.create_dataset("intensity", (len(data), data.energy_ev.size), "<f4")
        for at in range(0, len(data), _ROWS):
            target[at : at + _ROWS] = data.target[at : at + _ROWS]
        file["sigma"] = rows.sigma
        for name, values in (("split", rows.split), ("material", rows.material)):
            file.create_dataset(name, data=values.astype(object), dtype=text)
        file["spectrum"], file["crystal"] = rows.spectrum, data.crystal_of
        file["site"], file["valence"] = data.site, valence
        inside = file.create_group("crystals")
        inside["lattice"] = np.array([one.lattice for one in data.crystals])
        inside["start"] = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        inside["numbers"] = np.concatenate([one.numbers for one in data.crystals])
        inside["frac"] = np.concatenate([one.frac for one in data.crystals])


def open_training_set(path: str | Path) -> TrainingSet:
    """What :func:`write_training_set` wrote; the intensities stay in the file.

    Raises
    ------
    LearningError
        If the file is none.
    """
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise LearningError("path", str(path), f"is no training set: {error}") from error
    with file:
        if "intensity" not in file or "crystals" not in file:
            raise LearningError("path", str(path), "is no training set: it lacks its arrays")
        where = file["intensity"]
        target = np.memmap(path, "<f4", "r", where.id.get_offset(), where.shape)
        material = file["material"].asstr()[:].astype(np.str_)
        crystal_of = file["crystal"][:]
        start, inside = file["crystals/start"][:], file["crystals"]
        lattice, numbers, frac = inside["lattice"][:], inside["numbers"][:], inside["frac"][:]
        name_of = dict(zip(crystal_of.tolist(), material.tolist(), strict=True))
        crystals = [
            Crystal(lattice[k], numbers[a:b], frac[a:b], name_of.get(k, ""))
            for k, (a, b) in enumerate(zip(start[:-1], start[1:], strict=True))
        ]
        valence = file["valence"][:]
        data = Dataset(
            file["energy_ev"][:],
            crystals,
            crystal_of,
            file["site"][:],
            target,
            valence=None if np.isnan(valence).any() else valence,
        )
        split = file["split"].asstr()[:].astype(np.str_)
        return TrainingSet(data, file["sigma"][:], split, material, file["spectrum"][:])


def _torch_dataset(rows: TrainingSet, chosen: NDArray[np.int64]) -> TorchDataset[dict[str, Any]]:
    import torch
    from torch.utils.data import Dataset as TorchDataset

    class Rows(TorchDataset[dict[str, Any]]):
        """Reads a row from the file when it is asked for."""

        def __len__(self) -> int:
            return len(chosen)

        def __getitem__(self, at: int) -> dict[str, Any]:
            row = int(chosen[at])
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

    return Rows()
