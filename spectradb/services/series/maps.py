"""The file of maps of an analysis: what is in it, and one map of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from compute.errors import InputError, ReadError
from spectradb.models import SeriesAnalysis
from spectradb.services.series.local import local_file

Floats = NDArray[np.float64]

_FIRST = ("value", "err", "upper")
_AXES = "axes/"


@dataclass(frozen=True)
class Curves:
    """The spectra of the components on their energies.

    Attributes
    ----------
    energy_ev : float64 (m,)
    spectra : float64 (k, m)
    """

    names: list[str]
    energy_ev: Floats
    spectra: Floats


class Maps:
    """A finished file of maps, open for reading. Keys are paths: ``components/Mn2O3/value``."""

    def __init__(self, file: h5py.File, shape: tuple[int, ...]) -> None:
        self._file = file
        self.shape = shape
        self.told: dict[str, Any] = {
            name: json.loads(text) if name != "version" else str(text)
            for name, text in file.attrs.items()
        }

    @property
    def components(self) -> list[str]:
        """Their names, in the order of the analysis."""
        found = list(self._file["components"]) if "components" in self._file else []
        order = [str(one) for one in self.told.get("names", [])]
        return sorted(found, key=lambda one: order.index(one) if one in order else len(order))

    @cached_property
    def keys(self) -> list[str]:
        """Every map: of each component its value, error and limit, then the rest."""
        shape = self.shape or (1,)
        found: list[str] = []
        self._file.visititems(
            lambda name, one: (
                found.append(name)
                if isinstance(one, h5py.Dataset)
                and one.shape == shape
                and not name.startswith(_AXES)
                else None
            )
        )
        names = self.components

        def order(key: str) -> tuple[int, int, str]:
            parts = key.split("/")
            if parts[0] != "components" or parts[1] not in names:
                return len(names), 0, key
            which = _FIRST.index(parts[-1]) if parts[-1] in _FIRST else len(_FIRST)
            return names.index(parts[1]), which, key

        return sorted((one for one in found if one not in ("energy", "spectra")), key=order)

    def get(self, key: str) -> Floats:
        """One map on the axes of the series.

        Raises
        ------
        InputError
            If there is none of this key.
        """
        if key not in self.keys:
            raise InputError("map", key, f"is one of {', '.join(self.keys)}")
        return np.asarray(self._file[key][()], float).reshape(self.shape)

    def find(self, key: str) -> Floats | None:
        """One map, None where this analysis has none of this key."""
        return self.get(key) if key in self.keys else None

    @property
    def compounds(self) -> list[str]:
        """Of a match with the library: what ``likeliest/compound_index`` counts."""
        if "likeliest/compounds" not in self._file:
            return []
        return [str(one) for one in json.loads(self._file["likeliest/compounds"][()])]

    def curves(self) -> Curves:
        """The components' spectra; none for single numbers."""
        spectra = np.asarray(self._file["spectra"][()], float)
        names = [str(one) for one in self.told.get("names", [])]
        names = names if len(names) == len(spectra) else self.components[: len(spectra)]
        return Curves(names, np.asarray(self._file["energy"][()], float), spectra)


@contextmanager
def opened_maps(analysis: SeriesAnalysis) -> Iterator[Maps]:
    """The maps of a finished analysis; reads the series for its axes.

    Raises
    ------
    ReadError
        If there are none yet, or the file is missing or damaged.
    """
    path = maps_file(analysis)
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise ReadError([f"{analysis.file_name}: no file of maps: {error}"]) from error
    with file:
        yield Maps(file, analysis.series.shape)


def maps_file(analysis: SeriesAnalysis) -> Path:
    """The file itself, checked.

    Raises
    ------
    ReadError
        As :func:`opened_maps`.
    """
    if not analysis.file_name:
        raise ReadError([f"analysis {analysis.pk} is {analysis.job_status}: it has no maps yet"])
    return local_file(analysis.file_name, analysis.n_bytes or 0, analysis.sha256)
