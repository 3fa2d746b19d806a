"""Maps as pictures."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from spectradb.plots.raster import PHASES, SCALE, blended, coloured, limits, png, table


def test_the_scale_runs_from_its_first_to_its_last_colour():
    colours = table()
    assert ["".join(f"{one:02x}" for one in colours[k]) for k in (0, -1)] == [SCALE[0], SCALE[-1]]
    lightness = colours.astype(float) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) > -1).all()


def test_gaps_are_transparent_and_opacity_is_kept():
    image = coloured([[0.0, 1.0, np.nan]], (0.0, 1.0), [[1.0, 0.5, 1.0]])
    assert image[0, :, 3].tolist() == [255, 128, 0]
    assert image[0, 1, :3].tolist() == table()[-1].tolist()


def test_one_phase_alone_has_its_colour():
    image = blended(np.array([[[1.0, 0.0]], [[0.0, 0.0]]]))
    assert "".join(f"{one:02x}" for one in image[0, 0, :3]) == PHASES[0]
    assert image[0, :, 3].tolist() == [255, 0]


def test_small_maps_are_enlarged_without_blurring():
    image = coloured([[0.0, 1.0]], (0.0, 1.0))
    large = np.asarray(Image.open(io.BytesIO(png(image, least=8))))
    assert large.shape == (4, 8, 4)
    assert (large == image.repeat(4, axis=0).repeat(4, axis=1)).all()


def test_limits_leave_outliers_and_gaps_out():
    low, high = limits([*np.linspace(0, 1, 1000), 1e6, np.nan])
    assert 0 <= low < 0.01
    assert high < 1.01
    assert limits([np.nan]) == (0.0, 1.0)
    assert limits([3.0, 3.0]) == (2.5, 3.5)
