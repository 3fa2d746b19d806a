"""What every registered route keeps to; a new one is tested by being registered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compute.crystals.published import crystal
from compute.errors import InputError
from compute.l23 import routes
from compute.l23.prepared import PreparedCase
from compute.sites import analyze_sites
from tests.compute.l23.route_contract import REFUSED, check_cubic

SLOW = {"cluster"}  # converge fields of a cluster
every_route = pytest.mark.parametrize("route", routes.ROUTES)
every_result = pytest.mark.parametrize(
    "route", [pytest.param(r, marks=pytest.mark.slow if r in SLOW else ()) for r in routes.ROUTES]
)


def prepare(route: str, name: str, element: str, **changes) -> PreparedCase:
    structure = crystal(name).structure()
    sites = analyze_sites(structure)
    site = next(s for s in sites if s.element == element)
    return routes.prepare(structure, sites, replace(site, **changes), route)


@every_route
@pytest.mark.parametrize(("name", "element", "changes", "reason"), REFUSED)
def test_what_has_no_l23_multiplet_is_refused_by_site(route, name, element, changes, reason):
    with pytest.raises(InputError, match=rf"sites\[\d+\].*{reason}"):
        prepare(route, name, element, **changes)


@every_route
def test_a_route_knows_its_elements_and_versions(route):
    assert {"Ti", "Mn", "Ni", "Cu"} <= set(routes.absorbers(route))
    assert "Zn" not in routes.absorbers(route)
    versions = routes.version(route)
    assert versions["route"].startswith(route)
    assert all(versions.values())


@every_result
def test_parameters_are_those_of_an_ion_in_its_sites_symmetry(route):
    case = prepare(route, "perovskite-SrTiO3", "Ti")
    assert (case.element, case.valence, case.n_d) == ("Ti", 4.0, 0)
    check_cubic(case, 460.0)
    assert case.ten_dq > 1.0
