"""Adapting a frozen model to a few measured spectra."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from ml.errors import LearningError
from ml.kinds.adapted import Adaptation, Adapted, Curve
from tests.ml.kinds.models import fitted
from tests.ml.samples import GRID, halides

FINE = np.linspace(-20.0, 45.0, 1301)


def measured(spectra: np.ndarray, extra: float = 0.0) -> list[Curve]:
    """What an instrument would make of them: 2.5 eV lower, broader, 1.3 times as high."""
    found = []
    for row in spectra:
        y = np.interp(FINE, GRID, row)
        y = gaussian_filter1d(y, 1.0 / 0.05, mode="nearest")
        found.append(Curve(FINE - 2.5, 1.3 * y + extra * np.exp(-(((FINE - 15) / 2) ** 2))))
    return found


def test_shift_broadening_and_scale_are_found() -> None:
    frozen = halides(5).target.astype(np.float64)
    found = Adaptation.learn(GRID, frozen, measured(frozen), np.arange(5))
    assert found.shift_ev == pytest.approx(-2.5, abs=0.11)
    assert found.sigma_ev == pytest.approx(1.0, abs=0.26)
    assert found.scale == pytest.approx(1.3, rel=0.05)
    assert np.abs(found.correction).max() < 0.05


def test_what_all_compounds_lack_is_added() -> None:
    frozen = halides(5).target.astype(np.float64)
    found = Adaptation.learn(GRID, frozen, measured(frozen, 0.15), np.arange(5))
    assert found.correction[np.argmin(abs(GRID - 15))] == pytest.approx(0.15, abs=0.05)


def test_many_spectra_of_one_compound_count_once() -> None:
    frozen = halides(3).target.astype(np.float64)
    curves = measured(frozen)
    many = [curves[0]] * 9 + curves[1:]
    rows = np.array([0] * 9 + [1, 2])
    a = Adaptation.learn(GRID, frozen, curves, np.arange(3))
    b = Adaptation.learn(GRID, frozen[rows], many, rows)
    np.testing.assert_allclose(a.correction, b.correction, atol=1e-9)


def test_one_compound_is_refused() -> None:
    frozen = halides(1).target.astype(np.float64)
    with pytest.raises(LearningError, match="at least 2"):
        Adaptation.learn(GRID, frozen, measured(frozen), np.zeros(1, np.int64))


def test_an_adapted_model_is_on_the_measured_scale_and_no_surer_than_its_compounds() -> None:
    model = fitted("adapted")
    assert isinstance(model, Adapted)
    np.testing.assert_allclose(model.energy_ev, GRID + model.adaptation.shift_ev)
    assert model.adaptation.shift_ev == pytest.approx(-2.5, abs=0.11)
    assert model.predict(halides(3, seed=1)).sigma.min() >= 0.1
