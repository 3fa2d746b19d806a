"""Determinants, Hamiltonian, transitions, spectrum: `solve` is the way in."""

from compute.multiplet.calculation import solve

__all__ = ["solve"]
