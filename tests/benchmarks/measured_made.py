"""Queries made of computed spectra with what theory missed measured ones by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.measured_claims import Claims
from tests.benchmarks.measured_set import MAX_SHIFT_EV, Measured, curve_of, third_of

if TYPE_CHECKING:
    from compute.matching import Calibration, MatchResult, SpectrumLibrary
    from tests.benchmarks.measured_site import Site

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Residual:
    """What theory missed a measured spectrum by, over the candidate's scale; (size,) arrays."""

    element: str
    third: int
    value: Array
    sigma_ev: float
    gamma_ev: float


def residuals(site: Site, spectra: Iterable[Measured]) -> list[Residual]:
    """Of each unmixed spectrum beside the likeliest of its own valence, or its own compound."""
    from compute.matching.region import edge_region

    found = []
    for one in spectra:
        if not one.teaches or one.element not in [g.absorber for g in site.groups]:
            continue
        group, library = site.of(one.element)
        own = [
            pk
            for pk in library.ids
            if site.state[int(str(pk))] in one.valences
            and (not one.compound or site.formula[int(str(pk))] == one.compound)
        ]
        if not own:
            continue
        curve = edge_region(*curve_of(one), group.absorber, group.edge, library.grid, MAX_SHIFT_EV)
        best = library.match(*curve, top=1, max_shift_ev=MAX_SHIFT_EV, among=own).matches[0]
        laid = library.overlay(*curve, best)
        grid = library.grid.energy_ev
        where = laid.energy_ev - best.shift_ev
        scale = max(best.scale, 1e-12)
        value = np.interp(grid, where, laid.residual / scale, left=0.0, right=0.0)
        found.append(Residual(one.element, third_of(one), value, best.sigma_ev, best.gamma_ev))
    return found


def made_claims(
    site: Site, errors: list[Residual], calibrations: list[list[Calibration]], count: int
) -> tuple[Claims, Claims, list[bool]]:
    """Computed spectra with the theory error of a measured one, answered by the other sources.

    Every query is a row of the library, broadened as a measured spectrum is, with what theory
    missed that spectrum by, a shift of the instrument, a slope and 30 dB of noise. Claims of
    valences, of compounds, and whether it was rejected.
    """
    rng = np.random.default_rng(14)
    valence, compound, rejected = Claims(), Claims(), []
    for third, calibration in enumerate(calibrations):
        site.adopt(calibration)
        own = [one for one in errors if one.third == third]
        for _ in range(round(count * len(own) / len(errors))):
            error = own[int(rng.integers(len(own)))]
            _, library = site.of(error.element)
            pk = library.ids[int(rng.integers(len(library)))]
            # Of all that are compared, as the site sums: the first few hold a part of a valence.
            query = made_query(library, pk, error, rng)
            result = library.match(*query, top=None, max_shift_ev=MAX_SHIFT_EV)
            _claim(site, result, int(str(pk)), valence, compound)
            rejected.append(result.none_of_these > 0.5)
    return valence, compound, rejected


def made_query(
    library: SpectrumLibrary, pk: Any, error: Residual, rng: np.random.Generator
) -> tuple[Array, Array]:
    from compute.matching import Match

    grid = library.grid.energy_ev
    flat = Match(pk, 0.0, 1.0, 0.0, 1.0, error.sigma_ev, error.gamma_ev, 1.0, False)
    base = library.row_laid(flat)
    values = base + error.value + rng.normal(0.0, 0.1) * np.linspace(0.0, np.ptp(base), grid.size)
    values += rng.normal(0.0, 0.03 * np.sqrt(np.mean(values**2)), grid.size)
    shift = float(np.clip(0.5 * rng.standard_cauchy(), -6.0, 6.0))
    inside = slice(5 * grid.size // 50, -5 * grid.size // 50)  # as a query is cut
    return grid[inside] + shift, values[inside]


def _claim(site: Site, result: MatchResult, pk: int, valence: Claims, compound: Claims) -> None:
    from spectradb.services.matching.groups import whole_valences

    of_valence: dict[int | None, float] = {}
    of_compound: dict[str, float] = {}
    for one in result.matches:
        number = int(str(one.spectrum_id))
        for state, share in whole_valences(site.state[number]).items():
            of_valence[state] = of_valence.get(state, 0.0) + share * one.probability
        name = site.formula[number]
        of_compound[name] = of_compound.get(name, 0.0) + one.probability
    first = max(of_valence, key=lambda k: of_valence[k])
    valence.add(of_valence[first], first in whole_valences(site.state[pk]))
    likely = max(of_compound, key=lambda k: of_compound[k])
    compound.add(of_compound[likely], likely == site.formula[pk])
