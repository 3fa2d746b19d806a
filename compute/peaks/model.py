"""The model of a spectrum: peaks, edge and background as one separable least-squares problem.

Linear coefficients (areas, background, step height) are solved for at every set of non-linear
parameters (positions, widths, edge, instrument width): variable projection, Golub & Pereyra,
SIAM J. Numer. Anal. 10 (1973) 413.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from compute.peaks.background import (
    BACKGROUND_TERMS,
    SHAPES,
    Wing,
    flank,
    flank_slopes,
)
from compute.peaks.lineshapes import (
    Floats,
    absorptive,
    arctan_edge,
    dispersive,
    erf_edge,
    fill_lorentz,
    fill_voigt,
)
from compute.peaks.nonnegative import nonnegative_solve

EVALUATION_COST = 4e6  # of a fit of no size, in multiplications
VOIGT_COST = 150.0  # of one value of a Voigt profile, in multiplications
MAX_HWHM = 0.5  # of the range: a peak that is wider is background
EDGE_KINDS = ("arctan", "broadened arctan", "erf")


@dataclass(frozen=True)
class Options:
    """What the model consists of besides its peaks.

    Attributes
    ----------
    sigma : float
        Standard deviation of the instrument's Gaussian, eV; ignored when ``fit_sigma``.
    fit_sigma, phase : bool
        Whether the Gaussian is fitted; whether each peak has a phase.
    background : str
        A key of ``BACKGROUND_TERMS``.
    edge : str | None
        One of ``EDGE_KINDS``, or None.
    splitting : float
        Distance of a second step of half the height, eV (L2 after L3); 0 for a single one.
    noise_floor : float
        Residual that need not be explained, relative to the highest point.
    independent : float
        Share of the points that count where neighbours have noise in common; 1 for white noise.
    """

    sigma: float = 0.0
    fit_sigma: bool = False
    phase: bool = False
    background: str = "none"
    edge: str | None = None
    splitting: float = 0.0
    noise_floor: float = 0.0
    independent: float = 1.0

    @property
    def per_peak(self) -> int:
        """Parameters that one more peak costs."""
        return 4 if self.phase else 3

    @property
    def shared(self) -> int:
        """Parameters that are not a peak's."""
        edge = 3 if self.edge else 0
        background = BACKGROUND_TERMS[self.background] + SHAPES[self.background]
        return edge + background + int(self.fit_sigma)


@dataclass(frozen=True)
class Parameters:
    """Non-linear parameters: positions and widths (j,) in eV, edge (position, width), σ, the
    exponent of a power law, the edge beyond the range (None: beyond its higher end)."""

    position: Floats
    hwhm: Floats
    edge: tuple[float, float] = (0.0, 1.0)
    sigma: float = 0.0
    exponent: float = 3.0
    wing: Wing | None = None

    def take(self, index: NDArray[np.intp] | NDArray[np.bool_]) -> Parameters:
        """The same with these peaks only."""
        return replace(self, position=self.position[index], hwhm=self.hwhm[index])

    def add(self, position: float, hwhm: float) -> Parameters:
        """The same with one more peak."""
        return replace(
            self, position=np.append(self.position, position), hwhm=np.append(self.hwhm, hwhm)
        )


@dataclass(frozen=True)
class Fit:
    """A model evaluated at its best linear coefficients.

    Attributes
    ----------
    parameters : Parameters
    coefficients : float64 (l,)
        Areas (with a phase: A cosφ of all peaks, then A sinφ), background, step height.
    rows : float64 (l + k, n)
        Linear basis functions, then the derivatives by ``(position…, ln hwhm…, edge position,
        ln edge width, ln σ, exponent or those of a flank)``, coefficients included.
    residual : float64 (n,)
    rss : float
    """

    parameters: Parameters
    coefficients: Floats
    rows: Floats
    residual: Floats
    rss: float
    gram: Floats

    @property
    def n_peaks(self) -> int:
        return self.parameters.position.size


class Budget:
    """Work that may be done, in multiplications: the same on any machine.

    Attributes
    ----------
    ran_out : bool
        Whether somebody asked for more than there was.
    """

    def __init__(self) -> None:
        self.spent, self._limit, self.ran_out = 0.0, math.inf, False

    def grant(self, work: float) -> None:
        """Allow so much from now on."""
        self._limit = self.spent + work

    def spend(self, work: float) -> None:
        """Note work done."""
        self.spent += work

    @property
    def exhausted(self) -> bool:
        """Asked between steps: who finds it True makes do with what there is."""
        out = self.spent >= self._limit
        self.ran_out |= out
        return out


