"""Neighbours that inform each other."""

from __future__ import annotations

import numpy as np

from compute.series.alike import Alike
from compute.series.noise import Noise
from tests.compute.series.made import CHANNELS, FOREIGN, REFERENCES

COUNTS = 40.0
POISSON = Noise("poisson", 0.0, 1.0)


class Map:
    """Two phases side by side and one stranger, counted."""

    def __init__(self, seed: int = 0, shape: tuple[int, ...] = (12, 16)) -> None:
        rng = np.random.default_rng(seed)
        self.shape = shape
        self.n_spectra = int(np.prod(shape))
        self.label = np.zeros(shape, int)
        self.label[..., shape[-1] // 2 :] = 1
        self.truth = REFERENCES[self.label] * rng.uniform(0.7, 1.3, shape)[..., None]
        if len(shape) > 1:
            self.truth[5, 3] = FOREIGN
        self.truth = self.truth.reshape(-1, CHANNELS)
        self.values = rng.poisson(COUNTS * self.truth).astype(float)

    def rows(self, start: int, stop: int) -> np.ndarray:
        return self.values[start:stop]


def pooled(series: Map) -> tuple[np.ndarray, np.ndarray]:
    alike = Alike.judged(series.values, POISSON)
    rows, counts = zip(
        *(
            alike.pooled(series, start, min(start + 50, series.n_spectra))
            for start in range(0, series.n_spectra, 50)
        ),
        strict=True,
    )
    return np.vstack(rows), np.concatenate(counts).reshape(series.shape)


def test_neighbours_of_the_same_phase_halve_the_noise_and_others_stay_out():
    series = Map()
    rows, counts = pooled(series)
    inside = counts[1:-1, 1:-1]
    assert inside[:, [0, 1, -2, -1]].mean() > 6.5  # of nine, 5 % each left out by chance
    border = counts[:, [7, 8]]
    assert border.max() <= 6
    assert counts[5, 3] == 1
    shape = rows / rows.mean(axis=1, keepdims=True)
    truth = series.truth / series.truth.mean(axis=1, keepdims=True)
    before = series.values / series.values.mean(axis=1, keepdims=True)
    assert np.std(shape - truth) < 0.5 * np.std(before - truth)


def test_along_a_line_neighbours_are_the_two_beside():
    _, counts = pooled(Map(shape=(120,)))
    assert counts.max() == 3
    assert counts[[0, -1]].max() <= 2


def test_spectra_with_gaps_are_left_as_they_are_and_inform_nobody():
    series = Map()
    series.values[100, 7] = np.nan
    rows, counts = pooled(series)
    assert counts.reshape(-1)[100] == 1
    assert np.isfinite(np.delete(rows, 100, axis=0)).all()
