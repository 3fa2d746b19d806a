"""What a route hands to the engine, and what is said of it in JSON and in a hash."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from compute.crystals.published import crystal
from compute.errors import InputError
from compute.l23 import routes
from compute.l23.prepared import PreparedCase
from compute.multiplet.case import parse_case
from compute.multiplet.transfer import OneElectronField
from compute.sites import analyze_sites


def prepared(name: str = "rocksalt-NiO", element: str = "Ni") -> PreparedCase:
    structure = crystal(name).structure()
    sites = analyze_sites(structure)
    return routes.prepare(structure, sites, next(s for s in sites if s.element == element))


def with_final_field(case: PreparedCase) -> PreparedCase:
    transfer = case.charge_transfer
    field = OneElectronField(1.1 * case.crystal_field, 0.9 * transfer.v, transfer.ligand)
    return replace(case, final_field=field)


def test_the_engine_reads_the_same_from_arrays_and_from_json():
    case = with_final_field(prepared())
    text = json.dumps(case.as_json())
    typed, read = parse_case(case.case()), parse_case(json.loads(text))
    assert typed.parameters == read.parameters
    for ours, theirs in zip(typed.fields, read.fields, strict=True):
        for a, b in zip(ours.matrices, theirs.matrices, strict=True):
            assert a.tolist() == b.tolist()


def test_what_a_case_says_is_what_the_engine_uses():
    case = with_final_field(prepared())
    parsed = parse_case(case.case())
    assert (parsed.element, parsed.charge, parsed.n_d) == ("Ni", 2, 8)
    assert parsed.charge == case.valence
    assert case.initial.items() <= parsed.initial.items()
    assert case.final.items() <= parsed.final.items()
    assert parsed.hwhm == case.hwhm_ev
    assert parsed.temperature == case.temperature_k
    assert parsed.charge_transfer.configurations == case.charge_transfer.configurations
    assert parsed.charge_transfer.v == pytest.approx(case.charge_transfer.v)
    assert parsed.final_field.v == pytest.approx(0.9 * case.charge_transfer.v)


def test_a_case_without_hopping_has_none_in_the_engine_either():
    case = replace(prepared(), charge_transfer=None)
    assert parse_case(case.case()).charge_transfer is None


def test_making_a_case_leaves_the_parameters_alone():
    case = prepared()
    made = case.case()
    made["initial"]["F2dd"] = 0.0
    made["charge_transfer"]["delta"] = 0.0
    assert case.initial["F2dd"] > 0.0
    assert case.charge_transfer.delta > 0.0


KEY: dict[str, Any] = {
    "structure_key": "abc",
    "valences": [(0, 2.0), (4, -2.0)],
    "site_index": 0,
    "route": "cheap",
}


@pytest.mark.parametrize(
    "other",
    [
        {"structure_key": "abd"},
        {"valences": [(0, 3.0), (4, -2.0)]},
        {"valences": [(0, 2.0), (4, -1.5)]},
        {"site_index": 4},
        {"route": "cluster"},
        {"temperature_k": 80.0},
    ],
)
def test_a_key_tells_apart_what_changes_the_spectrum(other: dict[str, Any]):
    assert routes.input_key(**KEY) != routes.input_key(**KEY | other)


def test_a_key_is_the_same_for_the_same_calculation():
    again = KEY | {"valences": [(4, np.float64(-2.0)), (0, 2.0 + 1e-9)], "temperature_k": 300}
    assert json.dumps(routes.input_key(**KEY)) == json.dumps(routes.input_key(**again))


@pytest.mark.parametrize("part", ["route", "engine", "atom"])
def test_a_key_holds_the_version_of_everything_that_decides_the_numbers(part: str, monkeypatch):
    before = routes.input_key(**KEY)
    assert part in before["versions"]
    if part == "route":
        changed = replace(routes.known("cheap"), version="cheap-next")
        monkeypatch.setitem(routes._REGISTRY, "cheap", changed)
    else:
        monkeypatch.setattr(routes, part.upper(), "next")
    assert routes.input_key(**KEY) != before


@pytest.mark.parametrize("ask", [routes.known, routes.absorbers, routes.version])
def test_an_unknown_route_is_refused_with_those_there_are(ask):
    with pytest.raises(InputError, match=r"route: known: cheap, cluster.*got 'dear'"):
        ask("dear")
