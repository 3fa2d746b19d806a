"""Slater integrals and two-centre repulsion of tabulated radial functions."""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np

from compute.errors import ConvergenceError, InputError
from compute.expsum.coulomb import one_center, two_center
from compute.expsum.direct import direct_slater_integral
from compute.expsum.fit import ExponentialSum, fit_radial
from compute.expsum.interpolation import Array, RadialInterpolant, checked_grid

_GOAL = 3e-14  # asked of a fit, relative to the density's largest value
_TRUSTED = 1e-9  # worse is told, and Slater integrals are then integrated directly
_ACCEPTED = 1e-6  # worse than this is refused: the function is not a sum of decaying exponentials


def slater_integral(
    k: int,
    r: Array,
    p1: Array,
    p2: Array,
    p3: Array,
    p4: Array,
    *,
    method: Literal["expsum", "direct"] = "expsum",
) -> float:
    """R^k(12;34) = int int p1 p3 (r<^k/r>^(k+1)) p2 p4, electron one in p1 and p3, hartree.

    Parameters
    ----------
    k : int
        Multipole, at least 0.
    r : float64 (n,)
        Any strictly increasing grid from zero or above, bohr.
    p1, p2, p3, p4 : float64 (n,)
        Radial functions P = r R, bohr^-1/2. Beyond the last point "expsum" lets them go on
        falling exponentially.
    method : {"expsum", "direct"}
        Bessel transforms of exponential sums of p1 p3 and p2 p4, or cumulative integration of
        local interpolants (zero beyond the last point). Both hold 1e-10 on smooth grids that
        resolve the functions; which is faster depends on grid and function (docs/expsum.md).

    Raises
    ------
    InputError
        What is wrong with which argument.
    ConvergenceError
        A density that no exponential sum fits to 1e-6 of its largest value ("expsum").

    A fit worse than 1e-9 is told by a `RuntimeWarning`, and "direct" takes over.
    """
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 0:
        raise InputError("k", k, "must be an integer of at least 0")
    r, p = checked_grid(r, {"p1": p1, "p2": p2, "p3": p3, "p4": p4})
    if method == "direct":
        return direct_slater_integral(int(k), r, p["p1"], p["p2"], p["p3"], p["p4"])
    if method != "expsum":
        raise InputError("method", method, 'must be "expsum" or "direct"')
    grid = RadialInterpolant(r)
    one = _fitted(grid, [p["p1"], p["p3"]])
    same = _same_pair((p["p1"], p["p3"]), (p["p2"], p["p4"]))
    two = one if same else _fitted(grid, [p["p2"], p["p4"]])
    worst = max(_relative(one, grid, [p["p1"], p["p3"]]), _relative(two, grid, [p["p2"], p["p4"]]))
    if worst > _TRUSTED:
        warnings.warn(
            f"exponential sums fit to {worst:.1e} only; integrated directly instead",
            RuntimeWarning,
            stacklevel=2,
        )
        return direct_slater_integral(int(k), r, p["p1"], p["p2"], p["p3"], p["p4"])
    return one_center(int(k), one, two)


def two_center_integral(r: Array, density_a: Array, density_b: Array, distance: float) -> float:
    """Coulomb repulsion of two spherical densities on different centres, hartree.

    Parameters
    ----------
    r : float64 (n,)
        Any strictly increasing grid from zero or above, bohr.
    density_a, density_b : float64 (n,)
        Radial densities (P^2 for an orbital): the integral over r is the charge.
    distance : float
        Between the centres, bohr; 0 gives the one-centre R^0.

    Raises
    ------
    InputError, ConvergenceError
        As in :func:`slater_integral`.
    """
    if not np.isfinite(distance) or distance < 0.0:
        raise InputError("distance", distance, "must be finite and at least 0")
    r, densities = checked_grid(r, {"density_a": density_a, "density_b": density_b})
    grid = RadialInterpolant(r)
    a = _fitted(grid, [densities["density_a"]])
    same = np.array_equal(densities["density_a"], densities["density_b"])
    b = a if same else _fitted(grid, [densities["density_b"]])
    worst = max(
        _relative(fit, grid, [densities[name]])
        for name, fit in (("density_a", a), ("density_b", b))
    )
    if worst > _TRUSTED:
        warnings.warn(
            f"exponential sums fit to {worst:.1e} only; the repulsion is no better",
            RuntimeWarning,
            stacklevel=2,
        )
    return two_center(a, b, float(distance))


def _fitted(grid: RadialInterpolant, factors: list[Array]) -> ExponentialSum:
    fit = fit_radial(grid, factors, _GOAL)
    error = _relative(fit, grid, factors)
    if error > _ACCEPTED:
        raise ConvergenceError("exponential sum of a density", error, _ACCEPTED)
    return fit


def _relative(fit: ExponentialSum, grid: RadialInterpolant, factors: list[Array]) -> float:
    """Error of a fit over the density's largest value."""
    size = float(np.abs(np.prod([grid.on_grid(f) for f in factors], axis=0)).max())
    return fit.max_error / size if size > 0.0 else 0.0


def _same_pair(one: tuple[Array, Array], two: tuple[Array, Array]) -> bool:
    return any(
        np.array_equal(one[0], pair[0]) and np.array_equal(one[1], pair[1])
        for pair in (two, two[::-1])
    )
