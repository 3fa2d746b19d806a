"""Determinants, Hamiltonian, transitions, spectrum.

`solve` takes a case (CASE.json); `solve_problem` takes integrals of any origin in a `Problem`;
`solve_many` (compute.multiplet.batch) takes many cases.
"""

from compute.multiplet.calculation import solve, solve_problem
from compute.multiplet.integrals import Integrals, OneElectron, Problem, TwoElectron

__all__ = ["Integrals", "OneElectron", "Problem", "TwoElectron", "solve", "solve_problem"]
