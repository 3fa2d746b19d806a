"""Relativistic radial solver of the configuration average; Slater integrals.

``atomic_parameters`` reads a shipped table; the solver itself is in :mod:`compute.atom.ions`
(by element) and :mod:`compute.atom.hartree_fock` (any configuration), imported where needed.
"""

from compute.atom.parameters import atomic_parameters, charges, hartree_fock_share, orbital_moments

__all__ = ["atomic_parameters", "charges", "hartree_fock_share", "orbital_moments"]
