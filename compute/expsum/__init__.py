"""Exponential sums, spherical Bessel transforms and Coulomb integrals."""
