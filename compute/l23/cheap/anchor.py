"""The place of computed spectra on the absolute energy scale.

The engine's energies are relative to the difference of configuration averages. What must be
added is one number per element and valence, ``energy_offset_ev``: measured L3 maximum of a
reference compound less the computed relative one (``anchors.json``; ``python -m
compute.l23.fitting.cheap_anchors`` makes it again). For an ion without a reference the
offset is a plane in 2p binding energy and valence through the others,
``E_b(2p3/2, metal) + ζ_2p/2 + a + b v``; binding energies of the metals from J. C. Fuggle and
N. Mårtensson, J. Electron Spectrosc. 21 (1980) 275.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from compute.errors import InputError

ANCHORS = Path(__file__).with_name("anchors.json")
METAL_2P32_EV = {
    "Sc": 398.7, "Ti": 453.8, "V": 512.1, "Cr": 574.1, "Mn": 638.7,
    "Fe": 706.8, "Co": 778.1, "Ni": 852.7, "Cu": 932.7, "Zn": 1021.8,
}  # fmt: skip


def energy_offset(element: str, valence: float) -> tuple[float, float]:
    """What to add to relative energies, and its standard error, both eV.

    Fractional valences interpolate linearly between the whole ones about them.
    """
    low = int(np.floor(valence))
    weight = valence - low
    if weight < 1e-9:
        return _whole(element, low)
    (first, error_a), (second, error_b) = _whole(element, low), _whole(element, low + 1)
    return first + weight * (second - first), max(error_a, error_b)


def _whole(element: str, valence: int) -> tuple[float, float]:
    table = _table()
    for entry in table["references"]:
        if (entry["element"], entry["valence"]) == (element, valence):
            return float(entry["offset_ev"]), float(entry["error_ev"])
    rule = table["rule"]
    base = zero_of(element) + rule["a"] + rule["b"] * valence
    return round(base, 3), float(rule["error_ev"])


def zero_of(element: str) -> float:
    """2p binding energy of the metal, averaged over spin-orbit partners' centroid: E + ζ/2, eV."""
    from compute.atom import atomic_parameters

    if element not in METAL_2P32_EV:
        raise InputError("element", element, f"known: {', '.join(METAL_2P32_EV)}")
    zeta = atomic_parameters(element, 2)["final"]["zeta_2p"]
    return METAL_2P32_EV[element] + zeta / 2.0


@cache
def _table() -> Mapping[str, Any]:
    table: dict[str, Any] = json.loads(ANCHORS.read_text(encoding="utf-8"))
    return table
