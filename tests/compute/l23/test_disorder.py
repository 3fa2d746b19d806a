"""Spectra of disordered crystals: their limits, and the sum over arrangements."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from compute.crystals.published import crystal
from compute.l23.cheap.ewald import lattice_multipoles, point_multipoles
from compute.l23.cheap.parameters import point_charge_fields
from compute.l23.cluster.embedding import embed
from compute.l23.prepared import lattice_charges
from compute.l23.spectrum import l23_spectrum
from compute.sites import analyze_sites
from compute.units import BOHR_ANGSTROM
from tests.compute.sites.test_disorder import mixed, of


def test_neighbours_of_one_charge_may_be_mixed_and_change_nothing() -> None:
    ordered = crystal("perovskite-SrTiO3").structure()
    other = mixed("perovskite-SrTiO3", {"Sr": {"Sr": 0.4, "Ba": 0.6}})
    spectra = []
    for structure in (ordered, other):
        sites = analyze_sites(structure)
        spectra.append(l23_spectrum(structure, sites, of(sites, "Ti")))
    np.testing.assert_allclose(spectra[0].intensity, spectra[1].intensity, atol=1e-9)
    np.testing.assert_allclose(spectra[0].energy_ev, spectra[1].energy_ev)


def test_charges_of_places_are_means_of_their_occupants() -> None:
    structure = mixed("perovskite-LaMnO3", {"La": {"La": 0.7, "Sr": 0.3}})
    sites = analyze_sites(structure)
    charges = lattice_charges(structure, sites)
    assert charges.sum() == pytest.approx(0.0, abs=1e-9)
    assert charges[0] == pytest.approx(2.7)


@pytest.mark.slow
def test_a_mixed_shell_is_the_weighted_sum_of_its_arrangements() -> None:
    structure = mixed("ScF3", {"F": {"F": 0.9, "O": 0.1}})
    stated = {"Sc": 3.0, "F": -1.0, "O": -2.0}
    sites = analyze_sites(structure, stated=stated)
    site = of(sites, "Sc")
    assert len(site.alternatives) > 2
    found = l23_spectrum(structure, sites, site)
    whole = np.zeros_like(found.intensity)
    for weight, one in site.alternatives:
        part = l23_spectrum(structure, sites, one)
        whole += weight * np.interp(found.energy_ev, part.energy_ev, part.intensity)
    np.testing.assert_allclose(found.intensity, whole, atol=1e-9)
    weights = [one["weight"] for one in found.result["mixture"]]
    assert sum(weights) == pytest.approx(1.0)


def test_little_of_another_ligand_changes_little() -> None:
    ordered = crystal("ScF3").structure()
    sites = analyze_sites(ordered)
    pure = l23_spectrum(ordered, sites, of(sites, "Sc"))
    changes = []
    for share in (0.02, 0.04):
        structure = mixed("ScF3", {"F": {"F": 1.0 - share, "Cl": share}})
        stated = {"Sc": 3.0, "F": -1.0, "Cl": -1.0}
        sites = analyze_sites(structure, stated=stated)
        found = l23_spectrum(structure, sites, of(sites, "Sc"))
        back = np.interp(pure.energy_ev, found.energy_ev, found.intensity)
        changes.append(float(np.abs(back - pure.intensity).max()))
    assert changes[0] < 0.2 * pure.intensity.max()
    assert changes[1] / changes[0] == pytest.approx(2.0, rel=0.15)


def split() -> Structure:
    return Structure.from_spacegroup(
        "P4/mmm", Lattice.tetragonal(2.9, 4.2), [{"Fe": 0.5}, "O", "O"],
        [[0, 0, 0.05], [0.5, 0.5, 0], [0, 0, 0.5]],
    )  # fmt: skip


def test_the_other_half_of_a_split_atom_is_not_there() -> None:
    """Against the sum over the lattice with that charge taken out of a large cell."""
    structure = split()
    sites = analyze_sites(structure, stated={"Fe": 4})
    site = of(sites, "Fe")
    big = structure.make_supercell([3, 3, 2], in_place=False)
    charges = np.array(
        [
            sum(a * (4.0 if s.symbol == "Fe" else -2.0) for s, a in one.species.items())
            for one in big
        ]
    )
    origin = structure.cart_coords[site.index]
    at = int(np.argmin(np.linalg.norm(big.cart_coords - origin, axis=1)))
    partner = origin + site.charge_corrections[0, :3]
    gone = big.lattice.get_all_distances(
        big.lattice.get_fractional_coords(partner), big.frac_coords
    ).argmin()
    lattice = np.asarray(big.lattice.matrix) @ site.local_axes.T
    whole = lattice_multipoles(lattice, big.frac_coords, charges, at, 2)
    vector = site.charge_corrections[:, :3] @ site.local_axes.T
    here = whole + point_multipoles(vector, site.charge_corrections[:, 3], 2)
    charges[gone] = 0.0  # in the large cell it is missing once in eighteen
    without = lattice_multipoles(lattice, big.frac_coords, charges, at, 2)
    np.testing.assert_allclose(here, without, atol=0.02 * np.abs(without).max())
    ordered = replace(site, charge_corrections=np.zeros((0, 4)))
    with_it = point_charge_fields(structure, sites, ordered)[0]
    assert np.abs(point_charge_fields(structure, sites, site)[0] - with_it).max() > 0.1


def test_the_cluster_stands_in_the_same_corrected_charges() -> None:
    structure = split()
    sites = analyze_sites(structure, stated={"Fe": 4})
    site = of(sites, "Fe")
    ordered = replace(site, charge_corrections=np.zeros((0, 4)))
    points = 0.5 * np.random.default_rng(1).normal(size=(20, 3))

    def potential(found):
        r = np.linalg.norm(points[:, None] - found.positions[None] * BOHR_ANGSTROM, axis=2)
        return (found.charges / r).sum(axis=1)

    change = potential(embed(structure, sites, site)) - potential(embed(structure, sites, ordered))
    (vector,), (charge,) = (
        site.charge_corrections[:, :3] @ site.local_axes.T,
        site.charge_corrections[:, 3],
    )
    expected = charge / np.linalg.norm(points - vector, axis=1)
    np.testing.assert_allclose(change - change[0], expected - expected[0], atol=1e-6)


def test_a_cluster_does_not_see_that_cations_of_one_charge_and_core_are_mixed() -> None:
    """Ni2+ and Co2+ are the same point charge with the same closed-shell core."""
    found = []
    for structure in (
        crystal("rocksalt-NiO").structure(),
        mixed("rocksalt-NiO", {"Ni": {"Ni": 0.5, "Co": 0.5}}),
    ):
        sites = analyze_sites(structure)
        found.append(embed(structure, sites, of(sites, "Ni")))
    np.testing.assert_allclose(found[0].positions, found[1].positions, atol=1e-9)
    np.testing.assert_allclose(found[0].charges, found[1].charges, atol=1e-6)
    assert [(c.library, c.element) for c in found[0].cores] == [
        (c.library, c.element) for c in found[1].cores
    ]


def test_of_a_half_empty_place_one_core_stands_beside_a_cluster() -> None:
    structure = Structure.from_spacegroup(
        "P4/mmm", Lattice.tetragonal(4.2, 4.2),
        ["Ni", {"Mg": 0.5}, "O", "O"],
        [[0, 0, 0], [0.5, 0.5, 0.45], [0.5, 0, 0], [0, 0, 0.5]],
    )  # fmt: skip
    sites = analyze_sites(structure, stated={"Ni": 2, "Mg": 2, "O": -4 / 3})
    found = embed(structure, sites, of(sites, "Ni"))
    cores = np.array([core.position for core in found.cores if core.element == "Mg"])
    apart = np.linalg.norm(cores[:, None] - cores[None], axis=2) + 9 * np.eye(len(cores))
    assert len(cores)
    assert apart.min() * BOHR_ANGSTROM > 1.5
