"""The stored path keeps what the eye looks for."""

from __future__ import annotations

import re

import numpy as np

from spectradb.plots import SPARK_HEIGHT, SPARK_WIDTH, edge_window, sparkline_path
from spectradb.plots.sparkline import thin


def _points(path: str) -> np.ndarray:
    start, steps = path[1:].split("l")
    numbers = [int(n) for n in re.findall(r"-?\d+", start + " " + steps)]
    return np.cumsum(np.array(numbers).reshape(-1, 2), axis=0)


def test_path_fills_its_box_with_at_most_64_points() -> None:
    e = np.linspace(840, 880, 801)
    y = 0.04 / ((e - 853) ** 2 + 0.04) + 0.02 / ((e - 871) ** 2 + 0.04)
    xy = _points(sparkline_path(e, y))
    assert len(xy) <= 64
    assert xy[0, 0] == 0
    assert xy[-1, 0] == SPARK_WIDTH
    assert xy[:, 1].min() == 2
    assert xy[:, 1].max() == SPARK_HEIGHT - 2


def test_thinning_keeps_a_line_narrower_than_a_bucket() -> None:
    e = np.linspace(0, 100, 10_001)
    y = np.zeros_like(e)
    y[5_003] = 1.0
    assert 5_003 in thin(e, y, 64)


def test_thinning_is_that_of_the_paper_bucket_by_bucket() -> None:
    draws = np.random.default_rng(3)
    for n, points in ((1_000, 200), (65, 64), (415, 400), (301, 3), (4_001, 64)):
        x, y = np.cumsum(draws.uniform(0.1, 1.0, n)), draws.normal(size=n)
        bounds, kept = np.linspace(1, n - 1, points - 1).astype(int), [0]
        for start, stop, after in zip(bounds, bounds[1:], [*bounds[2:], n], strict=False):
            mx, my = x[stop:after].mean(), y[stop:after].mean()
            xa, ya = x[kept[-1]], y[kept[-1]]
            areas = [
                abs((xa - mx) * (y[one] - ya) - (xa - x[one]) * (my - ya))
                for one in range(start, stop)
            ]
            kept.append(int(start + np.argmax(areas)))
        assert thin(x, y, points).tolist() == [*kept, n - 1]


def test_long_scan_is_cropped_to_its_edge() -> None:
    e = np.arange(8760.0, 9650.0, 0.5)
    y = 1 / (1 + np.exp(-(e - 8984) / 0.8)) - 1e-4 * (e - 8760)
    lo, hi = edge_window(e, y)
    assert lo < 8984 < hi
    assert abs(lo + 25 - 8984) < 2


def test_a_known_edge_is_shown_and_not_a_larger_one_of_another_element() -> None:
    e = np.arange(7000.0, 7900.0, 0.5)
    y = np.arctan(e - 7120) + 5 * np.arctan(e - 7717)
    lo, hi = edge_window(e, y, 7112.0)
    assert lo < 7112 < hi < 7709
    assert edge_window(e, y, 9659.0) == edge_window(e, y)


def test_short_spectrum_is_shown_whole() -> None:
    assert edge_window(np.linspace(0, 40, 50), np.ones(50)) == (0.0, 40.0)


def test_flat_or_broken_data_draw_nothing_wrong() -> None:
    assert len(_points(sparkline_path([1, 2, 3], [5, 5, 5]))) == 3
    assert sparkline_path([1.0, 2.0], [np.nan, 1.0]) == ""
