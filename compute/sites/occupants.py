"""What shares the places of a disordered crystal, and what can be there at once.

An *occupant* is one element at one place with its occupancy. Occupants of one place exclude each
other, and so do partly occupied places that are too near (split positions). Of everything
that a group of such occupants can be together, the distribution with the given occupancies and no
further order (that of largest entropy) is taken: weights ``Π z_i`` of the allowed sets,
the activities z found by iterative scaling (I. Csiszár, Ann. Probab. 3 (1975) 146).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from compute.errors import InputError

if TYPE_CHECKING:
    from pymatgen.core import Structure

FloatArray = NDArray[np.float64]
States = list[tuple[tuple[int, ...], float]]

WHOLE = 0.98  # an occupancy from here on is one within what refinements can tell
_ROOM = 1.02  # occupancies of alternatives add up to no more than this
_MOST = 14  # occupants of one group
_SWEEPS = 2000
_CONVERGED = 1e-9
# Partly occupied atoms nearer than this times the sum of covalent radii are alternatives. Bonds are
# at about 1; 0.8 leaves the shortest ones alone.
_TOO_NEAR = 0.8
# Anions never come so close unless bound to each other, Å: the shortest O–O edge is 2.2 Å.
_ANIONS_ANG = 1.95
_ANIONS = frozenset(("O", "F", "Cl", "Br", "I", "S", "Se", "Te"))


@dataclass(frozen=True)
class Occupant:
    """One element at one place.

    Attributes
    ----------
    place : int
        Atom number in the structure.
    element : str
    occupancy : float
        0 to 1; what rounding leaves of a whole atom is 1.
    charge : float or None
        What the structure itself states.
    """

    place: int
    element: str
    occupancy: float
    charge: float | None = None

    @property
    def certain(self) -> bool:
        return self.occupancy >= 1.0


def is_disordered(structure: Structure) -> bool:
    """Whether a place is shared or partly occupied."""
    return any(len(site.species) > 1 or sum(site.species.values()) < WHOLE for site in structure)


def occupants(structure: Structure) -> list[Occupant]:
    """All occupants in order of place, those of one place by occupancy; of an ordered crystal its
    atoms.

    Raises
    ------
    InputError
        No atoms, what is no element, an occupancy that is none.
    """
    if len(structure) == 0:
        raise InputError("structure", "0 atoms", "a structure needs at least one atom")
    out: list[Occupant] = []
    for place, site in enumerate(structure):
        amounts: dict[str, float] = {}
        charged: dict[str, float] = {}
        known: dict[str, bool] = {}
        for specie, amount in site.species.items():
            symbol = getattr(specie, "element", specie).symbol
            if not _is_element(symbol):
                raise InputError(f"structure.sites[{place}]", symbol, "not a chemical element")
            symbol = "H" if symbol in ("D", "T") else symbol
            if not (isfinite(amount) and 0.0 < amount <= _ROOM):
                raise InputError(f"structure.sites[{place}]", amount, "not an occupancy")
            charge = getattr(specie, "oxi_state", None)
            amounts[symbol] = amounts.get(symbol, 0.0) + float(amount)
            charged[symbol] = charged.get(symbol, 0.0) + float(amount) * float(charge or 0.0)
            known[symbol] = known.get(symbol, True) and charge is not None
        total = sum(amounts.values())
        scale = 1.0 / total if total >= WHOLE else 1.0
        for symbol, amount in sorted(amounts.items(), key=lambda one: (-one[1], one[0])):
            stated = charged[symbol] / amount if known[symbol] else None
            out.append(Occupant(place, symbol, amount * scale, stated))
    return out


@cache
def _is_element(symbol: str) -> bool:
    from pymatgen.core import Element

    return bool(Element.is_valid_symbol(symbol))


def exclude(a: Occupant, b: Occupant, distance_ang: float) -> bool:
    """Whether two occupants at this distance are alternatives."""
    if distance_ang < 1e-3:
        return True
    if a.certain or b.certain or a.occupancy + b.occupancy > _ROOM:
        return False
    if a.element in _ANIONS and b.element in _ANIONS and distance_ang < _ANIONS_ANG:
        return True
    return distance_ang < _TOO_NEAR * (_radius(a.element) + _radius(b.element))


@cache
def _radius(element: str) -> float:
    from pymatgen.analysis.local_env import CovalentRadius

    return float(CovalentRadius.radius.get(element, 1.5))


def groups(members: Sequence[int], excludes: NDArray[np.bool_]) -> list[list[int]]:
    """Sets of members that are bound together by exclusions.

    Parameters
    ----------
    members : sequence of int
    excludes : bool (n, n)
        Which of n occupants exclude each other.
    """
    left, out = set(members), []
    while left:
        start = min(left)
        found, waiting = {start}, [start]
        while waiting:
            for other in np.flatnonzero(excludes[waiting.pop()]):
                if int(other) in left and int(other) not in found:
                    found.add(int(other))
                    waiting.append(int(other))
        left -= found
        out.append(sorted(found))
    return out


def joint_states(
    group: Sequence[int], occupancies: Sequence[float], excludes: NDArray[np.bool_]
) -> States:
    """Every set of a group's members that can be together, with its probability.

    Parameters
    ----------
    group : sequence of int
        At most the first 14 are taken: put the nearest first.
    occupancies : sequence of float
        Of each of all occupants; excludes : bool (n, n), as in :func:`groups`.
    """
    members = list(group)[:_MOST]
    block = excludes[np.ix_(members, members)] | np.eye(len(members), dtype=bool)
    if block.all():
        return _one_of(members, occupancies)
    sets: list[tuple[int, ...]] = [()]
    for one in members:
        sets += [(*chosen, one) for chosen in sets if not excludes[one, list(chosen)].any()]
    present = np.array([[one in chosen for one in members] for chosen in sets], dtype=float)
    wanted = np.array([occupancies[one] for one in members])
    weights = np.full(len(sets), 1.0 / len(sets))
    for _ in range(_SWEEPS):
        worst = 0.0
        for k, target in enumerate(wanted):
            inside = float(weights @ present[:, k])
            worst = max(worst, abs(inside - target))
            # What no arrangement can fulfil (alternatives that add up to more than one) stays
            # as near as it comes.
            target = min(max(float(target), 1e-12), 1.0 - 1e-12)
            on, off = target / max(inside, 1e-300), (1.0 - target) / max(1.0 - inside, 1e-300)
            weights *= np.where(present[:, k] > 0.5, on, off)
            weights /= weights.sum()
        if worst < _CONVERGED:
            break
    return [(s, float(w)) for s, w in zip(sets, weights, strict=True) if w > 1e-9]


def _one_of(members: Sequence[int], occupancies: Sequence[float]) -> States:
    """Where all exclude each other: one of them, or none."""
    total = sum(occupancies[one] for one in members)
    scale = 1.0 / max(total, 1.0)
    states: States = [((one,), scale * occupancies[one]) for one in members]
    return (
        [*states, ((), 1.0 - total)]
        if total < WHOLE
        else [(chosen, weight / (scale * total)) for chosen, weight in states]
    )


def given(states: States, member: int) -> States:
    """The same where one member is there, without it."""
    total = sum(weight for chosen, weight in states if member in chosen)
    return [
        (tuple(one for one in chosen if one != member), weight / total)
        for chosen, weight in states
        if member in chosen
    ]
