"""A grid that misses the spectrum, or steps over its lines, is told."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from compute.multiplet import solve
from compute.multiplet.coverage import grid_warnings
from compute.multiplet.lineshape import LineShape
from compute.multiplet.response import SpectralLines
from tests.shared_data import shared_data

NI: dict[str, Any] = {"element": "Ni", "charge": 2, "crystal_field": {"ten_dq": 1.1}}


def warnings(method: str = "dense", **changes: Any) -> list[str]:
    found = solve(NI | {"method": method} | changes)["warnings"]
    assert isinstance(found, list)
    return found


def grid(start: float, stop: float, step: float) -> dict[str, float]:
    return {"start": start, "stop": stop, "step": step}


@pytest.mark.parametrize("method", ["dense", "lanczos", "rscg"])
def test_the_default_grid_holds_the_spectrum(method: str) -> None:
    assert warnings(method) == []


@pytest.mark.parametrize("method", ["dense", "lanczos", "rscg"])
@pytest.mark.parametrize("at", [(840, 890, 0.1), (-300, -50, 0.1), (30, 30, 0.1)])
def test_a_grid_beside_the_spectrum_is_told(method: str, at: tuple[float, float, float]) -> None:
    (text,) = warnings(method, grid=grid(*at))
    assert "misses the spectrum" in text
    assert "relative" in text


def test_a_grid_that_ends_before_l2_tells_how_much_it_holds() -> None:
    (text,) = warnings(grid=grid(-20, 5, 0.1))
    assert "holds 7" in text  # the branching ratio, in per cent


@pytest.mark.parametrize(
    ("step", "changes", "told"),
    [
        (0.5, {}, True),
        (0.2, {}, False),
        (0.5, {"hwhm_ev": {"l3": 0.2, "l2": 0.6}}, True),
        (0.5, {"hwhm_ev": 0.6}, False),
        (0.5, {"fwhm_gauss_ev": 1.5}, False),  # the instrument makes the lines wide enough
    ],
)
def test_a_step_wider_than_the_lines_is_told(
    step: float, changes: dict[str, Any], told: bool
) -> None:
    found = warnings(grid=grid(-30, 30, step), **changes)
    assert ["coarser" in text for text in found] == [True] * told


def test_a_spectrum_without_strength_is_told() -> None:
    (text,) = grid_warnings(np.arange(3.0), LineShape(), 0.0, SpectralLines(), 0.0)
    assert "zero" in text


def test_photon_energies_as_a_grid_are_told() -> None:
    path = shared_data("wild", "multiplet", "absolute_grid.json")
    (text,) = solve(json.loads(path.read_text(encoding="utf-8")))["warnings"]
    assert "misses the spectrum" in text
