"""One case from JSON to spectrum."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from compute.errors import InputError
from compute.multiplet.case import Case, parse_case
from compute.multiplet.determinants import Space, space
from compute.multiplet.expectation import thermal_averages
from compute.multiplet.integrals import Problem
from compute.multiplet.ligand_field import build_problem
from compute.multiplet.spectrum import absorption
from compute.multiplet.thermal import populate
from compute.multiplet.transitions import transitions

_DENSE_BLOCK = 500  # "auto": final blocks up to this size are diagonalised fully
_LISTED_LEVELS = 20
_BYTES_PER_ELEMENT = 16 * 60  # of a sparse row: measured rows hold 20 to 60 elements


def solve(case: Mapping[str, Any]) -> dict[str, Any]:
    """The L2,3 absorption spectrum of one ion.

    Parameters
    ----------
    case : the keys of CASE.json (DESIGN section 3)

    Returns
    -------
    dict
        ``energy_ev`` (n,) eV, ``intensity`` (n,) 1/eV, ``total_intensity``,
        ``initial_eigenvalues_ev``, ``n_initial_states``, ``dimension``, ``l3_fraction``,
        ``mean_d_holes``, ``sticks`` (dense only, else None), ``expectation``, ``parameters``,
        ``method``, ``seconds``.

    Raises
    ------
    InputError
        Before any work, naming the key and the value.
    ConvergenceError
    """
    started = time.perf_counter()
    parsed = parse_case(case)
    problem = build_problem(parsed)
    result = solve_problem(problem, parsed)
    result["parameters"] = dict(parsed.parameters)
    result["seconds"] = time.perf_counter() - started
    return result


def solve_problem(problem: Problem, case: Case) -> dict[str, Any]:
    """The same for integrals of any origin; ``case`` gives grid, widths, temperature, method."""
    before = space(problem.shells, problem.initial_configurations, problem.charges, problem.modulus)
    after = space(problem.shells, problem.final_configurations, problem.charges, problem.modulus)
    method = _choose(case, before, after)
    ensemble = populate(problem, before, case.temperature, dense=method == "dense")
    excited = transitions(problem, before, after, ensemble, case.polarization)
    energy = case.energy
    spectrum = absorption(problem, after, excited, energy, case.hwhm, case.fwhm_gauss, method)
    expectation = thermal_averages(problem, before, ensemble)
    listed = ensemble.energies[:_LISTED_LEVELS] if method == "dense" else ensemble.energies
    return {
        "energy_ev": energy,
        "intensity": spectrum.intensity,
        "total_intensity": spectrum.total,
        "ground_state_energy_ev": ensemble.ground_energy,
        "initial_eigenvalues_ev": listed,
        "n_initial_states": ensemble.n_states,
        "dimension": {"initial": before.size, "final": after.size},
        "l3_fraction": spectrum.l3_fraction,
        "mean_d_holes": 10.0 - expectation["n_d"] if "n_d" in expectation else None,
        "sticks": None
        if spectrum.sticks is None
        else {"energy_ev": spectrum.sticks[0], "intensity": spectrum.sticks[1]},
        "expectation": expectation,
        "method": spectrum.method,
    }


def _choose(case: Case, before: Space, after: Space) -> str:
    """Resolve "auto", and refuse what does not fit into memory."""
    largest = max(
        [after.block_size(c) for c in after.block_charges]
        + [before.block_size(c) for c in before.block_charges]
    )
    method = case.method
    if method == "auto":
        method = "dense" if largest <= _DENSE_BLOCK else "lanczos"
    need = largest * _BYTES_PER_ELEMENT
    if method == "dense":
        need += 4 * 16 * largest**2
    free = available_memory()
    if need > free:
        name, value = "method", case.method
        if method != "dense" and case.charge_transfer is not None:
            name, value = "charge_transfer.configurations", str(case.charge_transfer.configurations)
        raise InputError(
            name, value, f"needs {need / 2**30:.1f} GiB of memory, {free / 2**30:.1f} are free"
        )
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
