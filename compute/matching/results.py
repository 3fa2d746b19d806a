"""What a match returns."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from compute.matching.grid import Array


@dataclass(frozen=True)
class Match:
    """One candidate.

    Attributes
    ----------
    spectrum_id : Hashable
        The id the library was given.
    score : float
        Natural logarithm of the evidence for this candidate over a spectrum unlike any in the
        library (a Gaussian field with the library's own correlation); larger is better.
    probability : float
        That this candidate is the substance measured. Only meaningful if the result says
        ``calibrated``.
    shift_ev : float
        Experiment − theory.
    scale : float
        Query ≈ scale × broadened candidate + background, in the units given.
    sigma_ev, gamma_ev : float
        Gaussian sigma and Lorentzian HWHM added to the candidate.
    r_squared : float
        Share of the query's variance over its straight line that the aligned candidate explains
        by plain least squares.
    at_shift_limit : bool
        The shift sits at the largest one allowed.
    """

    spectrum_id: Hashable
    score: float
    probability: float
    shift_ev: float
    scale: float
    sigma_ev: float
    gamma_ev: float
    r_squared: float
    at_shift_limit: bool


@dataclass(frozen=True)
class AlternativeShare:
    """Probability that a query is no spectrum of the library but a named shape beside it."""

    name: str
    oxidation_state: int | None
    probability: float


@dataclass(frozen=True)
class MatchResult:
    """Candidates, best first, and how far to trust them.

    Attributes
    ----------
    none_of_these : float
        Probability that nothing in the library is the substance measured. It is above one half
        only where the p-value is below 5 %.
    p_value : float
        Share of known pairs that fit worse than the best candidate does.
    misfit : float
        rᵀC⁻¹r per compared energy of the best candidate; about 1 or less when it is right.
    calibrated : bool
        Whether probabilities rest on enough known pairs.
    n_calibration_pairs : int
    n_library : int
        Rows searched.
    noise : float
        Estimated standard deviation of the query's noise, in its units.
    warnings : list[str]
        What a person should know of this match.
    alternatives : list[AlternativeShare]
        Parts of ``none_of_these`` that have a name, likeliest first.
    """

    matches: list[Match]
    none_of_these: float
    p_value: float
    misfit: float
    calibrated: bool
    n_calibration_pairs: int
    n_library: int
    noise: float
    warnings: list[str] = field(default_factory=list)
    alternatives: list[AlternativeShare] = field(default_factory=list)


@dataclass(frozen=True)
class Claims:
    """What a library claimed of queries whose row is known; arrays (n,).

    ``probability`` of the leading candidate, whether it was the right one, and the probability
    of "none of these". `compute.matching.reliability` makes the diagram.
    """

    probability: Array
    correct: NDArray[np.bool_]
    none_of_these: Array


@dataclass(frozen=True)
class Overlay:
    """A candidate laid over the query; arrays (n,) on ``energy_ev``, the query's units.

    ``sigma`` is the standard deviation of theory error at each energy, ``residual`` the query
    minus the fit, both at the library's resolution.
    """

    energy_ev: Array
    query: Array
    fit: Array
    sigma: Array
    residual: Array
    background: Array


@dataclass(frozen=True)
class Component:
    """One spectrum of a mixture: its share of the sum of scales, with standard errors."""

    spectrum_id: Hashable
    share: float
    share_err: float
    scale: float
    scale_err: float


@dataclass(frozen=True)
class Mixture:
    """A non-negative combination of library spectra under one shift and broadening.

    ``log_evidence_gain`` is what each component more gained in log-evidence beyond its cost, the
    first over an unrelated spectrum; a size is taken as long as it gains. Evidence counts as far
    as in a match, whose first candidate is the single component.
    """

    components: list[Component]
    shift_ev: float
    sigma_ev: float
    gamma_ev: float
    r_squared: float
    misfit: float
    log_evidence_gain: list[float]
