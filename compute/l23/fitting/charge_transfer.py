"""Fit the planes of Δ and U_dd in atomic number and valence, which both routes use.

python -m compute.l23.fitting.charge_transfer
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compute.ions import atomic_number
from compute.l23.charge_transfer import energies
from compute.l23.fitting.published import published, weight

FloatArray = NDArray[np.float64]


def fit_plane(entries: Sequence[dict[str, Any]], key: str) -> tuple[FloatArray, float]:
    """(base, by number, by valence) of an oxide's charge-transfer energy; leave-one-out RMS, eV."""
    rows = [entry for entry in entries if key in entry and "ligand" not in entry]
    design = np.array([[1.0, atomic_number(e["element"]) - 25, e["valence"] - 2] for e in rows])
    values = np.array([e[key] for e in rows])
    weights = np.array([weight(e) for e in rows])
    plane = np.linalg.lstsq(design * weights[:, None], values * weights, rcond=None)[0]
    errors = []
    for name in dict.fromkeys(e["compound"] for e in rows):
        keep = np.array([e["compound"] != name for e in rows])
        part = np.linalg.lstsq(
            design[keep] * weights[keep, None], values[keep] * weights[keep], rcond=None
        )[0]
        errors += list(design[~keep] @ part - values[~keep])
    return plane, float(np.sqrt(np.mean(np.square(errors))))


def main() -> None:
    write = sys.stdout.write
    entries = published()["charge_transfer"]
    for key in ("delta", "u_dd"):
        plane, error = fit_plane(entries, key)
        base, by_number, by_valence = plane
        write(
            f"{key} = {base:.2f} {by_number:+.2f} (Z - 25) {by_valence:+.2f} (v - 2) eV, "
            f"leave-one-out RMS {error:.2f} eV\n"
        )
    for entry in entries:
        if "ligand" in entry:
            rule = energies(entry["element"], entry["valence"], [entry["ligand"]])
            write(f"{entry['compound']}: delta published {entry['delta']}, rule {rule.delta:.2f}\n")


if __name__ == "__main__":
    main()
