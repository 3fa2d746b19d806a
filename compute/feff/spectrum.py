"""From a site to a spectrum by FEFF, on the energy scale that FEFF gives."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compute.edges import members
from compute.feff.edges import check, separation
from compute.feff.errors import FeffNotConverged
from compute.feff.inputs import RADIUS_ANG, FeffInput, feff_input
from compute.feff.output import Xmu
from compute.feff.run import LIMIT_S, Progress, require, run_feff, silent
from compute.ions import d_electrons

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from compute.sites import Site

FloatArray = NDArray[np.float64]

ENERGY_ERROR_EV, RELATIVE_ERROR = 8.0, 1e-3
"""Error of FEFF's absolute energies, the larger of a constant and a share of the energy: what
K edges were found to differ by from tabulated ones so far (docs/measurements/feff.md)."""
_MULTIPLET = (
    "{element} {edge}: the 2p hole and the 3d electrons of an open shell make a multiplet, which "
    "FEFF does not describe; routes cheap and cluster do"
)
_GENTLY = "{edge}: the potentials became self-consistent with gentler mixing only (SCF {scf})"


@dataclass(frozen=True, eq=False)
class FeffSpectrum:
    """A spectrum of one site; the fields that spectra of all routes have.

    Attributes
    ----------
    energy_ev : float64 (n,)
        Absolute, as FEFF gives it; its grid, finest at the edge.
    intensity : float64 (n,)
        Absorption in units of the edge step (the free atom's, 50 eV above the edge), of edges
        named together in units of their steps' sum.
    energy_offset_ev : float
        0: nothing is added to FEFF's energies.
    energy_offset_err : float
        Standard error of FEFF's energies, eV.
    ten_dq : None
    result : dict
        ``parameters``, ``edges`` (of each single edge ``e0_ev``, ``step_ang2``), ``warnings``,
        ``seconds``.
    """

    energy_ev: FloatArray
    intensity: FloatArray
    energy_offset_ev: float
    energy_offset_err: float
    ten_dq: None = None
    result: dict[str, Any] = field(default_factory=dict)


def feff_spectrum(
    structure: Structure,
    site: Site,
    edge: str,
    *,
    limit_s: float = LIMIT_S,
    progress: Progress = silent,
) -> FeffSpectrum:
    """The spectrum of one site; edges named together are computed one by one and added.

    Parameters
    ----------
    limit_s : float
        CPU time of each single edge (:func:`compute.feff.run.run_feff`).

    Raises
    ------
    InputError
        An edge that FEFF is not meant for, partial occupancy.
    ComputeError
        Of :mod:`compute.feff.errors`; nothing is returned then.
    """
    check(site.element, edge)
    require()
    began = time.perf_counter()
    apart = separation(site.element, edge)
    singles = members(edge)
    inputs = {
        one: feff_input(structure, site.index, one, above_ev=apart if one != singles[-1] else 0.0)
        for one in singles
    }
    found, warnings = {}, _warnings(site, edge)
    for number, (one, given) in enumerate(inputs.items()):

        def told(stage: str, k: int, n: int, done: int = number, name: str = one) -> None:
            progress(f"{name} {stage}", done * n + k, len(singles) * n)

        found[one], used = run_edge(given, limit_s=limit_s, progress=told)
        if used is not given:
            warnings.append(_GENTLY.format(edge=one, scf=used.cards["SCF"]))
    energy, intensity = add_edges(list(found.values()))
    return FeffSpectrum(
        energy_ev=energy,
        intensity=intensity,
        energy_offset_ev=0.0,
        energy_offset_err=max(ENERGY_ERROR_EV, RELATIVE_ERROR * float(energy[0])),
        result={
            "parameters": inputs[singles[0]].cards
            | {"EDGE": " + ".join(singles), "radius_ang": RADIUS_ANG}
            | {"n_atoms": inputs[singles[0]].n_atoms},
            "edges": {
                one: {"e0_ev": xmu.e0_ev, "step_ang2": xmu.step_ang2} for one, xmu in found.items()
            },
            "warnings": warnings,
            "seconds": time.perf_counter() - began,
        },
    )


def run_edge(
    given: FeffInput, *, limit_s: float = LIMIT_S, progress: Progress = silent
) -> tuple[Xmu, FeffInput]:
    """One edge, and the input that gave it.

    Where the potentials do not become self-consistent they are mixed more gently, once: heavy ions
    and wide cells overshoot with the usual mixing, and what converges does not depend on it.

    Raises
    ------
    ComputeError
        Of :mod:`compute.feff.errors`.
    """
    try:
        return run_feff(given.text, limit_s=limit_s, progress=progress), given
    except FeffNotConverged:
        gentle = given.gently()
        return run_feff(gentle.text, limit_s=limit_s, progress=progress), gentle


def add_edges(parts: Sequence[Xmu]) -> tuple[FloatArray, FloatArray]:
    """Spectra of single edges as one, added as cross-sections where FEFF places them.

    Below its first point an edge goes on as the tail of its lifetime, 1/(E0 − E). The sum ends
    where the shortest spectrum does.

    Returns
    -------
    energy_ev, intensity : float64 (n,)
        The intensity in units of the sum of the steps.
    """
    if len(parts) == 1:
        return parts[0].energy_ev, parts[0].mu
    last = min(part.energy_ev[-1] for part in parts)
    energy = np.unique(np.concatenate([part.energy_ev for part in parts]).round(4))
    energy = energy[energy <= last]
    total = np.zeros_like(energy)
    for part in parts:
        mu = np.interp(energy, part.energy_ev, part.mu)
        below = energy < part.energy_ev[0]
        tail = (part.e0_ev - part.energy_ev[0]) / (part.e0_ev - energy[below])
        mu[below] = part.mu[0] * tail
        total += part.step_ang2 * mu
    return energy, total / sum(part.step_ang2 for part in parts)


def _warnings(site: Site, edge: str) -> list[str]:
    n_d = d_electrons(site.element, site.oxidation_state)
    open_shell = n_d is not None and n_d < 10 and site.oxidation_state > 0
    if edge in ("L2", "L3", "L23") and open_shell:
        return [_MULTIPLET.format(element=site.element, edge=edge)]
    return []
