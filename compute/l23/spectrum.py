"""From a site to its L2,3 spectrum on the absolute energy scale, by any route."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import floor
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compute.atom import atomic_parameters
from compute.ions import d_electrons
from compute.l23 import routes
from compute.l23.ground_state import common, spin_label
from compute.l23.lineshape import DEFAULT, PLAIN, Shape, continuum
from compute.l23.prepared import TEMPERATURE_K, WHOLE, Parameters, PreparedCase
from compute.multiplet import solve
from compute.sites import Site

if TYPE_CHECKING:
    from pymatgen.core import Structure

FloatArray = NDArray[np.float64]

BELOW_L3_EV, ABOVE_L3_EV, STEP_EV = 10.0, 30.0, 0.05
_MARGIN_EV = 25.0  # how far the L3 maximum may lie from −ζ/2 and the grid still reach
_ONSET = 0.1  # of the maximum
_L3_WIDTH = 1.2  # the L3 maximum lies within this times ζ_2p above the onset; L2 starts at 1.5


@dataclass(frozen=True, eq=False)
class SiteSpectrum:
    """A computed spectrum.

    Attributes
    ----------
    energy_ev : float64 (n,)
        Absolute (offset included), 10 eV below to 30 eV above the L3 maximum.
    intensity : float64 (n,)
        1/eV, radial integral 1.
    energy_offset_ev, energy_offset_err : float
    ten_dq : float
        Effective splitting of the d levels, eV.
    result : dict
        Everything else that the engine returned, ``parameters``, the case with all values, and
        ``spin``, the computed initial state's (:func:`compute.l23.ground_state.spin_label`).
    """

    energy_ev: FloatArray
    intensity: FloatArray
    energy_offset_ev: float
    energy_offset_err: float
    ten_dq: float
    result: dict[str, Any]


def l23_spectrum(
    structure: Structure,
    sites: Sequence[Site],
    site: Site,
    route: str = "cheap",
    *,
    temperature_k: float = TEMPERATURE_K,
    shape: Shape = PLAIN,
) -> SiteSpectrum:
    """The L2,3 spectrum of one site from the structure alone.

    Raises
    ------
    InputError
        An unknown route, or a site that the route does not know.
    ConvergenceError
        If a field or the engine did not converge; nothing is returned then.
    """
    parameters = partial(routes.prepare, route=route)
    return spectrum_by(parameters, structure, sites, site, temperature_k=temperature_k, shape=shape)


def spectrum_by(
    parameters: Parameters,
    structure: Structure,
    sites: Sequence[Site],
    site: Site,
    *,
    temperature_k: float = TEMPERATURE_K,
    shape: Shape = PLAIN,
) -> SiteSpectrum:
    """The spectrum of one site with the parameters that a function gives.

    Equivalent atoms that share a charge (Fe2.5+ of magnetite) are taken as the two ions next to
    it, each for its share; so are the alternatives of a ligand shell in a disordered crystal.
    """
    arranged = site.alternatives or ((1.0, site),)
    ions = [
        (replace(one, oxidation_state=valence), weight * share)
        for weight, one in arranged
        for valence, share in _ions(site.oxidation_state)
    ]
    able = [
        (ion, weight)
        for ion, weight in ions
        # A full shell has no hole to excite into.
        if len(ions) == 1 or (d_electrons(ion.element, ion.oxidation_state) or 0) < 10
    ]
    if not able:  # every ion has a full shell: the route says so
        able = ions[:1]
    solved = []
    for ion, _ in able:
        prepared = parameters(structure, sites, ion, temperature_k=temperature_k)
        if shape.widths != DEFAULT:
            transfer = prepared.charge_transfer
            prepared = replace(
                prepared,
                hwhm_ev=shape.hwhm_ev(ion.element),
                hwhm_rise=shape.hwhm_rise(None if transfer is None else transfer.v),
            )
        solved.append(solve_prepared(prepared))
    if len(ions) == 1:
        return with_continuum(solved[0], shape)
    weights = [weight for _, weight in able]
    found = mixed(solved, weights, geometries=[ion.geometry for ion, _ in able])
    return with_continuum(found, shape)


def with_continuum(found: SiteSpectrum, shape: Shape) -> SiteSpectrum:
    """The spectrum on its continuum steps; ``result`` stays that of the lines."""
    if not shape.continuum:
        return found
    case = found.result["parameters"]
    zeta = float(case["final"]["zeta_2p"])
    at = l3_maximum(found.energy_ev, found.intensity, zeta)
    height = shape.continuum * float(np.interp(at, found.energy_ev, found.intensity))
    widths = case["hwhm_ev"]["l3"], case["hwhm_ev"]["l2"]
    steps = continuum(found.energy_ev, at, 1.5 * zeta, height, widths)
    return replace(found, intensity=found.intensity + steps)


def _ions(oxidation_state: float) -> list[tuple[float, float]]:
    """The whole valences that a site has, and their shares."""
    lower = floor(oxidation_state + WHOLE)
    share = oxidation_state - lower
    if share < WHOLE:
        return [(oxidation_state, 1.0)]
    return [(float(lower), 1.0 - share), (float(lower + 1), share)]


def solve_prepared(prepared: PreparedCase) -> SiteSpectrum:
    """Solve a prepared case and cut the spectrum around its L3 maximum."""
    case = prepared.case()
    zeta = _zeta_2p(case)
    start = -_grid(zeta / 2.0 + _MARGIN_EV + BELOW_L3_EV)
    stop = _grid(_MARGIN_EV + ABOVE_L3_EV - zeta / 2.0)
    case["grid"] = {"start": start, "stop": stop, "step": STEP_EV}
    found = around_l3(solve(case), prepared.energy_offset_ev)
    found.result["warnings"] = [*prepared.warnings, *found.result["warnings"]]
    return replace(found, energy_offset_err=prepared.energy_offset_err, ten_dq=prepared.ten_dq)


def around_l3(answer: Mapping[str, Any], energy_offset_ev: float) -> SiteSpectrum:
    """What the engine answers, cut around its L3 maximum and put on the absolute scale.

    The standard error of the offset and the splitting are not the engine's to know: not a number.
    """
    used = answer["parameters"]
    zeta = _zeta_2p(used)
    result = dict(answer)
    energy = np.asarray(result.pop("energy_ev"), dtype=float)
    intensity = np.asarray(result.pop("intensity"), dtype=float)
    result["spin"] = spin_label(used["n_d"], result["expectation"]["S2"])
    peak = l3_maximum(energy, intensity, zeta)
    keep = (energy > peak - BELOW_L3_EV - STEP_EV / 2) & (energy < peak + ABOVE_L3_EV + STEP_EV / 2)
    return SiteSpectrum(
        energy_ev=energy[keep] + energy_offset_ev,
        intensity=intensity[keep],
        energy_offset_ev=energy_offset_ev,
        energy_offset_err=np.nan,
        ten_dq=np.nan,
        result=result,
    )


def _zeta_2p(case: Mapping[str, Any]) -> float:
    """Of the free ion, eV."""
    found = atomic_parameters(case["element"], case["charge"], case["n_d"])["final"]["zeta_2p"]
    return float(found)


def mixed(
    parts: Sequence[SiteSpectrum],
    weights: Sequence[float],
    *,
    geometries: Sequence[str] | None = None,
) -> SiteSpectrum:
    """Spectrum of a site that is each of several ions for a share of the time, or of the atoms.

    Where the weights add up to less than one the rest is an ion with a full 3d shell: it has no
    absorption, energy scale or splitting, but counts in averages over the atoms.
    Absolute energies are kept; the window is that of the sum's L3 maximum where the parts reach so
    far. Parameters and levels in the result are those of the ion of most weight, averages are
    those of all, and ``result["mixture"]`` has each ion's weight, parameters and energy offset.
    """
    main = parts[int(np.argmax(weights))]
    start = min(part.energy_ev[0] for part in parts)
    stop = max(part.energy_ev[-1] for part in parts)
    energy = start + STEP_EV * np.arange(int((stop - start) / STEP_EV) + 1)
    intensity = np.zeros_like(energy)
    for part, weight in zip(parts, weights, strict=True):
        intensity += weight * np.interp(energy, part.energy_ev, part.intensity)
    zeta = float(main.result["parameters"]["final"]["zeta_2p"])
    peak = l3_maximum(energy, intensity, zeta)
    keep = (energy > peak - BELOW_L3_EV - STEP_EV / 2) & (energy < peak + ABOVE_L3_EV + STEP_EV / 2)

    def mean(values: Sequence[Any]) -> Any:
        return sum(w * value for w, value in zip(weights, values, strict=True))

    absorbing = sum(weights)
    shared = set.intersection(*(set(part.result["expectation"]) for part in parts))
    averages = {
        key: mean([part.result["expectation"][key] for part in parts])
        for key in sorted(shared - {"configuration_weights"})
    }
    averages["n_d"] += 10.0 * (1.0 - absorbing)
    result = main.result | {
        "sticks": None,
        "expectation": averages,
        "total_intensity": mean([part.result["total_intensity"] for part in parts]),
        "mean_d_holes": mean([part.result["mean_d_holes"] for part in parts]),
        "branching_ratio": mean(
            [part.result["branching_ratio"] * part.result["total_intensity"] for part in parts]
        )
        / mean([part.result["total_intensity"] for part in parts]),
        "l3_fraction": None,
        "spin": common(part.result["spin"] for part in parts),
        "warnings": list(dict.fromkeys(w for part in parts for w in part.result["warnings"])),
        "mixture": [
            {
                "weight": weight,
                "parameters": part.result["parameters"],
                "energy_offset_ev": part.energy_offset_ev,
            }
            | ({} if geometries is None else {"geometry": geometries[k]})
            for k, (part, weight) in enumerate(zip(parts, weights, strict=True))
        ],
        "seconds": sum(part.result["seconds"] for part in parts),
    }
    return SiteSpectrum(
        energy_ev=energy[keep],
        intensity=intensity[keep],
        energy_offset_ev=mean([part.energy_offset_ev for part in parts]) / absorbing,
        energy_offset_err=max(part.energy_offset_err for part in parts),
        ten_dq=mean([part.ten_dq for part in parts]) / absorbing,
        result=result,
    )


def l3_maximum(energy: FloatArray, intensity: FloatArray, zeta_2p: float) -> float:
    """Where the L3 edge is highest, eV; L2 may well be higher (d0)."""
    onset = int(np.argmax(intensity > _ONSET * intensity.max()))
    within = (energy >= energy[onset]) & (energy <= energy[onset] + _L3_WIDTH * zeta_2p)
    return float(energy[within][np.argmax(intensity[within])])


def _grid(value: float) -> float:
    """Rounded up to a whole eV, so that all spectra share one grid."""
    return float(np.ceil(value))
