"""What a raw spectrum is normalised to belongs to a version."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from compute.normalise import normalise_white_line, normalise_xas
from compute.normalise.version import VERSION
from tests.versions import check_version

REFERENCE = Path(__file__).with_name("version_reference.json")


def k_edge() -> tuple[np.ndarray, np.ndarray]:
    """Iron K with a pre-edge peak, a white line and oscillations."""
    energy = np.concatenate([np.arange(6950.0, 7100.0, 5.0), np.arange(7100.0, 7900.0, 0.5)])
    step = 0.5 + np.arctan((energy - 7122.0) / 1.5) / np.pi
    lines = 0.15 * np.exp(-(((energy - 7114.0) / 1.2) ** 2))
    lines += 0.5 * np.exp(-(((energy - 7130.0) / 4.0) ** 2))
    wave = np.sqrt(np.clip(energy - 7122.0, 0.0, None) * 0.2625)
    wiggle = 0.08 * np.sin(4.0 * wave) * np.exp(-wave / 6.0) * (energy > 7122.0)
    return energy, 1.4 - 2e-4 * (energy - 7000.0) + 0.8 * (step + lines + wiggle)


def l_edge() -> tuple[np.ndarray, np.ndarray]:
    """Two white lines on a power law."""
    energy = np.arange(620.0, 690.0, 0.1)
    lines = sum(
        area * width / np.pi / ((energy - place) ** 2 + width**2)
        for place, width, area in ((641.0, 0.5, 3.0), (652.5, 0.8, 1.4))
    )
    steps = 0.2 * (np.arctan((energy - 642.0) / 0.8) / np.pi + 0.5)
    return energy, 5.0 * (energy / 620.0) ** -3.0 + lines + steps


def numbers() -> dict[str, list[float]]:
    energy, mu = k_edge()
    xas = normalise_xas(energy, mu, element="Fe", edge="K")
    white = normalise_white_line(*l_edge())
    return {
        "K: E0 and step": [xas.e0_ev, xas.edge_step],
        "K: normalised": xas.normalised[::60].tolist(),
        "K: flattened": xas.flattened[::60].tolist(),
        "L: intensity": white.intensity[:: max(1, white.intensity.size // 30)].tolist(),
        "L: scale": [white.scale],
    }


def test_normalised_spectra_change_only_with_the_version():
    home = "compute/normalise/version.py"
    check_version(REFERENCE, VERSION, home, numbers(), rel=1e-5, abs_=1e-6)
