"""The rows of a library on its comparison grid: built, changed, saved and loaded."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compute.errors import InputError
from compute.matching.grid import Array, ComparisonGrid, checked_curve, onto_grid, smooth
from compute.matching.screen import Floats, Screen, without_line

# Sizes of the work at hand: some 10 MB a chunk, and the longest grid smoothed by one matrix.
_CHUNK_ROWS = 4096
_MATRIX_POINTS = 3000
# What is known of rows before looking.
EXPECTED = ("shift_err_ev", "weight", "error", "group", "substance")


@dataclass
class Rows:
    """Library rows.

    Attributes
    ----------
    values : float32 (m, size)
        On the comparison grid, smallest value 0, root mean square over the straight line 1.
    height : float64 (m,)
        What a row was divided by, in the units given.
    ratios : float32 (m, widths)
        See `Screen.width_ratios`.
    shift_err_ev : float64 (m,)
        How far a row's own energies may be off, beyond what the alignment prior says of all.
    weight : float64 (m,)
        Prior weight of a row against the others.
    error : float64 (m,)
        A row's expected error over that of the library's discrepancy.
    group : int64 (m,)
        What a row is of, at the level above substances (a valence).
    broadened : float32 (broadenings, m, size) or None
        `Screen.broadened` of the rows, kept where many queries are asked.
    substance : int64 (m,)
        Label of a row's substance: the same where it was computed more than once; −1 where a row
        is a substance by itself.
    """

    values: Floats
    height: Array
    ratios: Floats
    shift_err_ev: Array = field(init=False)
    weight: Array = field(init=False)
    error: Array = field(init=False)
    group: NDArray[np.int64] = field(init=False)
    substance: NDArray[np.int64] = field(init=False)
    broadened: Floats | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.shift_err_ev, self.weight = np.zeros(len(self)), np.ones(len(self))
        self.error, self.group = np.ones(len(self)), np.zeros(len(self), np.int64)
        self.substance = np.full(len(self), -1, np.int64)

    def __len__(self) -> int:
        return int(self.values.shape[0])

    def same_as(self, row: int) -> NDArray[np.int64]:
        """Rows of the same substance as one of them, itself among them."""
        label = self.substance[row]
        return np.array([row]) if label < 0 else np.flatnonzero(self.substance == label)


def rows_from_matrix(
    energy_ev: Array, intensities: NDArray[np.floating], grid: ComparisonGrid, screen: Screen
) -> Rows:
    """Rows from intensities (m, n) on one grid (n,).

    Raises
    ------
    InputError
        Naming the row that holds NaN or is constant.
    """
    m = intensities.shape[0]
    values = np.empty((m, grid.size), np.float32)
    height = np.empty(m)
    matrix = None
    if energy_ev.size <= _MATRIX_POINTS:
        matrix = smooth(energy_ev, np.eye(energy_ev.size), grid.energy_ev, grid.sigma_ev).T
    for first in range(0, m, _CHUNK_ROWS):
        part = slice(first, min(first + _CHUNK_ROWS, m))
        raw = np.asarray(intensities[part], np.float64)
        finite = np.isfinite(raw).all(axis=1)
        if not finite.all():
            k = first + int(np.argmin(finite))
            raise InputError(f"intensities[{k}]", float("nan"), "holds NaN or infinity")
        smoothed = raw @ matrix if matrix is not None else onto_grid(energy_ev, raw, grid)
        values[part], height[part] = _standardised(smoothed, first)
    return Rows(values, height, screen.width_ratios(values))


def rows_from_curves(
    curves: Iterable[tuple[ArrayLike, ArrayLike]], grid: ComparisonGrid, screen: Screen
) -> Rows:
    """Rows from curves that each have a grid of their own."""
    smoothed = []
    for k, (energy, intensity) in enumerate(curves):
        e, v = checked_curve(energy, intensity, name=f"spectra[{k}].")
        shared = min(e[-1], grid.stop_ev) - max(e[0], grid.start_ev)
        if shared < 0.5 * (grid.stop_ev - grid.start_ev):
            raise InputError(
                f"spectra[{k}].energy_ev", (float(e[0]), float(e[-1])),
                f"covers less than half of the library's {grid.start_ev:g} to "
                f"{grid.stop_ev:g} eV",
            )  # fmt: skip
        smoothed.append(smooth(e, v, grid.energy_ev, grid.sigma_ev))
    values, height = _standardised(np.array(smoothed).reshape(-1, grid.size), 0)
    floats = values.astype(np.float32)
    return Rows(floats, height, screen.width_ratios(floats))


def common_grid(
    curves: Sequence[tuple[ArrayLike, ArrayLike]], range_ev: tuple[float, float] | None
) -> ComparisonGrid:
    """A comparison grid over a range, or over all that at least half of the curves cover."""
    checked = [checked_curve(e, v, name=f"spectra[{k}].")[0] for k, (e, v) in enumerate(curves)]
    low = float(np.median([e[0] for e in checked]))
    high = float(np.median([e[-1] for e in checked]))
    if range_ev is not None:
        low, high = range_ev
    if not low < high:
        raise InputError("range_ev", (low, high), "is not a range in which the spectra meet")
    inside = [np.diff(e[(e >= low) & (e <= high)]) for e in checked]
    spacing = float(
        np.median([float(np.median(d)) for d in inside if d.size] or [(high - low) / 100])
    )
    return ComparisonGrid.covering(np.arange(low, high + 0.5 * spacing, spacing))


def library_matrix(
    energy_ev: ArrayLike, intensities: ArrayLike
) -> tuple[Array, NDArray[np.floating]]:
    """Grid (n,) and intensities (m, n) fit for use, in ascending energy; no copy if they are."""
    energy = np.asarray(energy_ev, np.float64)
    rows = np.asarray(intensities)
    if rows.ndim != 2 or rows.dtype.kind not in "fiu":
        raise InputError("intensities", rows.shape, "must be numbers (m, n), a spectrum each row")
    if rows.shape[0] == 0:
        raise InputError("intensities", rows.shape, "the library is empty")
    if energy.shape != (rows.shape[1],):
        raise InputError("energy_ev", energy.shape, f"must be ({rows.shape[1]},)")
    # The ramp stands in for an intensity: only the energies are judged.
    if not (np.isfinite(energy).all() and (np.diff(energy) > 0).all()):
        order = np.argsort(energy, kind="stable")
        checked_curve(energy, np.arange(energy.size, dtype=np.float64))
        energy, rows = energy[order], rows[:, order]
        if not (np.diff(energy) > 0).all():
            k = int(np.argmin(np.diff(energy)))
            raise InputError(f"energy_ev[{k}]", float(energy[k]), "appears twice")
    checked_curve(energy, np.arange(energy.size, dtype=np.float64))
    return energy, rows


def checked_ids(ids: Iterable[Hashable], count: int) -> list[Hashable]:
    """Ids as a list, all different, one for each row."""
    listed = [i.item() if isinstance(i, np.generic) else i for i in ids]
    if len(listed) != count:
        raise InputError("ids", len(listed), f"must be one for each of {count} spectra")
    if len(set(listed)) != count:
        seen: set[Hashable] = set()
        twice = next(i for i in listed if i in seen or seen.add(i))  # type: ignore[func-returns-value]
        raise InputError("ids", twice, "appears twice")
    return listed


def _standardised(smoothed: Array, first_row: int) -> tuple[Array, Array]:
    """Rows with smallest value 0 and unit root mean square over their line, and the divisor."""
    lowest = smoothed.min(axis=1, keepdims=True)
    flat = without_line(smoothed - lowest, np.ones(smoothed.shape[1], np.bool_))
    height = np.sqrt(np.mean(flat**2, axis=1))
    straight = height <= 1e-9 * np.maximum(np.abs(smoothed).max(axis=1), 1e-300)
    if straight.any():
        k = int(np.argmax(straight))
        raise InputError(
            f"intensities[{first_row + k}]", float(smoothed[k, 0]), "is constant or a line"
        )
    return (smoothed - lowest) / height[:, None], height


def take_rows(rows: Rows, keep: Sequence[int] | NDArray[np.int64]) -> Rows:
    """Some of the rows."""
    where = np.asarray(keep, np.intp)
    taken = Rows(rows.values[where], rows.height[where], rows.ratios[where])
    for name in EXPECTED:
        setattr(taken, name, getattr(rows, name)[where])
    return taken


def join_rows(first: Rows, second: Rows) -> Rows:
    """Rows of both."""
    joined = Rows(
        np.concatenate([first.values, second.values]),
        np.concatenate([first.height, second.height]),
        np.concatenate([first.ratios, second.ratios]),
    )
    for name in EXPECTED:
        setattr(joined, name, np.concatenate([getattr(first, name), getattr(second, name)]))
    return joined
