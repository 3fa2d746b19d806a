"""What a figure sends to the page."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest

from spectradb.plots import Curve, Figure
from spectradb.plots.svg import spaced
from tests.factories import lorentzians


@pytest.mark.parametrize("n_curves", [1, 4, 12, 20])
def test_a_figure_of_many_curves_is_small_and_its_lines_are_where_they_were(n_curves: int) -> None:
    energy = np.linspace(840.0, 890.0, 2001)
    y = lorentzians(energy, ((853.2, 0.15, 1.0), (855.1, 0.4, 0.4), (870.5, 0.5, 0.5)))
    curves = [Curve(f"curve {k}", energy, y * (1 + k / 7)) for k in range(n_curves)]
    told = Figure("", "", (840.0, 890.0), (0.0, 1.0), curves).to_json()
    assert len(gzip.compress(json.dumps(told).encode(), 6)) < 16_000
    for one, curve in zip(told["curves"], curves, strict=True):
        drawn = np.interp(energy, one["x"], one["y"])
        whole = np.asarray(curve.y)
        assert np.abs(drawn - whole).max() < 0.004 * whole.max()
        assert one["x"][int(np.argmax(one["y"]))] == pytest.approx(853.2, abs=0.03)


def test_dots_of_a_measurement_stand_apart_and_follow_it() -> None:
    x = np.linspace(0.0, 10.0, 501)
    y = np.sin(x)
    kept = spaced(x, y, (0.0, 10.0), (-1.0, 1.0), (840.0, 340.0), 6.0)
    px, py = 84.0 * x, 170.0 * (y + 1.0)
    steps = np.hypot(np.diff(px[kept]), np.diff(py[kept]))
    assert kept[0] == 0
    assert steps.min() >= 6.0
    left_out = np.hypot(np.diff(px), np.diff(py)).max()
    assert steps.max() < 6.0 + left_out
