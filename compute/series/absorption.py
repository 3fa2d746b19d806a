"""How far a fluorescence signal is held back by the sample itself, from tabulated cross sections.

Needs the optional package xraydb (``requirements-xray.txt``).
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from pymatgen.core import Composition

from compute.errors import InputError

_BEHIND_EV = 50.0  # of the edge, where cross sections are taken: behind what the edge itself does


def over_absorption(
    formula: str, element: str, edge: str, *, angle_in: float = 45.0, angle_out: float = 45.0
) -> float:
    """α of `compute.series.undone.undo_over_absorption` for a sample without end.

    (μ of all but the step of the edge at the edge + sin(in) / sin(out) · μ at the fluorescence) /
    the step, by the atom. Angles in degrees from the surface.

    Raises
    ------
    InputError
        A formula without the element, an edge without a line, angles, or xraydb that is missing.
    """
    for name, angle in (("angle_in", angle_in), ("angle_out", angle_out)):
        if not 0 < angle <= 90:
            raise InputError(name, angle, "is 0 … 90 degrees from the surface")
    xraydb = _xraydb()
    try:
        amounts = {el.symbol: float(n) for el, n in Composition(formula).items()}
    except ValueError as error:
        raise InputError("formula", formula, "cannot be read") from error
    if element not in amounts:
        raise InputError("formula", formula, f"holds no {element}")
    first = "L3" if edge == "L23" else edge
    known = xraydb.xray_edge(element, first)
    lines = xraydb.xray_lines(element, first)
    if known is None or not lines:
        raise InputError("edge", f"{element} {edge}", "has no tabulated edge or fluorescence")
    start = float(known.energy)
    out_ev = max(lines.values(), key=lambda one: one.intensity).energy
    mass = {one: float(xraydb.atomic_mass(one)) for one in amounts}

    def by_atom(energy: float, *, without: bool = False) -> float:
        return sum(
            n * mass[one] * float(xraydb.mu_elam(one, energy))
            for one, n in amounts.items()
            if not (without and one == element)
        )

    behind = start + _BEHIND_EV
    before = np.array([start - 2 * _BEHIND_EV, start - _BEHIND_EV])
    own = np.array([float(xraydb.mu_elam(element, one)) for one in before])
    slope = np.log(own[1] / own[0]) / np.log(before[1] / before[0])
    bare = own[1] * (behind / before[1]) ** slope
    scale = amounts[element] * mass[element]
    step = scale * (float(xraydb.mu_elam(element, behind)) - bare)
    rest = by_atom(behind, without=True) + scale * bare
    ratio = np.sin(np.radians(angle_in)) / np.sin(np.radians(angle_out))
    return float((rest + ratio * by_atom(float(out_ev))) / step)


def _xraydb() -> Any:
    try:
        return importlib.import_module("xraydb")
    except ImportError as error:
        raise InputError(
            "over_absorption", "xraydb", "is not installed: pip install -r requirements-xray.txt"
        ) from error
