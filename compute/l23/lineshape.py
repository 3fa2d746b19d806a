"""What may be chosen of an L2,3 spectrum's shape: lifetime widths by element, continuum steps.

The table's widths are the recommended ones of J. L. Campbell and T. Papp, At. Data Nucl. Data
Tables 77 (2001) 1, full widths of single-hole levels. L2 also decays by the Coster–Kronig
transition L2-L3M4,5, which makes it up to three times as broad as L3. The numbers were not read
in the paper but in the data file of xraylib (T. Schoonjans et al., Spectrochim. Acta B 66 (2011)
776; ``data/atomiclevelswidth.dat`` of github.com/tschoonj/xraylib, read on 2026-11-29).

Final states with an electron in e_g are broader than those with one in t2g, by bands and lattice,
and the more so the stronger e_g hops to the ligands: choice ``bands``.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compute.errors import InputError
from compute.l23.prepared import HWHM_EV

FloatArray = NDArray[np.float64]

DEFAULT, TABLE, BANDS = "default", "table", "bands"
WIDTHS = (DEFAULT, TABLE, BANDS)
# Half width gained per eV above each edge's onset, of the squared hopping of e_g, 1/eV²: chosen by
# CuO and SrTiO3 with MnO, LaMnO3 and MnO2 in view too, so no compound is held out
# (docs/measurements/multiplet.md).
_RISE, _RISE_EV = 0.012, 5.0  # the second: over how many eV it grows
# Full widths at half maximum of L3 and L2, eV.
LEVEL_FWHM_EV = {
    "Sc": (0.23, 0.36), "Ti": (0.25, 0.52), "V": (0.28, 0.78), "Cr": (0.32, 0.76),
    "Mn": (0.36, 0.97), "Fe": (0.41, 1.14), "Co": (0.47, 1.13), "Ni": (0.53, 0.98),
    "Cu": (0.61, 1.04), "Zn": (0.68, 1.06),
}  # fmt: skip
_SHARE_L3 = 2.0 / 3.0  # of the step: four 2p3/2 electrons and two 2p1/2
_HIGHEST_STEP = 1.0


@dataclass(frozen=True)
class Shape:
    """A choice of shape.

    Attributes
    ----------
    widths : str
        ``default`` (HWHM 0.2 and 0.4 eV for every element), ``table``, or ``bands`` (the table's,
        rising from the onset of each edge).
    continuum : float
        Height of both continuum steps together over the L3 maximum; 0 leaves them out.

    Raises
    ------
    InputError
        Other widths, or a height that is none.
    """

    widths: str = DEFAULT
    continuum: float = 0.0

    def __post_init__(self) -> None:
        if self.widths not in WIDTHS:
            raise InputError("widths", self.widths, f"known: {', '.join(WIDTHS)}")
        if not (isfinite(self.continuum) and 0.0 <= self.continuum <= _HIGHEST_STEP):
            raise InputError("continuum", self.continuum, f"must be 0 to {_HIGHEST_STEP:g}")

    @property
    def chosen(self) -> dict[str, Any]:
        """What differs from the default, for hashes and records."""
        out: dict[str, Any] = {}
        if self.widths != DEFAULT:
            out["widths"] = self.widths
        if self.continuum:
            out["continuum"] = self.continuum
        return out

    def hwhm_ev(self, element: str) -> tuple[float, float]:
        """Lorentzian half widths of L3 and L2, eV."""
        if self.widths == DEFAULT:
            return HWHM_EV
        if element not in LEVEL_FWHM_EV:
            raise InputError("element", element, f"known: {', '.join(LEVEL_FWHM_EV)}")
        l3, l2 = LEVEL_FWHM_EV[element]
        return l3 / 2.0, l2 / 2.0

    def hwhm_rise(self, hopping: FloatArray | None) -> tuple[float, float] | None:
        """Half width gained per eV above the onset of each edge, and at most, eV; or None.

        Parameters
        ----------
        hopping : (5, 5), eV, or None without charge transfer
            Its two largest singular values are those of e_g, in any axes.
        """
        if self.widths != BANDS or hopping is None:
            return None
        largest = np.linalg.svd(hopping, compute_uv=False)[:2]
        per_ev = _RISE * float(np.mean(largest**2))
        return per_ev, _RISE_EV * per_ev


PLAIN = Shape()


def continuum(
    energy_ev: FloatArray,
    l3_ev: float,
    splitting_ev: float,
    height: float,
    hwhm_ev: tuple[float, float],
) -> FloatArray:
    """Two arctangent steps (n,) of total ``height``, 2 : 1 for L3 and L2.

    The step of an edge is that of a broadened ionisation threshold (J. Stöhr, NEXAFS Spectroscopy
    (1992), chapter 7); as is usual for white lines it is put under the maximum.

    Parameters
    ----------
    l3_ev : float
        Where L3's step rises, eV.
    splitting_ev : float
        From there to L2's: 3/2 ζ_2p.
    hwhm_ev : (float, float)
        Half widths of L3 and L2, eV.
    """
    shares = (_SHARE_L3, 1.0 - _SHARE_L3)
    out = np.zeros_like(energy_ev)
    for share, at, width in zip(shares, (l3_ev, l3_ev + splitting_ev), hwhm_ev, strict=True):
        out += height * share * (0.5 + np.arctan((energy_ev - at) / width) / np.pi)
    return out
