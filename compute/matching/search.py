"""The three passes of a search: exhaustive, roughly refined, exact."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compute.matching.align import (
    UPSIDE_DOWN,
    Alignment,
    AlignmentPrior,
    fit_exactly,
    refine_roughly,
)
from compute.matching.coverage import Coverage
from compute.matching.discrepancy import Covariance, Discrepancy, Fitted
from compute.matching.grid import Array, ComparisonGrid, Curve
from compute.matching.index import Rows
from compute.matching.screen import Screen, Shortlist
from compute.matching.shapes import Broadener
from compute.matching.threads import WORKERS, in_parallel
from compute.threads import single_blas

# Rows that each pass hands to the next, by the time they may take (a third each of a search of
# 150,000). In ``bench matching_steps`` the right row was within the first 100 of the shortlist and
# within the first 40 after it.
SHORTLIST = 400
EXACT = 40
FINAL = 10


@dataclass(frozen=True)
class Candidates:
    """Rows compared exactly, best first.

    Attributes
    ----------
    row : int64 (k,)
    alignment : Alignment
    fitted : list[Fitted]
    evidence : float64 (k,)
        Log-evidence with the alignment prior, over that of an unrelated spectrum.
    """

    row: NDArray[np.int64]
    alignment: Alignment
    fitted: list[Fitted]
    evidence: Array

    def strain(self, k: int = 0) -> Array:
        """How badly one fits (2,): ln of misfit per energy, and of the unexplained share."""
        fitted = self.fitted[k]
        unexplained = max(1.0 - fitted.r_squared, 1e-4)
        return np.log([max(fitted.misfit, 1e-9) / fitted.n, unexplained])

    def without(self, row: int) -> Candidates | None:
        """The same with one row struck out; None if nothing is left."""
        keep = np.flatnonzero(self.row != row)
        if keep.size == 0:
            return None
        return Candidates(
            self.row[keep],
            self.alignment.take(keep),
            [self.fitted[k] for k in keep],
            self.evidence[keep],
        )


class Searcher:
    """Searches rows on one comparison grid."""

    def __init__(self, grid: ComparisonGrid) -> None:
        self.grid = grid
        self.broadener = Broadener(grid)
        self.screen = Screen(grid, self.broadener)

    def search(
        self,
        curve: Curve,
        rows: Rows,
        model: Discrepancy,
        prior: AlignmentPrior,
        max_shift_ev: float,
        *,
        among: NDArray[np.int64] | None = None,
        also: int | None = None,
        count: int = EXACT,
    ) -> Candidates:
        """The best ``count`` rows.

        Parameters
        ----------
        among : int64 (j,) or None
            Rows to search.
        also : int or None
            A row to compare exactly in any case.

        Raises
        ------
        InputError
            If the query and the library share too few energies.
        """
        with single_blas():
            return self._search(
                curve, rows, Covariance(self.grid, model), prior, max_shift_ev, among, also, count
            )

    def _search(
        self,
        curve: Curve,
        rows: Rows,
        covariance: Covariance,
        prior: AlignmentPrior,
        max_shift_ev: float,
        among: NDArray[np.int64] | None,
        also: int | None,
        count: int,
    ) -> Candidates:
        bank = self.screen.bank(curve, max_shift_ev)
        shortlist = self.screen.search(rows.values, rows.ratios, bank, SHORTLIST, among)
        if also is not None and also not in shortlist.row:
            alone = np.array([also], np.int64)
            extra = self.screen.search(rows.values, rows.ratios, bank, 1, alone)
            shortlist = Shortlist(
                *(np.concatenate([getattr(extra, f), getattr(shortlist, f)])
                  for f in ("row", "gain", "shift_ev", "sigma_ev", "gamma_ev"))
            )  # fmt: skip
        values = rows.values[shortlist.row].astype(np.float64)
        own_err = rows.shift_err_ev[shortlist.row]
        start = Alignment(shortlist.shift_ev, shortlist.sigma_ev**2, shortlist.gamma_ev)
        rough, likelihood = self._roughly(curve, values, start, covariance, max_shift_ev)
        order = np.argsort(-likelihood, kind="stable")
        picked = order[:count]
        if also is not None:
            place = np.flatnonzero(shortlist.row == also)
            picked = np.concatenate([picked[~np.isin(picked, place)][: count - 1], place])
        return self._exactly(
            curve, shortlist.row[picked], values[picked], own_err[picked], rough.take(picked),
            covariance, prior, max_shift_ev, also,
        )  # fmt: skip

    def _roughly(
        self, curve: Curve, values: Array, start: Alignment, covariance: Covariance, limit_ev: float
    ) -> tuple[Alignment, Array]:
        """`refine_roughly` on two threads."""
        halves = np.array_split(np.arange(values.shape[0]), min(WORKERS, values.shape[0]))
        done = in_parallel(
            lambda part: refine_roughly(
                curve, values[part], start.take(part), covariance, self.broadener, self.grid,
                limit_ev,
            ),
            halves,
        )  # fmt: skip
        where = Alignment(*(
            np.concatenate([getattr(d[0], f) for d in done]) for f in ("shift", "variance", "gamma")
        ))  # fmt: skip
        return where, np.concatenate([likelihood for _, likelihood in done])

    def _exactly(
        self,
        curve: Curve,
        row: NDArray[np.int64],
        values: Array,
        own_err: Array,
        start: Alignment,
        covariance: Covariance,
        prior: AlignmentPrior,
        max_shift_ev: float,
        also: int | None,
    ) -> Candidates:
        """All as they stand, the leaders aligned once more; sorted by evidence."""
        coverage = Coverage(curve, self.grid, max_shift_ev)
        now, fitted = fit_exactly(
            curve, coverage, values, start, covariance, self.broadener, max_shift_ev, 0
        )
        evidence = self._evidence(curve, coverage, now, fitted, prior, max_shift_ev, own_err)
        leaders = np.argsort(-evidence, kind="stable")[:FINAL]
        if also is not None:
            leaders = np.union1d(leaders, np.flatnonzero(row == also))
        better, refitted = fit_exactly(
            curve, coverage, values[leaders], now.take(leaders), covariance, self.broadener,
            max_shift_ev, 3,
        )  # fmt: skip
        for j, k in enumerate(leaders):
            now.shift[k], now.variance[k] = better.shift[j], better.variance[j]
            now.gamma[k], fitted[k] = better.gamma[j], refitted[j]
        evidence = self._evidence(curve, coverage, now, fitted, prior, max_shift_ev, own_err)
        order = np.argsort(-evidence, kind="stable")
        return Candidates(row[order], now.take(order), [fitted[k] for k in order], evidence[order])

    def _evidence(
        self,
        curve: Curve,
        coverage: Coverage,
        where: Alignment,
        fitted: list[Fitted],
        prior: AlignmentPrior,
        max_shift_ev: float,
        own_err: Array,
    ) -> Array:
        """Log-evidence over that of unrelated data."""
        unrelated = coverage.n * curve.unrelated_log_density
        bare = np.array([
            f.log_evidence - unrelated - (UPSIDE_DOWN if f.scale <= 0.0 else 0.0)
            for f in fitted
        ])  # fmt: skip
        result: Array = bare + prior.log_density(where, max_shift_ev, own_err)
        return result
