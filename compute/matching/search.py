"""The three passes of a search: exhaustive, roughly refined, exact."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from compute.matching.align import (
    UPSIDE_DOWN,
    Alignment,
    AlignmentPrior,
    fit_exactly,
    refine_roughly,
    shape_of,
    spread_ratio,
    window_at,
)
from compute.matching.coverage import Coverage
from compute.matching.discrepancy import Covariance, Discrepancy, Fitted, noise_misfit
from compute.matching.grid import Array, ComparisonGrid, Curve
from compute.matching.index import Rows
from compute.matching.screen import Bank, Screen, Shortlist
from compute.matching.shapes import Broadener
from compute.matching.threads import WORKERS, in_parallel
from compute.threads import single_blas

# Rows that each pass hands to the next, by the time they may take (a third each of a search of
# 150,000). In ``bench matching_steps`` the right row was within the first 100 of the shortlist and
# within the first 40 after it. Where many are alike, no order tells the right one, and all that
# are nearly as likely as the first are compared: shares are of those that were.
SHORTLIST = 400
EXACT = 40
FINAL = 10
_REACH = float(np.log(1e4))
# Of the log-likelihood against the alignment's prior, where candidates are ordered: what known
# pairs make of it is about that (`compute.matching.temper`), and the order must not hang on them.
_COUNTED = 0.3
_MOSTLY = 0.5  # of the query's variance
# The best of n trials explains 2 ln(n) / points of white noise: of 20,000 shifts, widths and rows.
_BY_CHANCE = 20.0
_LARGE_STEP = 0.2  # of a row's root mean square, as a continuum behind white lines is
_MODELS = 8  # a library's own, those of its alternatives, and what is being learnt
_JUDGED = 2  # the best, and the best where one row is struck out


@dataclass(frozen=True)
class Candidates:
    """Rows compared exactly, best first.

    Attributes
    ----------
    row : int64 (k,)
    alignment : Alignment
    fitted : list[Fitted]
    likelihood : float64 (k,)
        Log-likelihood, scale and background integrated out, over that of an unrelated spectrum.
    prior : float64 (k,)
        Log-density of the alignment before looking.
    surprise : float64 (k,)
        ln of the density of the shift if it could be any, over that of the alignment prior.
    noise_misfit : float64 (k,)
        What the query's noise alone adds to the misfit; known of the two best, 0 for others.
    noise_variance : float
        Of one smoothed point of the query.
    """

    row: NDArray[np.int64]
    alignment: Alignment
    fitted: list[Fitted]
    likelihood: Array
    prior: Array
    surprise: Array
    noise_misfit: Array
    noise_variance: float

    @property
    def evidence(self) -> Array:
        """Log-evidence (k,) with the alignment prior, over that of an unrelated spectrum."""
        return self.likelihood + self.prior

    def strain(self, k: int = 0) -> Array:
        """How badly one fits (2,): ln of misfit per energy, and of the unexplained share.

        The query's own noise is taken off both: a noisy measurement of a substance in the library
        is no stranger. One energy whose misfit is as expected is counted in, so that a query that
        is all noise tells nothing.
        """
        fitted, noise = self.fitted[k], float(self.noise_misfit[k])
        misfit = (max(fitted.misfit - noise, 0.0) + 1.0) / (fitted.n - noise + 1.0)
        unexplained = 1.0 - fitted.r_squared - self.noise_variance / max(fitted.spread, 1e-30)
        return np.log([misfit, max(unexplained, 1e-4)])

    def is_noise(self, n_points: int) -> bool:
        """Whether a query of so many points is mostly noise in which any candidate would be seen.

        The best of some hundred shifts, widths and rows explains that much of white noise.
        """
        best = self.fitted[0]
        mostly = self.noise_variance > _MOSTLY * max(best.spread, 1e-30)
        return mostly and best.r_squared < _BY_CHANCE / min(n_points, best.n)

    def without(self, rows: NDArray[np.int64]) -> Candidates | None:
        """The same with some rows struck out; None if nothing is left."""
        keep = np.flatnonzero(~np.isin(self.row, rows))
        if keep.size == 0:
            return None
        return Candidates(
            self.row[keep],
            self.alignment.take(keep),
            [self.fitted[k] for k in keep],
            self.likelihood[keep],
            self.prior[keep],
            self.surprise[keep],
            self.noise_misfit[keep],
            self.noise_variance,
        )


@dataclass(frozen=True)
class _Leading:
    """Rows (k,) for the exact pass, and where they lie."""

    row: NDArray[np.int64]
    alignment: Alignment

    def joined(self, other: _Leading) -> _Leading:
        """With the other's rows that are not among these."""
        new = np.flatnonzero(~np.isin(other.row, self.row))
        more = other.alignment.take(new)
        pairs = (
            (getattr(self.alignment, f), getattr(more, f)) for f in ("shift", "variance", "gamma")
        )
        return _Leading(
            np.concatenate([self.row, other.row[new]]),
            Alignment(*(np.concatenate(pair) for pair in pairs)),
        )


