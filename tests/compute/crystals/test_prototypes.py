"""Hypothetical crystals are neutral, have the bond and polyhedron they were made for."""

from __future__ import annotations

import pytest

from compute.crystals.prototypes import PROTOTYPES, VALENCES, bond_length_ang, variants
from compute.sites import analyze_sites

GEOMETRY = {
    "perovskite": "octahedron", "rocksalt": "octahedron", "ReO3": "octahedron",
    "K2NiF4": "octahedron", "K2PtCl6": "octahedron", "zincblende": "tetrahedron",
    "chalcopyrite-like": "tetrahedron", "lazarevicite-like": "tetrahedron",
    "infinite layer": "square plane", "square pyramid": "square pyramid",
}  # fmt: skip


@pytest.mark.parametrize("element", ["Mn", "Cu"])
def test_ideal_variants_are_what_their_prototype_says(element: str) -> None:
    for variant in variants(element):
        if variant.strain or variant.scale != 1.0:
            break
        structure = variant.structure()
        assert structure.charge == 0, variant
        site = next(s for s in analyze_sites(structure) if s.element == element)
        assert site.oxidation_state == variant.valence
        assert site.oxidation_source == "stated"
        assert site.geometry == GEOMETRY[variant.prototype], variant
        assert set(site.ligand_elements) == {variant.ligand}
        coordination = PROTOTYPES[variant.prototype].coordination
        bond = bond_length_ang(element, variant.valence, variant.ligand, coordination)
        assert site.mean_bond_length_ang == pytest.approx(bond, rel=0.06), variant


def test_every_element_but_scandium_has_a_thousand_variants_all_different() -> None:
    for element in VALENCES:
        ids = [variant.id for variant in variants(element)]
        assert len(ids) == len(set(ids))
        assert len(ids) >= (900 if element == "Sc" else 1000)


def test_a_strained_cell_keeps_its_volume() -> None:
    found = list(variants("Ni"))
    ideal = next(v for v in found if v.strain == 0 and v.scale == 1)
    strained = next(
        v
        for v in found
        if v.strain
        and v.scale == 1
        and v.prototype == ideal.prototype
        and (v.valence, v.ligand) == (ideal.valence, ideal.ligand)
    )
    assert strained.structure().volume == pytest.approx(ideal.structure().volume)
