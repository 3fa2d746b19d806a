"""Eigenvalue solvers and Green's functions."""
