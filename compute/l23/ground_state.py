"""What the computed initial state says of an ion's spin, in the words of ligand-field theory."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt

_BETWEEN = 0.3  # of a step between two spins: an average this far from both is of several states
# The low spin of dⁿ in an octahedron (t2g⁴ of d⁴ keeps two parallel), of d⁸ in a square.
_LOWEST = {4: 1.0, 5: 0.5, 6: 0.0, 7: 0.5, 8: 0.0}
MIXED = "mixed"


def spin_of(s_squared: float) -> float:
    """S of <S²> = S(S + 1)."""
    return (sqrt(1.0 + 4.0 * max(s_squared, 0.0)) - 1.0) / 2.0


def spin_label(n_d: int, s_squared: float) -> str:
    """``high``, ``intermediate``, ``low`` or ``mixed``; empty where an ion has no choice.

    Parameters
    ----------
    n_d : int
        3d electrons of the formal valence. d⁴ to d⁷ can pair in an octahedron, d⁸ in a square.
    s_squared : float
        Thermal average over the initial states, all electrons counted. Spin–orbit coupling and
        ligand holes move it a little; a value well between those of two spins is that of
        several states at once (``mixed``): spin crossover.
    """
    if not 4 <= n_d <= 8:
        return ""
    highest = min(n_d, 10 - n_d) / 2.0
    lowest = _LOWEST[n_d]
    # The quantum number weighs states wrongly, <S²> itself is linear in their shares.
    spins = [lowest + k for k in range(int(highest - lowest) + 1)]
    values = [s * (s + 1.0) for s in spins]
    for k in range(len(values) - 1):
        share = (s_squared - values[k]) / (values[k + 1] - values[k])
        if _BETWEEN < share < 1.0 - _BETWEEN:
            return MIXED
    nearest = min(range(len(values)), key=lambda k: abs(values[k] - s_squared))
    if nearest == len(values) - 1:
        return "high"
    return "low" if nearest == 0 else "intermediate"


def common(labels: Iterable[str]) -> str:
    """The label of several ions together."""
    found = {label for label in labels if label}
    return found.pop() if len(found) == 1 else MIXED if found else ""
