"""Molecules, linkers and polyatomic anions have the charge that chemists give them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from ase.build import molecule
from ase.collections import g2
from pymatgen.core import Lattice, Structure

from compute.sites import analyze_sites
from compute.sites.fragments import covalent_bonds, fragments
from compute.sites.lewis import Lewis, lewis
from tests.compute.sites.valence_set import entries

# Of the G2 set what has no octet, or double bonds of heavy atoms (which in crystals are pairs).
_OTHERS = frozenset(
    ("CH2_s1A1d", "CH2_s3B1d", "CS", "ClF3", "N2O", "NH", "O3", "P2", "S2", "SO", "SO2", "Si2")
    + ("SiH2_s1A1d", "SiH2_s3B1d", "SiO")
)


def groups(structure: Structure) -> list[tuple[str, Lewis]]:
    elements = [site.specie.symbol for site in structure]
    bonds = covalent_bonds(structure, elements)
    out = []
    for group in fragments(bonds):
        count = Counter(elements[a] for a in group)
        name = "".join(f"{e}{n if n > 1 else ''}" for e, n in sorted(count.items()))
        out.append((name, lewis(bonds, group)))
    return out


def charges(id: str) -> dict[str, int]:
    entry = next(entry for entry in entries() if entry.id == id)
    return {name: found.charge for name, found in groups(entry.structure())}


@pytest.mark.parametrize(
    ("id", "expected"),
    [
        ("porphine-Ni", {"C20H12N4": -2}),
        ("phthalocyanine-Cu", {"C32H16N8": -2}),
        ("fe-acac-bipy2+1", {"C5H7O2": -1, "C10H8N2": 0}),
        ("tm-FeCP2", {"C5H5": -1}),
        ("tm-NiCO4", {"CO": 0}),
        ("Fe2-CN6-4", {"CN": -1}),
        ("Co3-NH36+3", {"H3N": 0}),
        ("Fe2-OH26+2", {"H2O": 0}),
        ("rost61-m148", {"C6H18NSi2": -1}),
        ("rost61-m87", {"C14H32N4": 0, "CH3": -1}),
        ("rost61-m22", {"C4H8N2O2": 0, "C4H6N2O2": -2, "H2O": 0}),
        ("MnPS3", {"P2S6": -4}),
        ("pyrite-FeS2", {"S2": -2}),
        ("amcsd-17606", {"As4": -4}),
        ("amcsd-5243", {"AsS": -3}),
        ("Mg2FeH6", {"H": -1}),
        ("amcsd-19940", {"C2O4": -2, "H2O": 0}),
        ("amcsd-15976", {"NO2": -1}),
        ("csd-AFENAA", {"C14H14N4": 0, "C2H3N": 0, "ClO4": -1}),
        ("co-bdp", {"C12H8N4": -2}),
        ("hkust-1", {"C9H3O6": -3}),
        ("co-mof-74", {"C8H2O6": -4}),
    ],
)
def test_a_group_has_its_accepted_charge(id: str, expected: dict[str, int]) -> None:
    assert charges(id) == expected


def test_states_add_up_to_the_charge_and_neutral_molecules_to_nothing() -> None:
    checked = 0
    for name in g2.names:
        atoms = molecule(name)
        electrons = int(sum(atoms.numbers))
        if len(atoms) == 1 or electrons % 2 or name in _OTHERS:
            continue
        if set(atoms.get_chemical_symbols()) & {"Li", "Be", "Na", "Al"}:
            continue
        positions = np.asarray(atoms.positions)
        cell = Lattice.cubic(float(np.ptp(positions, axis=0).max()) + 10.0)
        structure = Structure(
            cell, atoms.get_chemical_symbols(), positions, coords_are_cartesian=True
        )
        total = 0.0
        for _, found in groups(structure):
            assert sum(found.states.values()) == pytest.approx(found.charge)
            total += found.charge
        assert total == 0, name
        checked += 1
    assert checked > 90


def test_oxygens_in_a_row_are_water_and_not_a_chain() -> None:
    def row(n: int) -> list[str]:
        places = [[1.45 * i, 0.0, 0.0] for i in range(n)]
        box = Structure(Lattice.cubic(12), ["O"] * n, places, coords_are_cartesian=True)
        return [name for name, _ in groups(box)]

    assert row(2) == ["O2"]
    assert row(3) == ["O"] * 3
    assert row(5) == ["O"] * 5


@pytest.mark.parametrize(
    ("metal", "centre", "anion", "a_ang", "pair_ang", "bond_ang", "state"),
    [
        ("Mn", "P", "Se", 6.39, 2.2, 2.2, 2), ("Fe", "P", "Se", 6.27, 2.2, 2.2, 2),
        ("Ni", "P", "S", 5.82, 2.2, 2.03, 2), ("Cr", "Si", "Te", 6.76, 2.33, 2.5, 3),
        ("Cr", "Ge", "Te", 6.82, 2.44, 2.58, 3), ("Cr", "Ge", "Se", 6.4, 2.42, 2.36, 3),
        ("Cr", "Sn", "Te", 7.0, 2.8, 2.75, 3),
    ],
)  # fmt: skip
def test_two_tetrels_or_pnictogens_and_their_chalcogens_are_one_anion(
    metal: str, centre: str, anion: str, a_ang: float, pair_ang: float, bond_ang: float, state: int
) -> None:
    """Layers of MPX3: metals between anions X3P–PX3, whose charge follows from single bonds."""
    c = 7.5
    out = bond_ang * 0.92  # of the pair's axis
    structure = Structure.from_spacegroup(
        "P-31m",
        Lattice.hexagonal(a_ang, c),
        [metal, centre, anion],
        [
            [1 / 3, 2 / 3, 0],
            [0, 0, pair_ang / 2 / c],
            [out / a_ang, 0, (pair_ang / 2 + (bond_ang**2 - out**2) ** 0.5) / c],
        ],
    )
    found = {site.element: site for site in analyze_sites(structure)}
    assert found[metal].oxidation_state == state
    assert found[metal].oxidation_confidence > 0.9
    assert sum(s.oxidation_state * s.amount for s in found.values()) == pytest.approx(0)


def test_lone_tetrels_among_chalcogens_stay_cations() -> None:
    stannite = Structure.from_spacegroup(
        "I-42m",
        Lattice.tetragonal(5.45, 10.76),
        ["Fe", "Cu", "Sn", "S"],
        [[0, 0, 0], [0, 0.5, 0.25], [0, 0, 0.5], [0.757, 0.757, 0.87]],
    )
    found = {site.element: site.oxidation_state for site in analyze_sites(stannite)}
    assert found == {"Fe": 2.0, "Cu": 1.0, "Sn": 4.0, "S": -2.0}
