"""Route ``cluster`` from the structure to the spectrum."""

from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core import Structure

from compute.crystals.published import crystal
from compute.errors import OutOfRangeError
from compute.l23.spectrum import SiteSpectrum, l23_spectrum
from compute.sites import analyze_sites


def _spectrum(name: str, element: str, coordination: int) -> SiteSpectrum:
    structure = crystal(name).structure()
    sites = analyze_sites(structure)
    site = next(s for s in sites if s.element == element and s.coordination_number == coordination)
    return l23_spectrum(structure, sites, site, "cluster")


@pytest.mark.slow
def test_nickel_oxide_from_its_structure_alone() -> None:
    found = _spectrum("rocksalt-NiO", "Ni", 6)
    case = found.result["parameters"]
    # Wannier values of Haverkort et al., Phys. Rev. B 85 (2012) 165113: 2.06, 1.21, 4.7, 8.5 eV.
    v = np.diag(case["charge_transfer"]["v"])
    assert v[0] == pytest.approx(2.06, abs=0.5)
    assert v[2] == pytest.approx(1.21, abs=0.3)
    assert case["charge_transfer"]["delta"] == pytest.approx(4.7, abs=0.7)
    assert case["charge_transfer"]["u_pd"] == pytest.approx(
        1.3 * case["charge_transfer"]["u_dd"], rel=0.1
    )
    assert found.ten_dq == pytest.approx(1.1, abs=0.2)
    assert found.energy_ev[np.argmax(found.intensity)] == pytest.approx(853.2, abs=2.0)
    assert found.result["expectation"]["S2"] == pytest.approx(2.0, abs=0.1)  # 3d8, S = 1


@pytest.mark.slow
def test_a_square_with_d_among_the_ligand_levels_converges() -> None:
    """CuO: Δ is small and in the core-hole fields d lies below the oxygen 2p levels."""
    found = _spectrum("CuO", "Cu", 4)
    assert found.result["expectation"]["S2"] == pytest.approx(0.75, abs=1e-3)
    delta = found.result["parameters"]["charge_transfer"]["delta"]
    assert delta == pytest.approx(2.75, abs=0.7)  # accepted, from photoemission
    assert found.energy_ev[np.argmax(found.intensity)] == pytest.approx(930.9, abs=2.0)
    field = np.array(found.result["parameters"]["crystal_field"]["matrix"])
    assert np.argmax(np.diag(field)) == 1  # the hole is in x²−y²


@pytest.mark.slow
def test_a_tetrahedron_is_a_high_spin_quartet() -> None:
    found = _spectrum("spinel-Co3O4", "Co", 4)
    assert found.result["expectation"]["S2"] == pytest.approx(3.75, abs=0.05)
    assert found.ten_dq == pytest.approx(-0.5, abs=0.2)  # Wang et al. 2022, see published.json


@pytest.mark.slow
def test_pyrite_is_low_spin() -> None:
    """Soft ligands take more off the Slater integrals, and S2 is no pair of S2− ions outside."""
    found = _spectrum("pyrite-FeS2", "Fe", 6)
    assert found.result["expectation"]["S2"] < 0.2
    assert found.ten_dq == pytest.approx(1.9, abs=0.4)


@pytest.mark.parametrize(("middle", "bond"), [("C", 1.15), ("O", 1.17), ("N", 1.18)])
def test_nitrogen_that_is_no_nitride_is_refused_in_words(middle: str, bond: float) -> None:
    way = np.array([(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)])
    places = np.vstack([np.zeros((1, 3)), 2.1 * way, (2.1 + bond) * way])
    names = ["Fe", *["N"] * 6, *[middle] * 6]
    structure = Structure(np.eye(3) * 18.0, names, 9.0 + places, coords_are_cartesian=True)
    stated = {k: 2.0 if k == 0 else -3.0 if k < 7 else 8 / 3 for k in range(13)}
    sites = analyze_sites(structure, stated=stated)
    with pytest.raises(OutOfRangeError, match=f"N bound to {middle}"):
        l23_spectrum(structure, sites, sites[0], "cluster")
