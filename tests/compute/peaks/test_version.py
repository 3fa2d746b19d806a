"""What the same spectrum gives changes only with the version of the decomposition.

After a wanted change of the numbers: raise ``VERSION``, then
``python -m tests.compute.peaks.test_version`` writes the reference anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compute.peaks import VERSION, decompose
from tests.benchmarks.synthetic_peaks import edge_step, lineshape

REFERENCE = Path(__file__).parent / "reference.json"
ENERGY = np.linspace(850.0, 900.0, 800)
PEAKS = [(858.0, 0.5, 1.0), (861.5, 0.9, 1.6), (880.0, 1.2, 3.0)]  # position, HWHM, area
SIGMA = 0.3


def curve(energy: np.ndarray, sigma: float = 0.0) -> np.ndarray:
    return np.sum([a * lineshape(energy, p, g, sigma) for p, g, a in PEAKS], axis=0)


def noisy(clean: np.ndarray, seed: int) -> np.ndarray:
    # the legacy generator: its stream is frozen
    return np.asarray(clean + 0.005 * np.random.RandomState(seed).standard_normal(clean.size))


def _uneven() -> tuple[np.ndarray, np.ndarray]:
    energy = 850.0 + 50.0 * np.linspace(0.0, 1.0, 700) ** 1.3
    return energy, noisy(curve(energy), 4)


def _with_edge() -> np.ndarray:
    return noisy(curve(ENERGY, SIGMA) + 0.4 * edge_step(ENERGY, 863.0, 0.7, 0.0) - 0.05, 3)


def _below_an_edge() -> np.ndarray:
    return noisy(curve(ENERGY) + 4.0 * edge_step(ENERGY, 876.0, 1.5, 0.0), 5)


# name -> energy, intensity, options of decompose
CASES: dict[str, tuple[np.ndarray, np.ndarray, dict[str, Any]]] = {
    "plain": (ENERGY, noisy(curve(ENERGY), 1), {}),
    "line": (ENERGY, noisy(curve(ENERGY) + 0.1 + 0.004 * (ENERGY - 875.0), 2), {}),
    "edge": (ENERGY, _with_edge(), {"edge_step": True, "gaussian_sigma_ev": SIGMA}),
    "flank": (ENERGY, _below_an_edge(), {"energy_range": (852.0, 870.0)}),
    "uneven": (*_uneven(), {}),
    "phase": (ENERGY, noisy(curve(ENERGY) - curve(ENERGY - 12.0), 6), {"phase": True}),
    "digitised": (ENERGY, np.round(curve(ENERGY), 2), {}),
}


def numbers(name: str) -> dict[str, Any]:
    """What is compared: the peaks with their errors, the number and kind of what was found."""
    energy, intensity, options = CASES[name]
    fit = decompose(energy, intensity, **options)
    fields = ("position_ev", "hwhm_ev", "area", "position_err", "hwhm_err", "area_err")
    return {
        "n_peaks": fit.n_peaks,
        "background": fit.background["kind"],
        "residual_rms": fit.residual_rms,
        "peaks": [[getattr(peak, field) for field in fields] for peak in fit.peaks],
    }


def test_the_reference_is_that_of_this_version():
    assert json.loads(REFERENCE.read_text())["version"] == VERSION


@pytest.mark.parametrize("name", CASES)
def test_numbers_change_only_with_the_version(name):
    expected = json.loads(REFERENCE.read_text())["cases"][name]
    found = numbers(name)
    for key in ("n_peaks", "background"):
        assert found[key] == expected[key]
    assert found["residual_rms"] == pytest.approx(expected["residual_rms"], rel=1e-6)
    values, wanted = np.array(found["peaks"]), np.array(expected["peaks"])
    # within a ten thousandth of the standard errors, and these within as little of themselves
    assert np.all(np.abs(values[:, :3] - wanted[:, :3]) < 1e-4 * wanted[:, 3:])
    np.testing.assert_allclose(values[:, 3:], wanted[:, 3:], rtol=1e-4)


if __name__ == "__main__":
    made = {"version": VERSION, "cases": {name: numbers(name) for name in CASES}}
    REFERENCE.write_text(json.dumps(made, indent=1) + "\n")
