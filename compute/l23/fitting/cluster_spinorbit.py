"""The one factor on route ``cluster``'s spin-orbit parameter of 2p, from closed-shell elements.

    python -m compute.l23.fitting.cluster_spinorbit

Kα₁ and Kα₂ end in 2p3/2 and 2p½ holes, so with closed shells their difference is the 2p splitting,
3/2 ζ. Energies and uncertainties: X-ray Transition Energies Database, NIST; Deslattes, Kessler,
Indelicato, de Billy, Lindroth and Anton, Rev. Mod. Phys. 75 (2003) 35. Of argon the photoelectrons
of the gas say it five times better (248.628 and 250.776 eV; Pettersson, Nordgren, Selander,
Nordling, Siegbahn and Agren, J. Electron Spectrosc. 27 (1982) 29). Twenty seconds of CPU.
"""

from __future__ import annotations

import sys

import numpy as np

from compute.l23.cluster.atoms import metal_occupation, solve_atom
from compute.l23.cluster.molecule import FUNCTIONAL
from compute.l23.cluster.spinorbit import CORRELATION, mean_field_zeta_2p

# element: 3d electrons, Kα₁, Kα₂ (of Ar minus the ionisation energies), uncertainties (eV)
LINES = {
    "Ar": (0, -248.628, -250.776, 0.003, 0.003),
    "K": (0, 3313.9476, 3311.1956, 0.0050, 0.0060),
    "Ca": (0, 3691.719, 3688.128, 0.049, 0.049),
    "Cu": (10, 8047.8227, 8027.8416, 0.0026, 0.0026),
    "Zn": (10, 8638.906, 8615.823, 0.073, 0.073),
}


def main() -> None:
    out = ["| element | mean field | 2/3 of the measured splitting | ratio |", "|---|---|---|---|"]
    ratios = []
    for element, (n_d, alpha_1, alpha_2, error_1, error_2) in LINES.items():
        ion = solve_atom(element, metal_occupation(n_d, 1.0), FUNCTIONAL, absorber=True)
        computed = mean_field_zeta_2p(ion)
        measured, error = (alpha_1 - alpha_2) / 1.5, float(np.hypot(error_1, error_2)) / 1.5
        ratios.append(measured / computed)
        out.append(
            f"| {element} | {computed:.3f} | {measured:.3f} ± {error:.3f} | {ratios[-1]:.3f} |"
        )
    mean, spread = np.mean(ratios), np.std(ratios)
    out.append(f"\nMean {mean:.4f}, spread {spread:.4f}; in use {CORRELATION}")
    sys.stdout.write("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
