"""The gate stops what cannot be and nothing that can."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from compute.crystals.published import crystal, crystals
from compute.sites import analyze_sites
from compute.structures.findings import Weight, obstacles
from compute.structures.read import check
from compute.structures.valence import valence_findings
from tests.shared_data import shared_data

MOLECULES = {
    "water": (["O", "H", "H"], [[0, 0, 0], [0.76, 0.59, 0], [-0.76, 0.59, 0]]),
    "hydrogen": (["H", "H"], [[0, 0, 0], [0.74, 0, 0]]),
    "nitrogen": (["N", "N"], [[0, 0, 0], [1.10, 0, 0]]),
    "carbon monoxide": (["C", "O"], [[0, 0, 0], [1.13, 0, 0]]),
    "nickel carbonyl": (
        ["Ni"] + ["C"] * 4 + ["O"] * 4,
        [[0, 0, 0]]
        + [[r * x, r * y, r * z] for r in (1.06, 1.72)
           for x, y, z in ((1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1))],
    ),
    "uranyl": (["U", "O", "O"], [[0, 0, 0], [1.76, 0, 0], [-1.76, 0, 0]]),
}  # fmt: skip


def boxed(species: list[str], places: list[list[float]], side: float) -> Structure:
    return Structure(Lattice.cubic(side), species, places, coords_are_cartesian=True)


# Ferrocene: rings of five carbons 1.66 Å over and under the iron, C 1.21 Å and H 2.29 Å off axis.
_RING = [(r * np.cos(2 * np.pi * k / 5), r * np.sin(2 * np.pi * k / 5), z)
         for r in (1.21, 2.29) for z in (-1.66, 1.66) for k in range(5)]  # fmt: skip
MOLECULES["ferrocene"] = (["Fe"] + ["C"] * 10 + ["H"] * 10, [[0, 0, 0], *map(list, _RING)])


@pytest.mark.parametrize("side", [8.0, 15.0, 25.0])
@pytest.mark.parametrize("name", MOLECULES)
def test_a_molecule_in_a_box_passes(name: str, side: float) -> None:
    assert check(boxed(*MOLECULES[name], side)) == []


@pytest.mark.parametrize("symbol", ["Cu", "Na", "Ar", "O"])
def test_a_lone_atom_in_a_box_passes(symbol: str) -> None:
    assert check(boxed([symbol], [[0, 0, 0]], 10.0)) == []


def test_a_slab_in_vacuum_passes() -> None:
    slab = crystal("rocksalt-NiO").structure()
    slab.make_supercell([1, 1, 2])
    places = slab.frac_coords * [1, 1, 0.5]
    cell = Lattice(slab.lattice.matrix * np.array([[1.0], [1.0], [2.0]]))
    assert check(Structure(cell, slab.species, places)) == []


def test_published_crystals_pass() -> None:
    stopped = [one.id for one in crystals() if obstacles(check(one.structure()))]
    assert stopped == []


@pytest.mark.slow
def test_of_computed_crystals_less_than_one_in_a_hundred_is_stopped() -> None:
    n = stopped = 0
    with gzip.open(shared_data("feff_cu_k", "structures.jsonl.gz"), "rt") as lines:
        for line in lines:
            row = json.loads(line)
            structure = Structure(row["lattice"], row["species"], row["frac"])
            findings = [*check(structure), *valence_findings(structure, analyze_sites(structure))]
            n, stopped = n + 1, stopped + bool(obstacles(findings))
    assert n == 1626
    assert stopped < 0.01 * n


@pytest.mark.parametrize(
    ("structure", "code"),
    [
        (Structure(Lattice.cubic(4.18), ["Ni", "O"], [[0, 0, 0], [0.25, 0, 0]]), "contact"),
        (Structure(Lattice.cubic(4.18), ["Ni", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]]), "lonely atom"),
        (
            Structure.from_spacegroup(
                "Fm-3m", Lattice.cubic(3.1), ["Ni", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]]
            ),
            "density",
        ),
        # Quartz of the other hand's origin: six Si where there are three.
        (
            Structure.from_spacegroup(
                "P3_121",
                Lattice.hexagonal(4.913, 5.405),
                ["Si", "O"],
                [[0.4697, 0, 2 / 3], [0.4135, 0.2669, 0.7858]],
            ),
            "bond valence",
        ),
        # Rutile with its cell in pm.
        (
            Structure.from_spacegroup(
                "P4_2/mnm",
                Lattice.tetragonal(459.4, 295.9),
                ["Ti", "O"],
                [[0, 0, 0], [0.305, 0.305, 0]],
            ),
            "lonely atom",
        ),
    ],
)
def test_what_cannot_be_is_doubted_and_says_why(structure: Structure, code: str) -> None:
    found = {one.code: one for one in check(structure)}
    assert found[code].weight == Weight.DOUBT
    assert any(ch.isdigit() for ch in found[code].text)


def test_two_half_occupied_places_exclude_each_other() -> None:
    places = [[0, 0, 0], [0.05, 0, 0], [0.5, 0, 0]]
    split = Structure(Lattice.cubic(4.0), [{"Ni": 0.5}, {"Ni": 0.5}, "O"], places)
    assert {one.code for one in check(split)} == {"partial occupancy"}


@pytest.mark.parametrize(("name", "valence"), [("ferrocene", 2.0), ("nickel carbonyl", 0.0)])
def test_a_metal_bound_to_carbon_has_the_valence_that_its_ligands_leave(
    name: str, valence: float
) -> None:
    molecule = boxed(*MOLECULES[name], 15.0)
    sites = analyze_sites(molecule)
    assert sites[0].oxidation_state == valence
    assert not obstacles(valence_findings(molecule, sites))
