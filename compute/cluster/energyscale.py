"""What total energies of the functional leave out of the absolute L3 position.

PBE underestimates 2p excitations, more so for heavier atoms; one straight line in the atomic
number, fitted to measured L3 maxima of oxides (``python -m tests.benchmarks.ligandfield --route
cluster``), stands for functional and what is missing of relativity.
"""

from __future__ import annotations

from compute.ligandfield.charge_transfer import ATOMIC_NUMBER

# eV at manganese, eV per unit of atomic number, and the spread of the residuals.
AT_MANGANESE_EV = 1.8
PER_NUMBER_EV = 0.26
ERROR_EV = 1.0


def correction(element: str) -> tuple[float, float]:
    """What to add to a computed L3 energy, and its standard error, eV."""
    return AT_MANGANESE_EV + PER_NUMBER_EV * (ATOMIC_NUMBER[element] - 25), ERROR_EV
