"""How many lines a computed spectrum has, of which a fit resolves some."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from compute.errors import ConvergenceError, InputError
from spectradb.models import Spectrum
from spectradb.services.calculations import opened
from spectradb.services.calculations.solve_now import BusyError
from spectradb.services.peaks.fit import THEORY_FLOOR

MOST_STATES = 1_000
"""Final states of a calculation that is done again to count them, where none were kept."""
_SAME_EV = 1e-4


@dataclass(frozen=True)
class Lines:
    """Transitions in a range at different energies, and those above 0.001 of the strongest."""

    n: int
    strong: int


def lines_of(spectrum: Spectrum, low: float, high: float) -> Lines | None:
    """Count between two energies, eV; None where nobody knows without a long calculation."""
    row = spectrum.calculation
    if row is None or not row.is_multiplet:
        return None
    sticks: Any = row.sticks
    if sticks is None:
        states = ((row.results or {}).get("dimension") or {}).get("final", 0)
        if not 0 < states <= MOST_STATES:
            return None
        try:
            found = opened.solve(opened.open_calculation(row)).get("sticks")
        except (InputError, ConvergenceError, BusyError):
            return None
        if found is None:
            return None
        sticks = np.column_stack([found["energy_ev"], found["intensity"]])
    energy, strength = np.asarray(sticks, float).T
    energy = energy + _to_axis(spectrum, energy)
    inside = (energy >= low) & (energy <= high) & (strength > 0.0)
    energy, strength = energy[inside], strength[inside]
    if not energy.size:
        return None
    order = np.argsort(energy)
    starts = np.flatnonzero(np.diff(energy[order], prepend=-np.inf) > _SAME_EV)
    merged = np.add.reduceat(strength[order], starts)
    kept = merged > 1e-9 * merged.max()
    return Lines(int(kept.sum()), int((merged >= THEORY_FLOOR * merged.max()).sum()))


def _to_axis(spectrum: Spectrum, energy: Any) -> float:
    """What moves relative energies to the axis of the spectrum, eV; 0 for absolute ones."""
    middle = float(np.median(energy))
    absolute = spectrum.energy_min - 60 <= middle <= spectrum.energy_max + 60
    return 0.0 if absolute else float(spectrum.energy_offset_ev or 0.0)
