"""Spectra on one comparison grid, by id, and what is known of each before looking."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compute.errors import InputError
from compute.matching import index
from compute.matching.grid import ComparisonGrid, Curve, unit_curve
from compute.matching.index import Rows
from compute.matching.search import Searcher


class Contents:
    """Spectra brought to one comparison grid, a row each.

    Parameters
    ----------
    energy_ev : (n,)
        Common grid, eV; any order, not necessarily uniform.
    intensities : (m, n)
        A spectrum each row, any scale and offset. Not kept.
    ids : (m,)
        Different hashable ids; integers or strings if the library is to be saved.

    Raises
    ------
    InputError
        Naming the field: wrong shapes, fewer than 8 energies, NaN, a constant row, no rows,
        an id twice.
    """

    def __init__(
        self, energy_ev: ArrayLike, intensities: ArrayLike, ids: Iterable[Hashable]
    ) -> None:
        energy, matrix = index.library_matrix(energy_ev, intensities)
        listed = index.checked_ids(ids, matrix.shape[0])
        grid = ComparisonGrid.covering(energy)
        self._searcher = Searcher(grid)
        self._take(index.rows_from_matrix(energy, matrix, grid, self._searcher.screen), listed)

    @classmethod
    def from_spectra(
        cls,
        spectra: Sequence[tuple[ArrayLike, ArrayLike]],
        ids: Iterable[Hashable],
        *,
        range_ev: tuple[float, float] | None = None,
    ) -> Self:
        """A library from curves (energy_ev, intensity) that each have a grid of their own.

        Parameters
        ----------
        range_ev : tuple or None
            Energies to compare; by default from the median start to the median end. A curve is
            continued flat where it does not reach, and must cover half of the range.
        """
        if len(spectra) == 0:
            raise InputError("spectra", 0, "the library is empty")
        listed = index.checked_ids(ids, len(spectra))
        grid = index.common_grid(spectra, range_ev)
        made = cls.__new__(cls)
        made._searcher = Searcher(grid)
        made._take(index.rows_from_curves(spectra, grid, made._searcher.screen), listed)
        return made

    # What is in it

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, spectrum_id: Hashable) -> bool:
        return spectrum_id in self._row_of

    @property
    def ids(self) -> list[Hashable]:
        """Ids in the order of the rows."""
        return list(self._ids)

    @property
    def grid(self) -> ComparisonGrid:
        """Energies and resolution at which spectra are compared."""
        return self._searcher.grid

    def put(self, spectra: Sequence[tuple[ArrayLike, ArrayLike]], ids: Iterable[Hashable]) -> None:
        """Add spectra, or replace those whose id is known. The calibration stays."""
        listed = index.checked_ids(ids, len(spectra))
        if not listed:
            return
        new = index.rows_from_curves(spectra, self.grid, self._searcher.screen)
        replaced = set(listed)
        keep = [k for k, i in enumerate(self._ids) if i not in replaced]
        old = self._rows if len(keep) == len(self) else index.take_rows(self._rows, keep)
        self._take(index.join_rows(old, new), [self._ids[k] for k in keep] + listed)

    def remove(self, ids: Iterable[Hashable]) -> None:
        """Drop spectra. The calibration stays.

        Raises
        ------
        InputError
            If an id is unknown, or nothing would be left.
        """
        gone = {self._row(i, "ids") for i in ids}
        keep = [k for k in range(len(self)) if k not in gone]
        if not keep:
            raise InputError("ids", len(gone), "would leave the library empty")
        self._take(index.take_rows(self._rows, keep), [self._ids[k] for k in keep])

    def expect(
        self,
        shift_err_ev: Mapping[Hashable, float],
        weight: Mapping[Hashable, float],
        error: Mapping[Hashable, float] | None = None,
        group: Mapping[Hashable, int] | None = None,
        substance: Mapping[Hashable, int] | None = None,
    ) -> None:
        """What is known of single spectra before looking; those not named keep 0, 1, 1, 0 and −1.

        Parameters
        ----------
        shift_err_ev
            Standard deviation of a spectrum's own energy scale, eV. It counts where the
            alignment prior holds a finite spread.
        weight
            Relative prior probability, above 0.
        error
            Expected error over that of the library's discrepancy, above 0.
        group
            Label of what a spectrum is of at the level above single spectra, such as a valence.
            Evidence may be believed to another degree between groups than within one.
        substance
            Label of its substance, not negative: the same where one was computed more than once.
        """
        for name, given, first, least in (
            ("shift_err_ev", shift_err_ev, 0.0, 0.0),
            ("weight", weight, 1.0, 1e-300),
            ("error", error or {}, 1.0, 1e-3),
        ):
            values = np.full(len(self), first)
            for key, value in given.items():
                if not least <= value < np.inf:
                    raise InputError(f"{name}[{key}]", value, f"must be finite, at least {least:g}")
                values[self._row(key, name)] = value
            setattr(self._rows, name, values)
        for name, labels, none in (("group", group or {}, 0), ("substance", substance or {}, -1)):
            numbers = np.full(len(self), none, np.int64)
            for key, label in labels.items():
                numbers[self._row(key, name)] = label
            setattr(self._rows, name, numbers)

    # Within

    def _take(self, rows: Rows, ids: list[Hashable]) -> None:
        self._rows = rows
        self._ids = ids
        self._row_of = {spectrum_id: k for k, spectrum_id in enumerate(ids)}

    def _chosen(self, among: Iterable[Hashable] | None) -> NDArray[np.int64] | None:
        """Rows of the ids to search, None for all."""
        if among is None:
            return None
        chosen = np.array(sorted({self._row(i, "among") for i in among}), np.int64)
        if chosen.size == 0:
            raise InputError("among", [], "names no spectrum")
        return chosen

    def _row(self, spectrum_id: Hashable, field: str) -> int:
        key = spectrum_id.item() if isinstance(spectrum_id, np.generic) else spectrum_id
        if key not in self._row_of:
            raise InputError(field, key, "is not in the library")
        return self._row_of[key]

    def _curve(
        self, energy_ev: ArrayLike, intensity: ArrayLike, name: str = ""
    ) -> tuple[Curve, float, float]:
        return unit_curve(energy_ev, intensity, self.grid, name)
