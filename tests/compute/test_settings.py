"""The ligand field does not depend on how the crystal is written down: cell, origin, order."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from pymatgen.core import Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from compute.crystals.published import crystal, crystals
from compute.errors import InputError
from compute.l23.cheap.parameters import parameters
from compute.sites import Site, analyze_sites

_SAME = 5e-3  # eV; CIFs carry five decimals
Fingerprint = tuple[str, float, str, str, tuple[float, ...]]


def other_settings(structure: Structure) -> Iterator[Structure]:
    yield SpacegroupAnalyzer(structure).get_primitive_standard_structure()
    yield structure.get_reduced_structure("niggli")
    skew = structure.copy()
    skew.make_supercell([[1, 1, 0], [0, 1, 0], [0, 0, 1]])
    yield skew
    shuffled = Structure.from_sites(list(structure)[::-1])
    shuffled.translate_sites(list(range(len(shuffled))), [0.137, 0.271, 0.419])
    yield shuffled
    if len(structure) <= 30:
        double = structure.copy()
        double.make_supercell([[1, 1, 0], [1, -1, 0], [0, 0, 1]])
        yield double
    stated = structure.copy()
    for site in analyze_sites(structure):
        for index in site.equivalent_indices:
            charge = site.oxidation_state
            stated.replace(index, {f"{site.element}{abs(charge):g}{'-' if charge < 0 else '+'}": 1})
    yield stated


def fingerprints(structure: Structure) -> list[tuple[Fingerprint, float]]:
    """What cannot depend on the setting, of every 3d site, with its share of the atoms."""
    sites = analyze_sites(structure)
    found = [(_of(structure, sites, site), site.multiplicity / len(structure)) for site in sites]
    return sorted(((one, share) for one, share in found if one), key=str)


def _of(structure: Structure, sites: list[Site], site: Site) -> Fingerprint | None:
    try:
        prepared = parameters(structure, sites, site)
    except InputError:
        return None
    numbers = [prepared.ten_dq, prepared.energy_offset_ev]
    numbers += np.linalg.eigvalsh(prepared.crystal_field).tolist()
    if prepared.charge_transfer is not None:
        for matrix in (prepared.charge_transfer.v, prepared.charge_transfer.ligand):
            numbers += np.linalg.eigvalsh(matrix).tolist()
    return site.element, site.oxidation_state, site.geometry, site.spin_state, tuple(numbers)


def check(name: str) -> None:
    structure = crystal(name).structure()
    expected = fingerprints(structure)
    for k, other in enumerate(other_settings(structure)):
        found = fingerprints(other)
        assert [one[:4] for one, _ in found] == [one[:4] for one, _ in expected], (name, k)
        for (one, share), (two, same_share) in zip(found, expected, strict=True):
            assert share == pytest.approx(same_share), (name, k)
            assert one[4] == pytest.approx(two[4], abs=_SAME), (name, k)


@pytest.mark.parametrize("name", ["CuO", "spinel-Co3O4"])
def test_no_setting_changes_the_field(name: str) -> None:
    check(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [one.id for one in crystals()[::4]])
def test_no_setting_changes_the_field_of_the_library(name: str) -> None:
    check(name)
