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

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ml.crystals import Crystal
from ml.data import PARTS, Dataset
from ml.errors import LearningError

if TYPE_CHECKING:
    from ml.exported_torch import Rows

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
    path : Path, optional
        The file that it was opened from.
    """

    data: Dataset
    sigma: Float
    split: NDArray[np.str_]
    material: NDArray[np.str_]
    spectrum: NDArray[np.int64]
    path: Path | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Opened anew from its file in another process, which would else get a copy of it all."""
        if self.path is not None:
            return open_training_set, (self.path,)
        return TrainingSet, tuple(getattr(self, one.name) for one in fields(self))

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

    def torch(self, part: str) -> Rows:
        """A map-style dataset of one part. An item holds ``lattice`` (3, 3), ``numbers`` (a,),
        ``frac`` (a, 3), ``site``, ``intensity`` (g,), ``sigma`` and ``row``; crystals differ in
        size, so that a loader needs a ``collate_fn``."""
        from ml.exported_torch import Rows

        return Rows(self, self.part(part))


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
        If the file is none, or its arrays do not fit together.
    """
    place = Path(path).absolute()
    try:
        file = h5py.File(place, "r")
    except OSError as error:
        raise LearningError("path", str(path), f"is no training set: {error}") from error
    with file:
        found = _arrays(file, str(path))
        where = file["intensity"]
        target = np.memmap(place, "<f4", "r", where.id.get_offset(), where.shape)
    start, material = found["crystals/start"], found["material"]
    name_of = dict(zip(found["crystal"].tolist(), material.tolist(), strict=True))
    crystals = [
        Crystal(
            found["crystals/lattice"][k],
            found["crystals/numbers"][a:b],
            found["crystals/frac"][a:b],
            name_of.get(k, ""),
        )
        for k, (a, b) in enumerate(zip(start[:-1], start[1:], strict=True))
    ]
    valence = found["valence"]
    data = Dataset(
        found["energy_ev"],
        crystals,
        found["crystal"],
        found["site"],
        target,
        valence=None if np.isnan(valence).any() else valence,
    )
    return TrainingSet(data, found["sigma"], found["split"], material, found["spectrum"], place)


_SHAPES = {
    "energy_ev": ("g",),
    "intensity": ("n", "g"),
    **dict.fromkeys(("sigma", "split", "material", "spectrum", "crystal", "site"), ("n",)),
    "valence": ("n",),
    "crystals/lattice": ("m", 3, 3),
    "crystals/start": ("m + 1",),
    "crystals/numbers": ("atoms",),
    "crystals/frac": ("atoms", 3),
}
_TEXTS = ("split", "material")
_PLACES = ("spectrum", "crystal", "site", "crystals/start", "crystals/numbers")


def _arrays(file: h5py.File, path: str) -> dict[str, NDArray[Any]]:
    """All but the intensities.

    Raises
    ------
    LearningError
        Naming the array that is missing, or does not fit the others.
    """

    def wrong(name: str, why: str) -> LearningError:
        return LearningError("path", path, f"is no training set: {name} {why}")

    sizes: dict[str, int] = {}
    for name, shape in _SHAPES.items():
        one = file.get(name)
        if not isinstance(one, h5py.Dataset):
            raise wrong(name, "is missing")
        if len(one.shape) != len(shape) or any(
            sizes.setdefault(axis, size) != size if isinstance(axis, str) else axis != size
            for axis, size in zip(shape, one.shape, strict=True)
        ):
            words = ", ".join(f"{axis} {sizes[axis]}" for axis in shape if axis in sizes)
            raise wrong(name, f"has the shape {one.shape}, expected ({words})")
        kinds = "f" if name not in _PLACES else "iu"
        if name not in _TEXTS and one.dtype.kind not in kinds:
            raise wrong(name, f"holds {one.dtype}")
    if sizes["m + 1"] != sizes["m"] + 1:
        raise wrong("crystals/start", f"has {sizes['m + 1']} numbers for {sizes['m']} crystals")
    if file["intensity"].dtype != np.dtype("<f4") or file["intensity"].id.get_offset() is None:
        raise wrong("intensity", "is not float32 in one piece, as it was written")
    found = {
        name: file[name].asstr()[:].astype(np.str_) if name in _TEXTS else file[name][:]
        for name in _SHAPES
        if name != "intensity"
    }
    start, crystal = found["crystals/start"], found["crystal"]
    if start[0] != 0 or start[-1] != sizes["atoms"] or (np.diff(start) < 1).any():
        raise wrong("crystals/start", "does not divide the atoms")
    if (crystal < 0).any() or (crystal >= sizes["m"]).any():
        raise wrong("crystal", f"names one beyond the {sizes['m']}")
    if (found["site"] < 0).any() or (found["site"] >= np.diff(start)[crystal]).any():
        raise wrong("site", "names an atom that its crystal has not")
    return found
