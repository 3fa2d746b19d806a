"""Determinants, Hamiltonian, transitions, spectrum.

`solve` takes a case (CASE.json); `solve_problem` takes integrals of any origin in a `Problem`;
`solve_many` (compute.multiplet.batch) takes many cases. They are loaded when asked for, so that
cases and versions can be read without the compiler behind the engine.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compute.multiplet.calculation import solve, solve_problem
    from compute.multiplet.integrals import Integrals, OneElectron, Problem, TwoElectron

__all__ = ["Integrals", "OneElectron", "Problem", "TwoElectron", "solve", "solve_problem"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = "calculation" if name.startswith("solve") else "integrals"
    return getattr(import_module(f"{__name__}.{home}"), name)
