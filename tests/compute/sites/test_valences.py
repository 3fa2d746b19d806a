"""Oxidation states against the cited set; ``tests.benchmarks.valences`` tells the figures."""

from __future__ import annotations

import pytest

from compute.sites import analyze_sites
from compute.structures.findings import obstacles
from compute.structures.read import check
from compute.structures.valence import valence_findings
from tests.benchmarks.valences import judge
from tests.compute.sites.valence_set import entries, mostly_slow

NAMED = (
    *("porphine-Ni", "porphine-Fe", "porphine-FeCl", "phthalocyanine-Cu", "LaNiO2", "NdNiO2"),
    *("MnPS3", "NiPS3", "Prussian blue, soluble", "Mg2FeH6", "pyrite-FeS2", "amcsd-17606"),
    *("tm-FeCP2", "tm-NiCO4", "tm-MnHCO5", "rost61-m85", "amcsd-9871", "amcsd-17185", "K2NiF6"),
)


@pytest.mark.parametrize("id", mostly_slow(NAMED))
def test_molecules_and_unusual_states_come_out_as_accepted(id: str) -> None:
    rows = judge(next(entry for entry in entries() if entry.id == id))
    assert rows
    assert all(row.right and not row.note for row in rows)


def test_the_set_is_large_and_every_entry_has_a_source() -> None:
    kinds = [entry.kind for entry in entries()]
    assert len(kinds) >= 200
    assert kinds.count("molecular") >= 40
    assert kinds.count("unusual") >= 20
    assert all(entry.citation for entry in entries())
    halves = {entry.family: entry.half for entry in entries()}
    assert {entry.half for entry in entries()} == {"development", "held out"}
    assert all(halves[entry.family] == entry.half for entry in entries())


@pytest.mark.slow
def test_of_all_sites_97_in_100_are_right_and_none_is_wrong_and_sure() -> None:
    rows = [row for entry in entries() for row in judge(entry)]
    right = [row for row in rows if row.right]
    assert len(right) >= 0.97 * len(rows)
    assert [row.entry.id for row in rows if not row.right and row.confidence > 0.9] == []
    assert sum(row.confidence > 0.9 for row in right) >= 0.75 * len(right)


@pytest.mark.parametrize("charge", [-2, pytest.param(-3, marks=pytest.mark.slow)])
def test_the_charge_of_a_molecule_decides(charge: int) -> None:
    entry = next(entry for entry in entries() if entry.id == "Fe3-CN6-3")
    structure = entry.structure()
    structure.set_charge(charge - 1)
    (iron,) = (site for site in analyze_sites(structure) if site.element == "Fe")
    assert iron.oxidation_state == 5 + charge
    assert not obstacles([*check(structure), *valence_findings(structure, [iron])])
