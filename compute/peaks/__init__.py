"""Decomposition of a spectrum into Lorentzians."""
