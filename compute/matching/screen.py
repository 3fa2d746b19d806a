"""Exhaustive search of a library over shift and broadening by matrix products.

For a row y broadened by B and a query q moved by s onto the window of n energies that both cover,
least squares with free scale and straight background leaves of the query's own |P q|²

    R = |P q|² - <P q, B y>² / |P B y|²

P projecting the background out of the window. Rows are ranked by

    n ln[(|P q|² + phi) / (R + phi)]

the logarithm of the likelihood ratio with a bare straight line when the size of the errors is
unknown, which phi keeps from being smaller than what no alignment on a grid can reach. Both sums
of squares are needed: what a row explains, |P q|² - R, alone would favour the shifts at which the
window happens to hold most of the query's variation, as where a step comes to stand in its middle.

First all rows: the numerator for every row, shift and width is one matrix product, because
<P q, B y> = <B P q, y>: the query is broadened, never the library. Norms of rows in windows come
from running sums, times a stored ratio for each width, right to some per cent where the window is
not the whole grid. The best `COARSE` rows then are broadened themselves, so that norms are exact,
and by Lorentzians too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from compute.errors import InputError
from compute.jit import njit
from compute.matching.grid import MIN_POINTS, Array, ComparisonGrid, Curve
from compute.matching.shapes import Broadener
from compute.matching.threads import in_parallel

Floats = NDArray[np.float32]

# Gaussian sigma of the first pass, and sigma with Lorentzian HWHM of the second, eV: what separates
# one beamline or analyser from another, in steps about as wide as the peaks they are added to.
# Steps of width and shift are conventions; what they leave, the Gauss-Newton steps after them find.
WIDTHS_EV = (0.0, 0.4, 0.8, 1.4)
BROADENINGS_EV = (
    (0.0, 0.0), (0.4, 0.0), (0.8, 0.0), (1.4, 0.0), (0.0, 0.3), (0.5, 0.3), (0.4, 0.6), (0.9, 0.6),
)  # fmt: skip
# Rows that the second pass sees, some 40 CPU ms. The first put the right row among the best 806 of
# 150,000 in the sets on which this was chosen (flavours "plain" and "anywhere" of
# ``tests.benchmarks.step_sets``, 60 queries each at 40 and 30 dB).
COARSE = 4096
_CHUNK_ROWS = 2048  # with its product, some MB: what a core's cache holds
_FINE_CHUNK_ROWS = 512
# phi, of the largest |P q|²: what half a step of shift leaves of a peak about as wide as a step of
# width, and about the noise of 30 dB.
_FLOOR = np.float32(1e-3)
_SHIFT_STEP = 1.25  # in sigma of the grid; what is left, refinement finds
_MIN_WINDOW_SHARE = 0.5  # of the longest window over the shifts tried; convention
_MAX_WINDOWS = 12  # bounds the time for norms to about that of the products


@dataclass(frozen=True)
class Bank:
    """A query prepared for the product with every row.

    Attributes
    ----------
    matrices : list of float64 (size, size)
        B for each width.
    queries : float64 (shifts, size)
        P q / max|P q|.
    bare : float32 (size, shifts)
        The same.
    shift_ev : float64 (shifts,)
    own : float32 (shifts,)
        |P q|² over that of the largest.
    window : int64 (shifts,)
        Which window each shift uses.
    low, high : int64 (windows,)
        First and one past last column of each window.
    """

    matrices: list[Array]
    queries: Array
    bare: Floats
    shift_ev: Array
    own: Floats
    window: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]

    @cached_property
    def vectors(self) -> Floats:
        """float32 (size, shifts * widths), B P q / max|P q|, widths running fastest."""
        found = np.stack([m @ self.queries.T for m in self.matrices], axis=2)
        return np.ascontiguousarray(found.reshape(self.queries.shape[1], -1), np.float32)


@dataclass(frozen=True)
class Shortlist:
    """Best rows, best first.

    Row, n ln[…] over the grid's size, shift (eV), extra sigma and gamma (eV) of each.
    """

    row: NDArray[np.int64]
    gain: Floats
    shift_ev: Array
    sigma_ev: Array
    gamma_ev: Array


class Screen:
    """The exhaustive first pass over rows (m, size) whose |P y|² over the whole grid is size."""

    def __init__(self, grid: ComparisonGrid, broadener: Broadener) -> None:
        self.grid = grid
        self.sigma_ev = np.array([w for w in WIDTHS_EV if w == 0.0 or w > 0.7 * grid.sigma_ev])
        self._matrices = [broadener.matrix(w) for w in self.sigma_ev]
        self._fine = [
            (sigma, gamma, broadener.matrix(sigma, gamma).astype(np.float32))
            for sigma, gamma in BROADENINGS_EV
            if sigma == 0.0 or sigma > 0.7 * grid.sigma_ev
        ]

    def width_ratios(self, rows: Floats) -> Floats:
        """|P B y|² / |P y|² for each row and width, (m, widths)."""
        n = self.grid.size
        everywhere = np.ones(n, np.bool_)
        ratios = np.empty((rows.shape[0], self.sigma_ev.size), np.float32)
        for part in _slices(rows.shape[0], _CHUNK_ROWS):
            norms = []
            for matrix in self._matrices:
                broad = without_line(rows[part] @ matrix.astype(np.float32), everywhere)
                norms.append(np.sum(broad**2, axis=1))
            ratios[part] = np.stack(norms, axis=1) / norms[0][:, None]
        return ratios

    def bank(self, curve: Curve, max_shift_ev: float) -> Bank:
        """Every shifted and broadened version of the query.

        Raises
        ------
        InputError
            If at no allowed shift the query and the library share enough energies.
        """
        grid = self.grid
        half = int(np.ceil(max_shift_ev / (_SHIFT_STEP * grid.sigma_ev)))
        shifts = max_shift_ev * np.arange(-half, half + 1) / max(half, 1)
        low, high = _windows(grid, curve, shifts)
        length = high - low
        least = max(MIN_POINTS, int(_MIN_WINDOW_SHARE * max(length.max(), 1)))
        use = length >= least
        if not use.any():
            raise InputError(
                "energy_ev",
                (curve.low_ev, curve.high_ev),
                f"does not overlap the library's {grid.start_ev:g} to {grid.stop_ev:g} eV "
                f"within a shift of {max_shift_ev:g} eV",
            )
        shifts, low, high = shifts[use], low[use], high[use]
        low, high = _few_windows(low, high)
        edges, window = np.unique(np.stack([low, high], axis=1), axis=0, return_inverse=True)
        columns = np.arange(grid.size)
        inside = (columns >= low[:, None]) & (columns < high[:, None])
        queries = without_line(curve.at(grid.energy_ev + shifts[:, None]), inside)
        largest = float(np.linalg.norm(queries, axis=1).max())
        if largest <= 1e-9 * np.sqrt(grid.size) * curve.height:
            raise InputError("intensity", largest, "is a straight line where the library has data")
        queries = queries / largest
        own = np.sum(queries**2, axis=1)
        return Bank(
            self._matrices,
            queries,
            np.ascontiguousarray(queries.T, np.float32),
            shifts,
            own.astype(np.float32),
            window.ravel(),
            np.ascontiguousarray(edges[:, 0]),
            np.ascontiguousarray(edges[:, 1]),
        )

    def search(
        self,
        rows: Floats,
        ratios: Floats,
        bank: Bank,
        top: int,
        among: NDArray[np.int64] | None = None,
        broadened: Floats | None = None,
    ) -> Shortlist:
        """The ``top`` rows of ``rows`` (m, size), or of some of them, that explain most.

        ``broadened`` is what `broadened` says of the rows, where that is known.
        """
        chosen = np.arange(rows.shape[0]) if among is None else among
        if chosen.size > max(COARSE, top):
            gain = self._coarsely(rows, ratios, bank, among)
            chosen = chosen[_largest(gain, max(COARSE, top))]
        return self._finely(rows, bank, chosen, min(top, chosen.size), broadened)

    def broadened(self, rows: Floats) -> Floats:
        """Rows (m, size) in every broadening of the second pass, float32 (broadenings, m, size)."""
        return np.stack([rows @ matrix for _, _, matrix in self._fine])

    def _coarsely(
        self, rows: Floats, ratios: Floats, bank: Bank, among: NDArray[np.int64] | None
    ) -> Floats:
        """What is gained by each of the rows, nearly, (m,)."""
        m = rows.shape[0] if among is None else among.size
        gain = np.empty(m, np.float32)
        place = np.empty(m, np.int32)

        def run(part: slice) -> None:
            some = part if among is None else among[part]
            chunk = rows[some]
            _gains(
                chunk @ bank.vectors, chunk, ratios[some], bank.own, bank.window, bank.low,
                bank.high, gain[part], place[part],
            )  # fmt: skip

        in_parallel(run, _slices(m, _CHUNK_ROWS))
        return gain

    def _finely(
        self,
        rows: Floats,
        bank: Bank,
        chosen: NDArray[np.int64],
        top: int,
        broadened: Floats | None,
    ) -> Shortlist:
        """The ``top`` of the chosen rows with exact norms."""
        gain = np.empty((len(self._fine), chosen.size), np.float32)
        place = np.empty((len(self._fine), chosen.size), np.int32)

        def run(part: slice) -> None:
            some = chosen[part]
            ones = np.ones((some.size, 1), np.float32)
            for k, (_, _, matrix) in enumerate(self._fine):
                broad = rows[some] @ matrix if broadened is None else broadened[k, some]
                _gains(
                    broad @ bank.bare, broad, ones, bank.own, bank.window, bank.low, bank.high,
                    gain[k, part], place[k, part],
                )  # fmt: skip

        in_parallel(run, _slices(chosen.size, _FINE_CHUNK_ROWS))
        broadening = np.argmax(gain, axis=0)
        most = np.max(gain, axis=0)
        best = _largest(most, top)
        best = best[np.argsort(-most[best], kind="stable")]
        broadening = broadening[best]
        sigma, gamma = (np.array([one[k] for one in self._fine]) for k in (0, 1))
        return Shortlist(
            chosen[best],
            most[best],
            bank.shift_ev[place[broadening, best]],
            sigma[broadening],
            gamma[broadening],
        )


def _largest(values: Floats, count: int) -> NDArray[np.intp]:
    """Where the ``count`` largest of (m,) are, in no order."""
    result: NDArray[np.intp] = np.argpartition(values, values.size - count)[values.size - count :]
    return result


def without_line(rows: NDArray[np.floating], inside: NDArray[np.bool_]) -> Array:
    """Rows (k, n) less their straight line by least squares inside a mask, zero outside it.

    The mask is (n,) or (k, n).
    """
    mask = np.broadcast_to(inside, rows.shape).astype(rows.dtype)
    count = mask.sum(axis=1, keepdims=True)
    x = mask * np.arange(rows.shape[1], dtype=rows.dtype)
    x = mask * (x - x.sum(axis=1, keepdims=True) / count)
    flat = mask * (rows - (mask * rows).sum(axis=1, keepdims=True) / count)
    slope = (flat * x).sum(axis=1, keepdims=True) / (x * x).sum(axis=1, keepdims=True)
    result: Array = flat - slope * x
    return result


def _windows(
    grid: ComparisonGrid, curve: Curve, shifts: Array
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and one past last column that the query covers at each shift."""
    covered = curve.covers(grid.energy_ev + shifts[:, None])
    low = np.argmax(covered, axis=1).astype(np.int64)
    return low, low + covered.sum(axis=1)


