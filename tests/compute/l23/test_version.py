"""The parameters that each route gives belong to its version."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from compute.crystals.published import crystal
from compute.l23 import routes
from compute.l23.prepared import PreparedCase
from compute.sites import analyze_sites
from tests.versions import check_version

HERE = Path(__file__).parent
CRYSTALS = {
    "cheap": (
        ("rocksalt-NiO", "Ni"), ("rutile-TiO2", "Ti"), ("spinel-Co3O4", "Co"), ("CuO", "Cu"),
        ("perovskite-LaMnO3", "Mn"), ("pyrite-FeS2", "Fe"), ("CrF3", "Cr"), ("V2O5", "V"),
    ),
    "cluster": (("perovskite-SrTiO3", "Ti"),),
}  # fmt: skip
# Fields of a cluster are converged, fitted charges are found by least squares: a few 10 µeV.
TOLERANCE = {"cheap": (1e-6, 1e-9), "cluster": (1e-5, 1e-3)}  # relative, eV


def numbers_of(case: PreparedCase) -> list[float]:
    """Everything that the engine is given; of matrices what does not depend on their axes."""
    out = [case.valence, case.n_d, case.slater_scale, case.temperature_k, *case.hwhm_ev]
    out += [case.energy_offset_err, case.ten_dq]
    for integrals in (case.initial, case.final):
        out += [value for _, value in sorted(integrals.items())]
    matrices = [case.crystal_field]
    if case.charge_transfer is not None:
        transfer = case.charge_transfer
        out += [transfer.delta, transfer.u_dd, transfer.u_pd, transfer.configurations]
        matrices += [transfer.v, transfer.ligand]
    if case.final_field is not None:
        matrices += case.final_field.matrices
    for matrix in matrices:
        out += np.linalg.eigvalsh(matrix).tolist()
    return [float(value) for value in out]


def numbers(route: str) -> dict[str, list[float]]:
    out = {}
    for name, element in CRYSTALS[route]:
        structure = crystal(name).structure()
        sites = analyze_sites(structure)
        for site in (s for s in sites if s.element == element):
            case = routes.prepare(structure, sites, site, route)
            key = f"{name} {element}[{site.index}]"
            out[key] = numbers_of(case)
            out[f"{key}: energy offset"] = [case.energy_offset_ev]
    return out


@pytest.mark.parametrize(
    "route",
    [pytest.param(r, marks=pytest.mark.slow if r == "cluster" else ()) for r in routes.ROUTES],
)
def test_parameters_change_only_with_the_routes_version(route: str):
    assert route in CRYSTALS, f"name crystals for route {route} here"
    home = f"compute/l23/{route}/version.py"
    path = HERE / f"version_reference_{route}.json"
    version = routes.version(route)["route"]
    rel, abs_ = TOLERANCE[route]
    check_version(path, version, home, numbers(route), rel=rel, abs_=abs_)
