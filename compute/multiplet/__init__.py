"""Determinants, Hamiltonian, transitions, spectrum."""
