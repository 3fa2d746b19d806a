"""Read ``xmu.dat``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from compute.feff.errors import FeffStageFailed

FloatArray = NDArray[np.float64]

_STEP = re.compile(r"xsedge\s*\+\s*\d+.*?mu\s+([-+0-9.eE]+)")


@dataclass(frozen=True, eq=False)
class Xmu:
    """A spectrum of FEFF.

    Attributes
    ----------
    energy_ev : float64 (n,)
        Absolute, ascending.
    mu : float64 (n,)
        In units of ``step_ang2``.
    step_ang2 : float
        Cross-section of the free atom's edge 50 eV above it, Å².
    e0_ev : float
        Fermi level: where k is zero.
    """

    energy_ev: FloatArray
    mu: FloatArray
    step_ang2: float
    e0_ev: float


def read_xmu(path: Path) -> Xmu:
    """The spectrum of a finished calculation.

    Raises
    ------
    FeffStageFailed
        If it is not there, or not all of it.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise FeffStageFailed("ff2x", "wrote no xmu.dat") from error
    step = _STEP.search(text)
    rows = [line.split() for line in text.splitlines() if line.strip() and line[:1] != "#"]
    try:
        table = np.array(rows, dtype=float)
    except ValueError as error:
        raise FeffStageFailed("ff2x", f"xmu.dat is not a table ({error})") from error
    if step is None or table.ndim != 2 or table.shape[1] < 5 or len(table) < 20:
        raise FeffStageFailed("ff2x", f"xmu.dat is not whole ({len(rows)} rows)")
    energy, k, mu = table[:, 0], table[:, 2], table[:, 3]
    if not np.isfinite(table[:, :4]).all() or (np.diff(energy) <= 0).any():
        raise FeffStageFailed("ff2x", "xmu.dat holds numbers that are none, or is out of order")
    return Xmu(energy, mu, float(step.group(1)), float(np.interp(0.0, k, energy)))
