"""Measured L3 maxima that fix the absolute energy scales."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from compute.l23.spectrum import l3_maximum

FloatArray = NDArray[np.float64]

_INSTRUMENT_EV = 0.25  # σ


@dataclass(frozen=True)
class Reference:
    """A measured L3 maximum and the crystal that it was measured on.

    ``seen`` says whether it was read at its source; what was not is unverified.
    """

    element: str
    valence: int
    crystal: str
    l3_ev: float
    error_ev: float
    source: str
    seen: bool = True


_MNEDGENET = "digitised spectrum in MnEdgeNet, doi:10.1038/s41598-023-40616-5"
_EELS = "P. A. van Aken, B. Liebscher, V. J. Styrsa, Phys. Chem. Minerals 25 (1998) 323"
_MEMORY = "general literature"
REFERENCES = (
    Reference(
        "Ti",
        4,
        "perovskite-SrTiO3",
        460.3,
        0.4,
        "F. M. F. de Groot et al., PRB 41 (1990) 928",
        seen=False,
    ),  # fmt: skip
    Reference("V", 3, "corundum-V2O3", 516.9, 0.7, _MEMORY, seen=False),
    Reference("V", 4, "rutile-VO2", 518.0, 0.7, _MEMORY, seen=False),
    Reference("V", 5, "V2O5", 518.7, 0.7, _MEMORY, seen=False),
    Reference("Cr", 3, "corundum-Cr2O3", 577.0, 0.5, _MEMORY, seen=False),
    Reference("Cr", 4, "rutile-CrO2", 577.3, 0.5, _MEMORY, seen=False),
    Reference("Mn", 2, "rocksalt-MnO", 640.47, 0.1, _MNEDGENET),
    Reference("Mn", 3, "perovskite-LaMnO3", 642.4, 0.15, _MNEDGENET),
    Reference("Mn", 4, "rutile-MnO2", 643.93, 0.5, _MNEDGENET),
    Reference("Fe", 2, "rocksalt-FeO", 707.8, 0.2, _EELS),
    Reference("Fe", 3, "corundum-Fe2O3", 709.5, 0.2, _EELS),
    Reference("Co", 2, "rocksalt-CoO", 778.3, 0.5, _MEMORY, seen=False),
    Reference("Co", 3, "layered-LiCoO2", 780.3, 0.5, _MEMORY, seen=False),
    Reference("Ni", 2, "rocksalt-NiO", 853.2, 0.5, _MEMORY, seen=False),
    Reference("Cu", 2, "CuO", 930.9, 0.4, "FlexPES beamline library, MAX IV"),
)


def seen_maximum(energy: FloatArray, intensity: FloatArray, zeta_2p: float) -> float:
    """The L3 maximum as an instrument shows it, eV; without one, lines that no measurement
    resolves may take turns in being the highest."""
    step = float(energy[1] - energy[0])
    seen = gaussian_filter1d(intensity, _INSTRUMENT_EV / step, mode="constant")
    return l3_maximum(energy, seen, zeta_2p)