class Searcher:
    """Searches rows on one comparison grid."""

    def __init__(self, grid: ComparisonGrid) -> None:
        self.grid = grid
        self.broadener = Broadener(grid)
        self.screen = Screen(grid, self.broadener)
        self._covariances: dict[tuple[object, ...], Covariance] = {}

    def covariance(self, model: Discrepancy) -> Covariance:
        """The covariance of a model on this grid; those of the last few models are kept."""
        values = {one.name: getattr(model, one.name) for one in fields(model)}
        key = tuple(values.pop("factors").ravel().tolist()), tuple(values.values())
        if key not in self._covariances:
            if len(self._covariances) >= _MODELS:
                self._covariances.pop(next(iter(self._covariances)))
            self._covariances[key] = Covariance(self.grid, model)
        return self._covariances[key]

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
        most: int = SHORTLIST,
        bank: Bank | None = None,
    ) -> Candidates:
        """The best ``count`` rows, and what is nearly as likely as the first, to ``most`` in all.

        Parameters
        ----------
        among : int64 (j,) or None
            Rows to search.
        also : int or None
            A row to compare exactly in any case.
        bank : Bank or None
            What `Screen.bank` says of the curve, where that is known.

        Raises
        ------
        InputError
            If the query and the library share too few energies.
        """
        with single_blas():
            bank = self.screen.bank(curve, max_shift_ev) if bank is None else bank
            covariance = self.covariance(model)
            leading = self._leading(
                curve, rows, bank, covariance, max_shift_ev, among, also, count, most
            )
            # Before the exact pass a step costs as if theory had missed it
            if model.step > _LARGE_STEP and (flat := curve.without_step()) is not None:
                bank = self.screen.bank(flat, max_shift_ev)
                leading = leading.joined(
                    self._leading(
                        flat, rows, bank, covariance, max_shift_ev, among, None, count, most
                    )
                )
            return self._exactly(
                curve, leading.row, rows.values[leading.row].astype(np.float64),
                rows.shift_err_ev[leading.row], rows.error[leading.row], leading.alignment,
                covariance, prior, max_shift_ev, also,
            )  # fmt: skip

    def _leading(
        self,
        curve: Curve,
        rows: Rows,
        bank: Bank,
        covariance: Covariance,
        max_shift_ev: float,
        among: NDArray[np.int64] | None,
        also: int | None,
        count: int,
        most: int,
    ) -> _Leading:
        """What the first two passes leave."""
        shortlist = self.screen.search(
            rows.values, rows.ratios, bank, SHORTLIST, among, rows.broadened
        )
        if also is not None and also not in shortlist.row:
            alone = np.array([also], np.int64)
            extra = self.screen.search(rows.values, rows.ratios, bank, 1, alone)
            shortlist = Shortlist(
                *(np.concatenate([getattr(extra, f), getattr(shortlist, f)])
                  for f in ("row", "gain", "shift_ev", "sigma_ev", "gamma_ev"))
            )  # fmt: skip
        values = rows.values[shortlist.row].astype(np.float64)
        error = rows.error[shortlist.row]
        start = Alignment(shortlist.shift_ev, shortlist.sigma_ev**2, shortlist.gamma_ev)
        rough, likelihood = self._roughly(curve, values, start, covariance, max_shift_ev, error)
        likely = _COUNTED * likelihood + np.log(rows.weight[shortlist.row])
        order = np.argsort(-likely, kind="stable")
        near = int(np.count_nonzero(likely >= likely.max() - _REACH))
        picked = order[: max(count, min(near, most))]
        if also is not None:
            place = np.flatnonzero(shortlist.row == also)
            picked = np.concatenate([picked[~np.isin(picked, place)], place])
        return _Leading(shortlist.row[picked], rough.take(picked))

    def _roughly(
        self,
        curve: Curve,
        values: Array,
        start: Alignment,
        covariance: Covariance,
        limit_ev: float,
        error: Array,
    ) -> tuple[Alignment, Array]:
        """`refine_roughly` on two threads."""
        halves = np.array_split(np.arange(values.shape[0]), min(WORKERS, values.shape[0]))
        done = in_parallel(
            lambda part: refine_roughly(
                curve, values[part], start.take(part), covariance, self.broadener, self.grid,
                limit_ev, error[part],
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
        error: Array,
        start: Alignment,
        covariance: Covariance,
        prior: AlignmentPrior,
        max_shift_ev: float,
        also: int | None,
    ) -> Candidates:
        """All as they stand, the leaders aligned once more; sorted by evidence."""
        coverage = Coverage(curve, self.grid, max_shift_ev)
        now, fitted = fit_exactly(
            curve, coverage, values, start, covariance, self.broadener, max_shift_ev, error, 0
        )
        likelihood = _likelihood(curve, coverage, fitted)
        before = prior.log_density(now, max_shift_ev, own_err)
        leaders = np.argsort(-(_COUNTED * likelihood + before), kind="stable")[:FINAL]
        if also is not None:
            leaders = np.union1d(leaders, np.flatnonzero(row == also))
        better, refitted = fit_exactly(
            curve, coverage, values[leaders], now.take(leaders), covariance, self.broadener,
            max_shift_ev, error[leaders], 3, [fitted[k] for k in leaders],
        )  # fmt: skip
        for j, k in enumerate(leaders):
            now.shift[k], now.variance[k] = better.shift[j], better.variance[j]
            now.gamma[k], fitted[k] = better.gamma[j], refitted[j]
        likelihood = _likelihood(curve, coverage, fitted)
        before = prior.log_density(now, max_shift_ev, own_err)
        surprise = prior.surprise(now.shift, max_shift_ev, own_err)
        order = np.argsort(-(_COUNTED * likelihood + before), kind="stable")
        noise = np.zeros(row.size)
        for k in order[:_JUDGED]:
            noise[k] = self._noise_misfit(curve, values[k], now, int(k), covariance, error[k])
        return Candidates(
            row[order], now.take(order), [fitted[k] for k in order], likelihood[order],
            before[order], surprise[order], noise[order],
            float(curve.noise**2 * curve.correlation[0]),
        )  # fmt: skip

    def _noise_misfit(
        self, curve: Curve, row: Array, at: Alignment, k: int, covariance: Covariance, error: float
    ) -> float:
        """`noise_misfit` of the k-th alignment."""
        shift = float(at.shift[k])
        shape = shape_of(self.broadener, row, float(at.variance[k]), float(at.gamma[k]))
        window = window_at(self.grid, curve, shift)
        query = curve.at(self.grid.energy_ev[window] + shift)[None]
        inside = np.ones(query.shape, np.bool_)
        scale = float(spread_ratio(query, shape.value[None, window], inside)[0])
        noise = curve.noise**2 * curve.correlation
        return noise_misfit(shape, window, covariance, noise, scale * error)


def _likelihood(curve: Curve, coverage: Coverage, fitted: list[Fitted]) -> Array:
    """Log-likelihoods (k,) over that of unrelated data."""
    unrelated = coverage.n * curve.unrelated_log_density
    return np.array([
        f.log_evidence - unrelated - (UPSIDE_DOWN if f.scale <= 0.0 else 0.0) for f in fitted
    ])  # fmt: skip
