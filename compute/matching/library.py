"""A library of spectra that answers which of them a measured one is, and how surely."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from compute.errors import InputError
from compute.matching import index, storage
from compute.matching.align import AlignmentPrior, shape_of
from compute.matching.alternatives import Alternative, evidence_of, on_grid
from compute.matching.answer import Shown, lay_over
from compute.matching.calibration import (
    UNPROVEN_BETA,
    Calibration,
    Expected,
    KnownPair,
    Taught,
    calibrate,
    claims_of,
    cross_validated,
    default_discrepancy,
    simulated_pairs,
    unproven,
)
from compute.matching.contents import Contents
from compute.matching.discrepancy import Discrepancy
from compute.matching.grid import Array
from compute.matching.l23 import OneElectron
from compute.matching.mixture import as_mixture, best_mixtures
from compute.matching.posterior import Posterior
from compute.matching.results import Claims, Match, MatchResult, Mixture, Overlay
from compute.matching.screen import COARSE
from compute.matching.search import EXACT, SHORTLIST, Searcher

MAX_SHIFT_EV = 5.0  # where none is given: monochromators are off by 1 or 2 eV, anchors by as much
_SHIFT_LIMIT_EV = 100.0  # beyond it the work, in proportion, is no match any more


class SpectrumLibrary(Contents):
    """Measured spectra are compared with all of its own; made as `Contents` says."""

    # Calibration

    @property
    def calibration(self) -> Calibration:
        """What known pairs taught; without any, what disturbed library rows stand in for."""
        if self._calibration is None:
            self._calibration = unproven(self._searcher, self._rows, self._expected())
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
        posterior: Posterior | None = None,
        firm: bool = False,
    ) -> None:
        """Expect these errors where no known pair tells; drops what was learnt.

        For those who know how good their library's calculations are, and how well its energies
        are anchored. Known pairs given later are weighed against it. Below 10 of them, log-evidence
        counts ``evidence_share`` at most: less where neighbouring energies err alike; or as
        ``posterior`` says, which known pairs of other libraries taught. Errors that are ``firm``
        stay until 10 pairs of a known substance speak.
        """
        if not 0.0 < evidence_share <= 1.0:
            raise InputError("evidence_share", evidence_share, "must be above 0 and at most 1")
        self._assumed = Expected(discrepancy, alignment, evidence_share, posterior, firm)
        self._calibration = None

    def consider(self, shapes: Sequence[OneElectron]) -> None:
        """Let shapes compete with all spectra of the library, each as likely as one of its groups.

        What is found to be one of them is none of the library, by name: see
        ``MatchResult.alternatives``.
        """
        self._alternatives = on_grid(self._searcher, shapes)

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
            taught = Taught(self._searcher, self._rows, known)
            (self._calibration,) = calibrate([taught], self._expected(), max_shift_ev)

    def pair(
        self,
        energy_ev: ArrayLike,
        intensity: ArrayLike,
        *,
        group: int | None = None,
        ids: Iterable[Hashable] = (),
    ) -> KnownPair:
        """A measured curve of which the group is known, and its substance if ``ids`` name it.

        Without a ``group`` it is that of the first of them.
        """
        curve, _, _ = self._curve(energy_ev, intensity)
        rows = sorted({int(k) for i in ids for k in self._rows.same_as(self._row(i, "ids"))})
        if group is None:
            if not rows:
                raise InputError("group", None, "is needed where no ids are given")
            group = int(self._rows.group[rows[0]])
        return KnownPair(curve, np.array(rows, np.int64), group)

    def cross_validate(
        self,
        pairs: Iterable[tuple[ArrayLike, ArrayLike, Hashable] | KnownPair],
        *,
        folds: int = 5,
        max_shift_ev: float = MAX_SHIFT_EV,
    ) -> Claims:
        """What would be claimed of each known pair if only the other folds had been taught.

        Pair k belongs to fold k modulo ``folds``. The calibration stays as it is.
        """
        if folds < 2:
            raise InputError("folds", folds, "must be at least 2")
        known = self._known(pairs)
        if not known:
            raise InputError("pairs", 0, "are needed")
        taught = Taught(self._searcher, self._rows, known)
        return cross_validated(taught, self._expected(), max_shift_ev, folds)

    def simulate(self, count: int, *, seed: int = 2) -> Claims:
        """What is claimed of copies of the library's own rows, disturbed as it expects."""
        known = self.calibration
        pairs = simulated_pairs(self._searcher, self._rows, known.discrepancy, count, seed)
        return claims_of(Taught(self._searcher, self._rows, pairs), known, MAX_SHIFT_EV)

    def taught_with(self, pairs: Sequence[KnownPair]) -> Taught:
        """The library beside pairs of its own, for `calibrate_together`."""
        return Taught(self._searcher, self._rows, list(pairs))

    def adopt(self, calibration: Calibration) -> None:
        """Take over what `calibrate_together` found."""
        self._calibration = calibration

    # Matching

    def match(
        self,
        energy_ev: ArrayLike,
        intensity: ArrayLike,
        *,
        top: int | None = 10,
        least: int = EXACT,
        most: int = SHORTLIST,
        max_shift_ev: float = MAX_SHIFT_EV,
        among: Iterable[Hashable] | None = None,
    ) -> MatchResult:
        """The best candidates for a measured spectrum.

        Parameters
        ----------
        energy_ev, intensity : (n,)
            The query on any grid, eV; any scale, any straight background.
        top : int
            How many candidates to return, at most 400; None for all that were compared exactly.
        least, most : int
            How many to compare exactly: at least, and at most where more are nearly as likely as
            the first.
        max_shift_ev : float
            Largest shift tried either way.
        among : ids or None
            Search these only.

        Raises
        ------
        InputError
            Fewer than 8 points, NaN, constant data, nothing but noise, no overlap with the library,
            an unknown id.
        """
        given = (("top", 1 if top is None else top), ("least", least), ("most", most))
        for name, value in given:
            if not 1 <= value <= SHORTLIST:
                raise InputError(name, value, f"must be 1 to {SHORTLIST}")
        _checked_shift(max_shift_ev)
        curve, unit, _ = self._curve(energy_ev, intensity)
        chosen = self._chosen(among)
        known = self.calibration
        bank = self._searcher.screen.bank(curve, max_shift_ev)
        found = self._searcher.search(
            curve, self._rows, known.discrepancy, known.alignment, max_shift_ev,
            among=chosen, count=max(top or 1, least), most=most, bank=bank,
        )  # fmt: skip
        if found.is_noise(curve.n):
            raise InputError(
                "intensity", f"noise of {curve.noise * unit:.3g}", "hides whatever edge there is"
            )
        beside = evidence_of(
            self._alternatives,
            self._searcher,
            curve,
            known.discrepancy,
            known.alignment,
            max_shift_ev,
            bank,
        )
        shown = Shown(
            self._ids,
            self._rows,
            self.grid,
            unit,
            max_shift_ev,
            slice(None) if chosen is None else chosen,
            self._alternatives,
            beside,
        )
        n_searched = len(self) if chosen is None else int(chosen.size)
        return shown.result(curve, found, known.posterior, top, n_searched)

    def overlay(self, energy_ev: ArrayLike, intensity: ArrayLike, match: Match) -> Overlay:
        """A candidate laid over the query with its shift, broadening, scale and background."""
        curve, unit, mean = self._curve(energy_ev, intensity)
        k = self._row(match.spectrum_id, "match.spectrum_id")
        row = self._rows.values[k].astype(np.float64)
        return lay_over(self._searcher, self.calibration.discrepancy, row, match, curve, unit, mean)

    def row_laid(self, match: Match) -> Array:
        """A candidate (size,) on the library's grid, with a match's broadening and scale."""
        k = self._row(match.spectrum_id, "match.spectrum_id")
        row = self._rows.values[k].astype(np.float64)
        shape = shape_of(self._searcher.broadener, row, match.sigma_ev**2, match.gamma_ev)
        laid: Array = match.scale * float(self._rows.height[k]) * shape.value
        return laid

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
        known = self.calibration
        first = self._searcher.search(curve, rows, known.discrepancy, known.alignment, max_shift_ev)
        found, fitted = best_mixtures(
            self._searcher, rows, curve, known, first, max_components, max_shift_ev
        )
        if not found:
            raise InputError("intensity", curve.height, "resembles no spectrum of the library")
        return as_mixture(found, fitted, rows, ids, unit)

    def keep_broadened(self) -> None:
        """Broaden rows once for many queries; a library too large for it stays as it is."""
        if len(self) <= COARSE:
            values = np.asarray(self._rows.values)
            self._rows.broadened = self._searcher.screen.broadened(values)

    # On disk

    def save(self, path: Path | str) -> None:
        """Write to a folder, whole or not at all; ids must be all integers or all strings."""
        storage.save(
            Path(path), self.grid, self._rows, self._ids, self._calibration, self._alternatives
        )

    @classmethod
    def load(cls, path: Path | str) -> SpectrumLibrary:
        """Read what `save` wrote; rows are read from disk as they are used."""
        saved = storage.load(Path(path))
        library = cls.__new__(cls)
        library._searcher = Searcher(saved.grid)
        library._take(saved.rows, saved.ids)
        library._calibration = saved.calibration
        library._alternatives = saved.alternatives
        return library

    # Within

    _calibration: Calibration | None = None
    _assumed: Expected | None = None
    _alternatives: Sequence[Alternative] = ()

    def _known(
        self, pairs: Iterable[tuple[ArrayLike, ArrayLike, Hashable] | KnownPair]
    ) -> list[KnownPair]:
        known = []
        for k, one in enumerate(pairs):
            if isinstance(one, KnownPair):
                known.append(one)
                continue
            energy, intensity, spectrum_id = one
            row = self._row(spectrum_id, f"pairs[{k}].id")
            curve, _, _ = self._curve(energy, intensity, f"pairs[{k}].")
            known.append(KnownPair(curve, self._rows.same_as(row), int(self._rows.group[row])))
        return known

    def _expected(self) -> Expected:
        if self._assumed is not None:
            return self._assumed
        model = default_discrepancy(self._rows, self.grid)
        return Expected(model, AlignmentPrior(), UNPROVEN_BETA)


def _checked_shift(max_shift_ev: float) -> None:
    if not 0.0 <= max_shift_ev <= _SHIFT_LIMIT_EV:
        raise InputError("max_shift_ev", max_shift_ev, f"must be 0 to {_SHIFT_LIMIT_EV:g} eV")


def calibrate_together(
    libraries: Sequence[tuple[SpectrumLibrary, Sequence[KnownPair]]],
    expected: Expected,
    *,
    max_shift_ev: float = MAX_SHIFT_EV,
    learn_errors: bool = True,
) -> list[Calibration]:
    """Calibrations of libraries whose theory errs alike, from the known pairs of all.

    See `compute.matching.calibration.calibrate`; `SpectrumLibrary.adopt` takes one over.
    """
    _checked_shift(max_shift_ev)
    taught = [library.taught_with(pairs) for library, pairs in libraries]
    return calibrate(taught, expected, max_shift_ev, learn_errors=learn_errors)
