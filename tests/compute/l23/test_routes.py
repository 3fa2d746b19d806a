"""From a site to its spectrum by any route: what does not depend on the route."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from compute.crystals.published import crystal
from compute.errors import InputError
from compute.l23.spectrum import l23_spectrum
from compute.sites import analyze_sites


def spectrum_of(name: str, element: str, valence: float):
    structure = crystal(name).structure()
    sites = analyze_sites(structure)
    site = next(s for s in sites if s.element == element)
    return l23_spectrum(structure, sites, replace(site, oxidation_state=valence))


def test_a_shared_charge_is_the_two_ions_next_to_it():
    lower, upper, shared = (spectrum_of("rocksalt-NiO", "Ni", v) for v in (2.0, 3.0, 2.25))
    expected = 0.75 * np.interp(shared.energy_ev, lower.energy_ev, lower.intensity)
    expected += 0.25 * np.interp(shared.energy_ev, upper.energy_ev, upper.intensity)
    assert shared.intensity == pytest.approx(expected, abs=2e-3 * expected.max())
    assert np.diff(shared.energy_ev) == pytest.approx(0.05)
    assert [one["weight"] for one in shared.result["mixture"]] == [0.75, 0.25]
    assert shared.result["parameters"]["n_d"] == 8
    assert shared.ten_dq == pytest.approx(0.75 * lower.ten_dq + 0.25 * upper.ten_dq)


def test_the_share_with_a_full_shell_absorbs_nothing():
    whole, shared = (spectrum_of("CuO", "Cu", valence) for valence in (2.0, 1.5))
    expected = 0.5 * np.interp(shared.energy_ev, whole.energy_ev, whole.intensity)
    assert shared.intensity == pytest.approx(expected, abs=1e-3 * expected.max())
    assert shared.energy_offset_ev == pytest.approx(whole.energy_offset_ev)
    assert shared.ten_dq == pytest.approx(whole.ten_dq)
    occupation = whole.result["expectation"]["n_d"]
    assert shared.result["expectation"]["n_d"] == pytest.approx((occupation + 10.0) / 2.0)
    assert shared.result["mean_d_holes"] == pytest.approx(whole.result["mean_d_holes"] / 2.0)


@pytest.mark.parametrize(("valence", "reason"), [(1.0, "shell is full"), (0.0, "no 3d ion|no ion")])
def test_what_absorbs_nothing_is_told(valence: float, reason: str):
    with pytest.raises(InputError, match=reason):
        spectrum_of("CuO", "Cu", valence)
