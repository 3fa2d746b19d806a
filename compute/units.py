"""Physical constants (CODATA 2018) and the conversions between the units in use."""

from __future__ import annotations

HARTREE_EV = 27.211386245988
BOHR_ANGSTROM = 0.529177210903
FINE_STRUCTURE = 7.2973525693e-3
BOLTZMANN_EV_K = 8.617333262e-5
HC_EV_ANGSTROM = 12398.419843320026
