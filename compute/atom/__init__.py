"""Relativistic radial solver of the configuration average; Slater integrals."""
