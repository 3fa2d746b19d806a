"""Which shells are of cyanides."""

from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from compute.errors import OutOfRangeError
from compute.l23.cluster.cyanides import second_atoms
from compute.l23.cluster.embedding import embed
from compute.l23.fitting.complexes import complex_structure
from compute.l23.routes import prepare
from compute.sites import analyze_sites

_WAYS = np.array([(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)], float)


def _complex(
    pairs: list[tuple[str, str]], charges: tuple[float, float], bond: float = 1.15
) -> tuple[Structure, dict[int | str, float]]:
    """An iron ion in an octahedron of two-atom ligands."""
    count = len(pairs)
    names = ["Fe", *(first for first, _ in pairs), *(second for _, second in pairs)]
    places = np.vstack([np.zeros((1, 3)), 1.95 * _WAYS[:count], (1.95 + bond) * _WAYS[:count]])
    structure = Structure(Lattice.cubic(18.0), names, 9.0 + places, coords_are_cartesian=True)
    stated = [2.0, *[charges[0]] * count, *[charges[1]] * count]
    return structure, dict(enumerate(stated))


def _seconds(structure: Structure, stated: dict[int | str, float]) -> list[str]:
    sites = analyze_sites(structure, stated=stated)
    iron = next(site for site in sites if site.element == "Fe")
    return [one.element for one in second_atoms(structure, sites, iron)]


@pytest.mark.parametrize("count", [4, 6])
def test_cyanides_bring_their_nitrogens(count: int) -> None:
    assert _seconds(*_complex([("C", "N")] * count, (2.0, -3.0))) == ["N"] * count


def test_of_prussian_blue_the_ion_bound_to_carbon_is_known_and_the_other_refused() -> None:
    structure = Structure.from_spacegroup(
        "F-43m",
        Lattice.cubic(10.16),
        ["Fe", "Fe", "K", "C", "N"],
        [[0, 0, 0], [0.5, 0.5, 0.5], [0.25, 0.25, 0.25], [0.189, 0, 0], [0.3012, 0, 0]],
    )
    sites = analyze_sites(structure)
    found = {
        site.oxidation_state: {one.element for one in second_atoms(structure, sites, site)}
        for site in sites
        if site.element == "Fe"
    }
    assert found == {2.0: {"N"}, 3.0: set()}
    other = next(site for site in sites if site.oxidation_state == 3.0)
    with pytest.raises(OutOfRangeError, match="cyanide's other end"):
        prepare(structure, sites, other, "cluster")


@pytest.mark.parametrize(
    ("pairs", "charges", "bond"),
    [
        ([("C", "N")] * 6, (3.0, -3.0), 1.15),  # no CN−
        ([("C", "N")] * 6, (2.0, -3.0), 1.40),  # a single bond
        ([("C", "O")] * 6, (2.0, -2.0), 1.15),
        ([("C", "O"), *[("C", "N")] * 5], (2.0, -3.0), 1.15),
        ([("N", "O")] * 6, (2.0, -2.0), 1.15),
        ([("N", "N")] * 6, (-0.5, -0.5), 1.15),
    ],
)
def test_other_molecules_are_none(
    pairs: list[tuple[str, str]], charges: tuple[float, float], bond: float
) -> None:
    assert _seconds(*_complex(pairs, charges, bond)) == []


def test_isocyanides_are_none_and_are_refused_in_words() -> None:
    structure, stated = _complex([("C", "N")] * 6, (2.0, -3.0))
    for way in _WAYS:
        stated[len(structure)] = 0.0
        structure.append("C", 9.0 + (1.95 + 1.15 + 1.42) * way, coords_are_cartesian=True)
    sites = analyze_sites(structure, stated=stated)
    assert second_atoms(structure, sites, sites[0]) == ()
    with pytest.raises(OutOfRangeError, match="shells of cyanides alone") as told:
        prepare(structure, sites, sites[0], "cluster")
    assert told.value.field == "sites[0]"


def test_both_atoms_are_inside_and_no_charge_stands_on_them() -> None:
    structure, stated = complex_structure("Fe", 2, "CN", 6, 1.92)
    sites = analyze_sites(structure, stated=stated)
    seconds = second_atoms(structure, sites, sites[0])
    around = embed(structure, sites, sites[0], seconds)
    # Nothing but the sphere that stands for the rest of the lattice.
    assert np.linalg.norm(around.positions, axis=1).min() > 20.0
    assert not around.cores
    assert around.hydrogens.shape == (0, 3)


def test_an_empty_shell_beside_cyanide_is_refused_before_any_field_is_solved() -> None:
    structure, charges = complex_structure("Ti", 4, "CN", 6, 2.1)
    sites = analyze_sites(structure, stated=charges)
    with pytest.raises(OutOfRangeError, match="an empty 3d shell has nothing to give back"):
        prepare(structure, sites, sites[0], "cluster")
