"""A library of spectra that answers which of them a measured one is, and how surely."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compute.errors import InputError
from compute.matching import index, storage
from compute.matching.align import AlignmentPrior
from compute.matching.answer import Shown, lay_over
from compute.matching.calibration import (
    UNPROVEN_BETA,
    Calibration,
    KnownPair,
    calibrate,
    claims_of,
    cross_validated,
    default_discrepancy,
    simulated_pairs,
    uncalibrated,
)
from compute.matching.discrepancy import Discrepancy
from compute.matching.grid import ComparisonGrid, Curve, unit_curve
from compute.matching.index import Rows
from compute.matching.mixture import as_mixture, best_mixtures
from compute.matching.results import Claims, Match, MatchResult, Mixture, Overlay
from compute.matching.search import EXACT, SHORTLIST, Searcher

MAX_SHIFT_EV = 5.0  # where none is given: monochromators are off by 1 or 2 eV, anchors by as much
_SHIFT_LIMIT_EV = 100.0  # beyond it the work, in proportion, is no match any more


class SpectrumLibrary:
    """Spectra on one comparison grid, searched exhaustively.

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
    ) -> SpectrumLibrary:
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
        library = cls.__new__(cls)
        library._searcher = Searcher(grid)
        library._take(index.rows_from_curves(spectra, grid, library._searcher.screen), listed)
        return library

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

    # Calibration

    @property
    def calibration(self) -> Calibration:
        """What known pairs taught; without any, what disturbed library rows stand in for."""
        if self._calibration is None:
            model, prior, share = self._expected()
            self._calibration = uncalibrated(self._searcher, self._rows, model, prior, share)
        return self._calibration

    @property
    def n_calibration_pairs(self) -> int:
        """Known pairs that the probabilities rest on."""
        return self.calibration.posterior.n_pairs

    @property
    def calibrated(self) -> bool:
        """Whether there were at least 10 known pairs; without, probabilities mean little."""
        return self.calibration.posterior.calibrated

    def assume(
        self,
        discrepancy: Discrepancy,
        alignment: AlignmentPrior,
        *,
        evidence_share: float = UNPROVEN_BETA,
    ) -> None:
        """Expect these errors where no known pair tells; drops what was learnt.

        For those who know how good their library's calculations are, and how well its energies
        are anchored. Known pairs given later are weighed against it. Below 10 of them, log-evidence
        counts ``evidence_share`` at most: less where neighbouring energies err alike.
        """
        if not 0.0 < evidence_share <= 1.0:
            raise InputError("evidence_share", evidence_share, "must be above 0 and at most 1")
        self._assumed = discrepancy, alignment, evidence_share
        self._calibration = None

    def expect(
        self, shift_err_ev: Mapping[Hashable, float], weight: Mapping[Hashable, float]
    ) -> None:
        """What is known of single spectra before looking; spectra not named keep 0 and 1.

        Parameters
        ----------
        shift_err_ev
            Standard deviation of a spectrum's own energy scale, eV. It counts where the
            alignment prior holds a finite spread.
        weight
            Relative prior probability, above 0.
        """
        for name, given, least in (("shift_err_ev", shift_err_ev, 0.0), ("weight", weight, 1e-300)):
            for key, value in given.items():
                if not least <= value < np.inf:
                    raise InputError(f"{name}[{key}]", value, f"must be finite, at least {least:g}")
        error, share = np.zeros(len(self)), np.ones(len(self))
        for key, value in shift_err_ev.items():
            error[self._row(key, "shift_err_ev")] = value
        for key, value in weight.items():
            share[self._row(key, "weight")] = value
        self._rows.shift_err_ev, self._rows.weight = error, share

    def calibrate(
        self,
        pairs: Iterable[tuple[ArrayLike, ArrayLike, Hashable]],
        *,
        max_shift_ev: float = MAX_SHIFT_EV,
    ) -> None:
        """Learn from known (energy_ev, intensity, id) triples; a second call replaces the first.

        No pairs at all go back to the defaults.
        """
        known = self._known(pairs)
        _checked_shift(max_shift_ev)
        self._calibration = None
        if known:
            model, prior, share = self._expected()
            self._calibration = calibrate(
                self._searcher, self._rows, known, model, prior, max_shift_ev, share
            )

    def cross_validate(
        self,
        pairs: Iterable[tuple[ArrayLike, ArrayLike, Hashable]],
        *,
        folds: int = 5,
        max_shift_ev: float = MAX_SHIFT_EV,
    ) -> Claims:
        """What would be claimed of each known pair if only the other folds had been taught.

        Pair k belongs to fold k modulo ``folds``. The calibration stays as it is.
        """
        if folds < 2:
            raise InputError("folds", folds, "must be at least 2")
        model, prior, share = self._expected()
        known = self._known(pairs)
        if not known:
            raise InputError("pairs", 0, "are needed")
        return cross_validated(
            self._searcher, self._rows, known, model, prior, max_shift_ev, share, folds
        )

    def simulate(self, count: int, *, seed: int = 2) -> Claims:
        """What is claimed of copies of the library's own rows, disturbed as it expects."""
        known = self.calibration
        pairs = simulated_pairs(self._searcher, self._rows, known.discrepancy, count, seed)
        return claims_of(self._searcher, self._rows, pairs, known, MAX_SHIFT_EV)

    # Matching

    def match(
        self,
        energy_ev: ArrayLike,
        intensity: ArrayLike,
        *,
        top: int = 10,
        max_shift_ev: float = MAX_SHIFT_EV,
        among: Iterable[Hashable] | None = None,
    ) -> MatchResult:
        """The best candidates for a measured spectrum.

        Parameters
        ----------
        energy_ev, intensity : (n,)
            The query on any grid, eV; any scale, any straight background.
        top : int
            How many candidates to return, at most 400.
        max_shift_ev : float
            Largest shift tried either way.
        among : ids or None
            Search these only.

        Raises
        ------
        InputError
            Fewer than 8 points, NaN, constant data, no overlap with the library, an unknown id.
        """
        if not 1 <= top <= SHORTLIST:
            raise InputError("top", top, f"must be 1 to {SHORTLIST}")
        _checked_shift(max_shift_ev)
        curve, unit, _ = self._curve(energy_ev, intensity)
        chosen = self._chosen(among)
        known = self.calibration
        found = self._searcher.search(
            curve, self._rows, known.discrepancy, known.alignment, max_shift_ev,
            among=chosen, count=max(top, EXACT),
        )  # fmt: skip
        shown = Shown(self._ids, self._rows, self.grid, unit, max_shift_ev)
        n_searched = len(self) if chosen is None else int(chosen.size)
        return shown.result(curve, found, known.posterior, top, n_searched)

    def overlay(self, energy_ev: ArrayLike, intensity: ArrayLike, match: Match) -> Overlay:
        """A candidate laid over the query with its shift, broadening, scale and background."""
        curve, unit, mean = self._curve(energy_ev, intensity)
        k = self._row(match.spectrum_id, "match.spectrum_id")
        row = self._rows.values[k].astype(np.float64)
        return lay_over(self._searcher, self.calibration.discrepancy, row, match, curve, unit, mean)

    def mix(
        self,
        energy_ev: ArrayLike,
        intensity: ArrayLike,
        max_components: int = 3,
        *,
        max_shift_ev: float = MAX_SHIFT_EV,
        among: Iterable[Hashable] | None = None,
    ) -> Mixture:
        """The best non-negative combination of up to ``max_components`` (1 to 3) spectra.

        Shares are of the scales, so they are shares of absorbing atoms where the library's
        spectra are normalised to one atom. ``among`` names the only ones to search.

        Raises
        ------
        InputError
            As `match`.
        """
        if max_components not in (1, 2, 3):
            raise InputError("max_components", max_components, "must be 1, 2 or 3")
        _checked_shift(max_shift_ev)
        curve, unit, _ = self._curve(energy_ev, intensity)
        chosen = self._chosen(among)
        rows = self._rows if chosen is None else index.take_rows(self._rows, chosen)
        ids = self._ids if chosen is None else [self._ids[k] for k in chosen]
        found = best_mixtures(
            self._searcher, rows, curve, self.calibration.discrepancy, max_components, max_shift_ev
        )
        if not found:
            raise InputError("intensity", curve.height, "resembles no spectrum of the library")
        return as_mixture(found, rows, ids, unit)

    # On disk

    def save(self, path: Path | str) -> None:
        """Write to a folder, whole or not at all; ids must be all integers or all strings."""
        storage.save(Path(path), self.grid, self._rows, self._ids, self._calibration)

    @classmethod
    def load(cls, path: Path | str) -> SpectrumLibrary:
        """Read what `save` wrote; rows are read from disk as they are used."""
        saved = storage.load(Path(path))
        library = cls.__new__(cls)
        library._searcher = Searcher(saved.grid)
        library._take(saved.rows, saved.ids)
        library._calibration = saved.calibration
        return library

    # Within

    _calibration: Calibration | None = None
    _assumed: tuple[Discrepancy, AlignmentPrior, float] | None = None

    def _known(self, pairs: Iterable[tuple[ArrayLike, ArrayLike, Hashable]]) -> list[KnownPair]:
        known = []
        for k, (energy, intensity, spectrum_id) in enumerate(pairs):
            row = self._row(spectrum_id, f"pairs[{k}].id")
            curve, _, _ = self._curve(energy, intensity, f"pairs[{k}].")
            known.append(KnownPair(curve, row))
        return known

    def _expected(self) -> tuple[Discrepancy, AlignmentPrior, float]:
        if self._assumed is not None:
            return self._assumed
        return default_discrepancy(self._rows, self.grid), AlignmentPrior(), UNPROVEN_BETA

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


def _checked_shift(max_shift_ev: float) -> None:
    if not 0.0 <= max_shift_ev <= _SHIFT_LIMIT_EV:
        raise InputError("max_shift_ev", max_shift_ev, f"must be 0 to {_SHIFT_LIMIT_EV:g} eV")