class Problem:
    """One spectrum and one set of options: evaluates fits.

    Parameters
    ----------
    energy, intensity : float64 (n,)
        eV, ascending; any unit.
    options : Options
    budget : Budget, optional
        Shared by all that works on one spectrum; none is no limit.
    """

    def __init__(
        self, energy: Floats, intensity: Floats, options: Options, budget: Budget | None = None
    ) -> None:
        self.budget = budget or Budget()
        self.energy, self.intensity, self.options = energy, intensity, options
        self.low, self.high = float(energy[0]), float(energy[-1])
        self.span = self.high - self.low
        self.step = self.span / (energy.size - 1)
        self.square = float(intensity @ intensity)
        self.min_hwhm, self.max_hwhm = 0.1 * self.step, MAX_HWHM * self.span

    @property
    def n_independent(self) -> float:
        """How many points of white noise tell as much."""
        return self.options.independent * self.energy.size

    def with_options(self, options: Options) -> Problem:
        """The same spectrum under other options."""
        return Problem(self.energy, self.intensity, options, self.budget)

    # layout of the rows ---------------------------------------------------------------
    def n_linear(self, n_peaks: int) -> int:
        o = self.options
        return n_peaks * (1 + o.phase) + BACKGROUND_TERMS[o.background] + bool(o.edge)

    def n_nonlinear(self, n_peaks: int) -> int:
        o = self.options
        return 2 * n_peaks + 2 * bool(o.edge) + o.fit_sigma + SHAPES[o.background]

    def background_rows(self, p: Parameters) -> Floats:
        """Basis of the background, (terms, n)."""
        kind = self.options.background
        if kind == "power":
            return ((self.energy / self.low) ** -p.exponent)[None]
        if kind == "flank":
            return np.stack([np.ones_like(self.energy), flank(self.energy, self.wing(p))])
        return self._line[: BACKGROUND_TERMS[kind]]

    @cached_property
    def _line(self) -> Floats:
        t = (2.0 * self.energy - self.low - self.high) / self.span
        return np.stack([np.ones_like(t), t])

    def wing(self, p: Parameters) -> Wing:
        """The edge beyond the range: that of ``p``, or one beyond the higher end of the data."""
        if p.wing is not None:
            return p.wing
        rising = self.intensity[-1] >= self.intensity[0]
        return Wing(self.high + 0.2 * self.span if rising else self.low - 0.2 * self.span)

    def edge_row(self, position: float, width: float, sigma: float) -> Floats:
        """Step of unit height, or two that make up one, (n,)."""
        kind = self.options.edge
        row = np.zeros_like(self.energy)
        for later, share in self._steps():
            if kind == "erf":
                one = erf_edge(self.energy, position + later, width)
            else:
                s = sigma if kind != "arctan" else 0.0
                one = arctan_edge(self.energy, position + later, width, s)
            row += share * one
        return row

    def _steps(self) -> tuple[tuple[float, float], ...]:
        """Distance from the edge and share of its height of every step: statistically 2:1."""
        later = self.options.splitting
        return ((0.0, 2.0 / 3.0), (later, 1.0 / 3.0)) if later else ((0.0, 1.0),)

    # evaluation -----------------------------------------------------------------------
    def evaluate(self, p: Parameters, *, exact: bool = False) -> Fit:
        """Solve for the linear coefficients and form the derivatives.

        Areas and the step height are kept non-negative unless peaks have phases.
        ``exact`` solves by QR, to full precision, instead of by normal equations.
        """
        o, e = self.options, self.energy
        j, n = p.position.size, e.size
        n_lin, n_non = self.n_linear(j), self.n_nonlinear(j)
        rows = np.empty((n_lin + n_non, n))
        peaks = j * (1 + o.phase)
        re = rows[:j]
        im = rows[j : 2 * j] if o.phase else np.empty((j, n))
        slope_re, slope_im = rows[n_lin : n_lin + j], rows[n_lin + j : n_lin + 2 * j]
        sigma = p.sigma if o.fit_sigma else o.sigma
        if sigma > 0.0:
            fill_voigt(e, p.position, p.hwhm, sigma, re, im, slope_re, slope_im)
        else:
            fill_lorentz(e, p.position, p.hwhm, re, im, slope_re, slope_im)
        if o.phase:
            im *= -1.0
        at = peaks
        background = self.background_rows(p)
        rows[at : at + len(background)] = background
        at += len(background)
        if o.edge:
            rows[at] = self.edge_row(*p.edge, sigma)

        per_point = len(rows) * (len(rows) + 20) + VOIGT_COST * j * (sigma > 0.0)
        self.budget.spend(EVALUATION_COST + e.size * per_point)
        basis = rows[:n_lin]
        c = self._solve(basis, peaks, exact)
        residual = self.intensity - c @ basis

        self._scale_derivatives(rows, p, c, sigma)
        return Fit(p, c, rows, residual, float(residual @ residual), rows @ rows.T)

    def _solve(self, basis: Floats, peaks: int, exact: bool) -> Floats:
        """Coefficients of the linear basis, (l,)."""
        if not len(basis):
            return np.zeros(0)
        free = np.zeros(len(basis), dtype=bool)
        if self.options.phase:
            free[:] = True
        else:
            flat = BACKGROUND_TERMS[self.options.background] - (self.options.background == "flank")
            free[peaks : peaks + flat] = True
        gram = basis @ basis.T
        c = nonnegative_solve(gram, basis @ self.intensity, free)
        if exact:
            used = free | (c > 0.0)
            norms = np.sqrt(np.diag(gram)[used])
            best = np.linalg.lstsq((basis[used] / norms[:, None]).T, self.intensity, rcond=1e-15)
            c = np.zeros_like(c)
            c[used] = best[0] / norms
        return np.asarray(c)

    def _scale_derivatives(self, rows: Floats, p: Parameters, c: Floats, sigma: float) -> None:
        """Turn slopes F' into derivatives of the model, in place."""
        o = self.options
        j, n_lin = p.position.size, self.n_linear(p.position.size)
        slope_re, slope_im = rows[n_lin : n_lin + j], rows[n_lin + j : n_lin + 2 * j]
        a = c[:j, None]
        b = c[j : 2 * j, None] if o.phase else np.zeros((j, 1))
        g = p.hwhm[:, None]
        at = n_lin + 2 * j + 2 * bool(o.edge)
        if o.fit_sigma:
            # -(F + (x + iγ) F') per unit of ln σ
            x = self.energy - p.position[:, None]
            value = c[: j * (1 + o.phase)] @ rows[: j * (1 + o.phase)]
            real = a * (x * slope_re - g * slope_im) - b * (x * slope_im + g * slope_re)
            rows[at] = -(value + real.sum(axis=0))
        if o.phase:
            d_position = b * slope_im - a * slope_re
            d_width = -g * (a * slope_im + b * slope_re)
            slope_re[:], slope_im[:] = d_position, d_width
        else:
            slope_re *= -a
            slope_im *= -a * g
        if o.edge:
            self._edge_derivatives(rows, p, c, sigma)
        if o.background == "power":
            term = j * (1 + o.phase)
            rows[at + o.fit_sigma] = -c[term] * rows[term] * np.log(self.energy / self.low)
        if o.background == "flank":
            term = j * (1 + o.phase) + 1
            shapes = slice(at + o.fit_sigma, at + o.fit_sigma + 2)
            rows[shapes] = c[term] * flank_slopes(self.energy, self.wing(p))

    def _edge_derivatives(self, rows: Floats, p: Parameters, c: Floats, sigma: float) -> None:
        position, width = p.edge
        n_lin = self.n_linear(p.position.size)
        at = n_lin + 2 * p.position.size
        s = sigma if self.options.edge == "broadened arctan" else 0.0
        rows[at : at + 2] = 0.0
        for later, share in self._steps():
            place, height = position + later, share * c[n_lin - 1]
            if self.options.edge == "erf":
                x = (self.energy - place) / width
                gauss = np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)
                rows[at] -= height * gauss / width
                rows[at + 1] -= height * x * gauss
                continue
            rows[at] -= height * absorptive(self.energy, place, width, s)
            rows[at + 1] -= height * width * dispersive(self.energy, place, width, s)
            if self.options.fit_sigma and s > 0.0:
                # dS/dσ = σ d²S/dE², dS/dE the Voigt profile
                step = 1e-4 * max(width, s)
                up = absorptive(self.energy + step, place, width, s)
                down = absorptive(self.energy - step, place, width, s)
                rows[at + 2] += height * s * s * (up - down) / (2.0 * step)

    # flat vectors ---------------------------------------------------------------------
    def moved(self, p: Parameters, step: Floats) -> Parameters:
        """Parameters after a step in the order of the derivative rows, kept in bounds."""
        o, j = self.options, p.position.size
        position = np.clip(p.position + step[:j], self.low, self.high)
        hwhm = p.hwhm * np.exp(np.clip(step[j : 2 * j], -1.0, 1.0))
        hwhm = np.clip(hwhm, self.min_hwhm, self.max_hwhm)
        at, edge, sigma, exponent, wing = 2 * j, p.edge, p.sigma, p.exponent, p.wing
        if o.edge:
            width = edge[1] * math.exp(min(1.0, max(-1.0, step[at + 1])))
            edge = (
                min(max(edge[0] + step[at], self.low), self.high),
                min(max(width, self.min_hwhm), 0.5 * self.span),
            )
            at += 2
        if o.fit_sigma:
            sigma *= math.exp(min(1.0, max(-1.0, step[at])))
            sigma = min(max(sigma, 1e-3 * self.step), 0.25 * self.span)
            at += 1
        if o.background == "power":
            exponent = min(max(exponent + min(1.0, max(-1.0, step[at])), 0.0), 12.0)
        if o.background == "flank":
            wing = self.wing(p).moved(step[at : at + 2], self.low, self.high)
        moved = replace(p, position=position, hwhm=hwhm, edge=edge, sigma=sigma)
        return replace(moved, exponent=exponent, wing=wing)
