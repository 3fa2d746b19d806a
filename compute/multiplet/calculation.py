"""One case from JSON to spectrum."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compute.errors import InputError
from compute.multiplet.case import parse_case
from compute.multiplet.determinants import Space, space
from compute.multiplet.expectation import thermal_averages
from compute.multiplet.integrals import Problem
from compute.multiplet.ligand_field import build_problem
from compute.multiplet.lineshape import LineShape
from compute.multiplet.spectrum import absorption
from compute.multiplet.thermal import populate
from compute.multiplet.transitions import transitions

_DENSE_BLOCK = 500  # "auto": final blocks up to this size are diagonalised fully
_LISTED_LEVELS = 20
_BYTES_PER_ROW = 4000  # of an iteration: matrix row, Krylov vectors and their projections


def solve(case: Mapping[str, Any]) -> dict[str, Any]:
    """The L2,3 absorption spectrum of one ion.

    Parameters
    ----------
    case : the keys of CASE.json (DESIGN section 3)

    Returns
    -------
    dict
        ``energy_ev`` (n,) eV, ``intensity`` (n,) 1/eV, ``total_intensity``,
        ``initial_eigenvalues_ev``, ``n_initial_states``, ``dimension``, ``branching_ratio``,
        ``l3_fraction``, ``mean_d_holes``, ``sticks`` (dense only, else None), ``expectation``,
        ``parameters``, ``method``, ``seconds``, ``warnings`` (list of text: where the grid misses
        the spectrum or is coarser than its lines).

    Raises
    ------
    InputError
        Before any work, naming the key and the value.
    ConvergenceError
    """
    started = time.perf_counter()
    parsed = parse_case(case)
    problem = build_problem(parsed)
    try:
        result = solve_problem(
            problem,
            parsed.energy,
            temperature_k=parsed.temperature,
            polarization=parsed.polarization,
            hwhm_ev=parsed.hwhm,
            hwhm_growth=parsed.hwhm_growth,
            hwhm_rise=parsed.hwhm_rise,
            fano_q=parsed.fano_q,
            fwhm_gauss_ev=parsed.fwhm_gauss,
            method=parsed.method,
        )
    except InputError as error:
        if error.field == "configurations" and parsed.charge_transfer is not None:
            field = "charge_transfer.configurations"
            raise InputError(field, parsed.charge_transfer.configurations, error.reason) from None
        raise
    result["parameters"] = dict(parsed.parameters)
    result["seconds"] = time.perf_counter() - started
    return result


def solve_problem(
    problem: Problem,
    energy_ev: NDArray[np.float64],
    *,
    temperature_k: float = 300.0,
    polarization: str = "isotropic",
    hwhm_ev: tuple[float, float] = (0.2, 0.2),
    hwhm_growth: tuple[float, float] = (0.0, 0.0),
    hwhm_rise: tuple[float, float] = (0.0, 0.0),
    fano_q: float | None = None,
    fwhm_gauss_ev: float = 0.0,
    method: str = "auto",
) -> dict[str, Any]:
    """The spectrum of integrals of any origin.

    Parameters
    ----------
    problem : the container every route fills
    energy_ev : (n,), evenly spaced, on the scale of final minus initial energies
    temperature_k, polarization, method : as in a case
    hwhm_ev : Lorentzian half widths of L3 and L2
    hwhm_growth : half width gained per eV, and the energy it grows from
    hwhm_rise : half width gained per eV above the onset of each edge, and how much at most
    fano_q : asymmetry of the lines; None for Lorentzians
    fwhm_gauss_ev : of the instrument

    Returns
    -------
    dict
        What `solve` returns, without ``parameters`` and ``seconds``.

    Raises
    ------
    InputError, ConvergenceError
    """
    before = space(problem.shells, problem.initial_configurations, problem.charges, problem.modulus)
    after = space(problem.shells, problem.final_configurations, problem.charges, problem.modulus)
    method = _choose(method, before, after)
    ensemble = populate(problem, before, temperature_k, dense=method == "dense")
    shape = LineShape(*hwhm_ev, *hwhm_growth, *hwhm_rise, fano_q)
    excited = transitions(problem, before, after, ensemble, polarization)
    isotropic = excited
    if polarization != "isotropic" and not problem.cubic:
        isotropic = transitions(problem, before, after, ensemble, "isotropic")
    spectrum = absorption(
        problem, after, excited, isotropic, energy_ev, shape, fwhm_gauss_ev, method
    )
    expectation = thermal_averages(problem, before, ensemble)
    listed = ensemble.energies[:_LISTED_LEVELS] if method == "dense" else ensemble.energies
    sticks = None
    if spectrum.sticks is not None:
        sticks = {"energy_ev": spectrum.sticks[0], "intensity": spectrum.sticks[1]}
    return {
        "energy_ev": energy_ev,
        "intensity": spectrum.intensity,
        "total_intensity": spectrum.total,
        "ground_state_energy_ev": ensemble.ground_energy,
        "initial_eigenvalues_ev": listed,
        "n_initial_states": ensemble.n_states,
        "dimension": {"initial": before.size, "final": after.size},
        "branching_ratio": spectrum.branching_ratio,
        "l3_fraction": spectrum.l3_fraction,
        "mean_d_holes": 10.0 - expectation["n_d"] if "n_d" in expectation else None,
        "sticks": sticks,
        "expectation": expectation,
        "method": spectrum.method,
        "warnings": list(spectrum.warnings),
    }


def _choose(asked: str, before: Space, after: Space) -> str:
    """Resolve "auto", and refuse what does not fit into memory."""
    sizes = [s.block_size(charge) for s in (before, after) for charge in s.block_charges]
    largest = max(sizes)
    method = asked
    if method == "auto":
        method = "dense" if largest <= _DENSE_BLOCK else "lanczos"
    need, free = largest * _BYTES_PER_ROW, available_memory()
    if method == "dense":
        need += 4 * 16 * largest**2
    if need > free:
        reason = f"needs {need / 2**30:.1f} GiB of memory, {free / 2**30:.1f} are free"
        if method == "dense":
            raise InputError("method", asked, reason)
        raise InputError("configurations", len(before.configurations), reason)
    return method


def available_memory() -> float:
    """Bytes that can be had without swapping; infinite where the system does not tell."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:  # noqa: PTH123 - not a real file
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return float(line.split()[1]) * 1024
    except OSError:
        pass
    return float(np.inf)
