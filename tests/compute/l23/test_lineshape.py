"""Widths by element and edge, and continuum steps."""

from __future__ import annotations

import numpy as np
import pytest

from compute.crystals.published import crystal
from compute.errors import InputError
from compute.ions import ELEMENTS_3D
from compute.l23 import routes
from compute.l23.lineshape import LEVEL_FWHM_EV, PLAIN, Shape, continuum
from compute.l23.prepared import HWHM_EV
from compute.l23.spectrum import SiteSpectrum, l23_spectrum
from compute.sites import analyze_sites


def computed(shape: Shape = PLAIN) -> SiteSpectrum:
    structure = crystal("CuO").structure()
    sites = analyze_sites(structure)
    return l23_spectrum(structure, sites, sites[0], shape=shape)


def test_every_3d_element_has_widths_and_l2_is_the_broader_edge() -> None:
    assert set(LEVEL_FWHM_EV) == set(ELEMENTS_3D)
    for element in ELEMENTS_3D:
        l3, l2 = Shape("table").hwhm_ev(element)
        assert 0.1 < l3 < l2 < 0.6
        assert PLAIN.hwhm_ev(element) == HWHM_EV
    assert Shape("table").hwhm_ev("Fe") == (0.205, 0.57)


@pytest.mark.parametrize(("widths", "height"), [("broad", 0.0), ("table", -0.1), ("table", 7.0)])
def test_what_is_no_shape_is_refused(widths: str, height: float) -> None:
    with pytest.raises(InputError, match=r"widths|continuum"):
        Shape(widths, height)


def test_a_shape_is_part_of_the_key_and_the_default_leaves_keys_as_they_were() -> None:
    given = ("abc", [(0, 2.0)], 0, "cheap")
    plain = routes.input_key(*given)
    assert "shape" not in plain
    assert routes.input_key(*given, shape=PLAIN.chosen) == plain
    keys = [routes.input_key(*given, shape=s.chosen) for s in (Shape("table"), Shape("table", 0.1))]
    assert keys[0] != keys[1] != plain


def test_widths_of_the_table_are_those_that_the_engine_uses() -> None:
    plain, broad = computed(), computed(Shape("table"))
    assert broad.result["parameters"]["hwhm_ev"] == {"l3": 0.305, "l2": 0.52}
    assert broad.intensity.max() < plain.intensity.max()
    area = [np.trapezoid(one.intensity, one.energy_ev) for one in (plain, broad)]
    assert area[1] == pytest.approx(area[0], rel=0.02)


def test_widths_rise_with_the_hopping_of_e_g() -> None:
    found = computed(Shape("bands"))
    rise = found.result["parameters"]["hwhm_rise"]
    assert rise["per_ev"] == pytest.approx(0.055, abs=0.02)
    assert rise["most_ev"] == pytest.approx(5 * rise["per_ev"])
    turned = np.linalg.qr(np.random.default_rng(2).normal(size=(5, 5)))[0]
    v = np.diag([2.0, 2.0, 1.1, 1.1, 1.1])
    once, again = (Shape("bands").hwhm_rise(matrix) for matrix in (v, turned @ v @ turned.T))
    assert once == pytest.approx(again)
    assert Shape("table").hwhm_rise(v) is None
    assert Shape("bands").hwhm_rise(None) is None


def test_steps_rise_under_l3_and_l2_two_to_one() -> None:
    energy = np.arange(-40.0, 80.0, 0.05)
    steps = continuum(energy, 0.0, 20.0, 0.3, (0.2, 0.4))
    at = np.interp([-35.0, 0.0, 10.0, 20.0, 75.0], energy, steps)
    assert at == pytest.approx([0.0, 0.1, 0.2, 0.25, 0.3], abs=0.005)
    assert (np.diff(steps) > 0).all()


def test_steps_are_added_to_the_lines_and_leave_sums_alone() -> None:
    plain, stepped = computed(), computed(Shape(continuum=0.12))
    added = stepped.intensity - plain.intensity
    assert added[-1] == pytest.approx(0.12 * plain.intensity.max(), rel=0.03)
    assert abs(added[0]) < 0.01 * plain.intensity.max()
    assert stepped.result["total_intensity"] == plain.result["total_intensity"]
    np.testing.assert_array_equal(stepped.energy_ev, plain.energy_ev)