def _few_windows(
    low: NDArray[np.int64], high: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Windows drawn in a little, until at most about ``_MAX_WINDOWS`` are different."""
    travel = max(np.ptp(low), np.ptp(high))
    unit = int(-(-travel // _MAX_WINDOWS)) or 1
    top = high.max()
    narrowed_low = low.min() + -(-(low - low.min()) // unit) * unit
    narrowed_high = top - -(-(top - high) // unit) * unit
    keep = narrowed_high - narrowed_low >= MIN_POINTS
    return np.where(keep, narrowed_low, low), np.where(keep, narrowed_high, high)


def _slices(count: int, size: int) -> Iterator[slice]:
    return (slice(k, min(k + size, count)) for k in range(0, count, size))


@njit(cache=True, nogil=True, fastmath=True)
def _gains(
    product: Floats,
    rows: Floats,
    ratios: Floats,
    own: Floats,
    window: NDArray[np.int64],
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    gain: Floats,
    place: NDArray[np.int32],
) -> None:
    """Largest n ln[…] / size of each row over shifts and widths.

    Parameters
    ----------
    product : float32 (r, shifts * widths)
        <P q, B y>.
    rows : float32 (r, size)
    ratios : float32 (r, widths)
    own : float32 (shifts,)
    window : int64 (shifts,)
    low, high : int64 (windows,)
    gain : float32 (r,), place : int32 (r,)
        Changed in place; ``place`` is a column of ``product``.
    """
    n_windows = low.size
    n_widths = ratios.shape[1]
    size = rows.shape[1]
    inverse = np.empty((n_windows, n_widths), np.float32)
    totals = np.zeros(size + 1, np.float32)
    moments = np.zeros(size + 1, np.float32)
    squares = np.zeros(size + 1, np.float32)
    ratio = np.empty(n_windows, np.float32)
    column = np.empty(n_windows, np.int32)
    for i in range(product.shape[0]):
        for k in range(size):
            y = rows[i, k]
            totals[k + 1] = totals[k] + y
            moments[k + 1] = moments[k] + y * np.float32(k)
            squares[k + 1] = squares[k] + y * y
        for j in range(n_windows):
            n = high[j] - low[j]
            middle = np.float32(0.5 * (low[j] + high[j] - 1))
            total = totals[high[j]] - totals[low[j]]
            moment = moments[high[j]] - moments[low[j]] - middle * total
            square = squares[high[j]] - squares[low[j]]
            spread = np.float32(n * (n * n - 1.0) / 12.0)
            norm = square - total * total / np.float32(n) - moment * moment / spread
            # A row that is nearly a line here could be scaled up to explain anything.
            norm = max(norm, np.float32(0.02) * np.float32(size))
            for k in range(n_widths):
                inverse[j, k] = np.float32(1.0) / (norm * ratios[i, k])
            ratio[j] = np.float32(0.0)
        for s in range(window.size):
            j = window[s]
            most = np.float32(-1.0)
            at = 0
            for k in range(n_widths):
                p = product[i, s * n_widths + k]
                explained = p * abs(p) * inverse[j, k]
                if explained > most:
                    most = explained
                    at = k
            left = max(own[s] - most, np.float32(0.0))
            value = (own[s] + _FLOOR) / (left + _FLOOR)
            if value > ratio[j]:
                ratio[j] = value
                column[j] = s * n_widths + at
        top = np.float32(-1e30)
        for j in range(n_windows):
            value = np.float32((high[j] - low[j]) / size) * np.log(ratio[j])
            if ratio[j] > 0.0 and value > top:
                top = value
                place[i] = column[j]
        gain[i] = top
