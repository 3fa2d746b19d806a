"""Determinants, Hamiltonian, transitions, spectrum: `solve` is the way in."""

from compute.multiplet.solve import solve

__all__ = ["solve"]
