"""How likely each oxidation state of an element is before its bonds are looked at.

Of 3d metals the cost of a state (−ln of its weight) is its free energy above the dication at a
chemical potential of the electron,

    cost(q) = [G(q) − (q − 2) μ] / w,

G from standard potentials in water (S. G. Bratsch, J. Phys. Chem. Ref. Data 18 (1989) 1; oxidation
states of oxo-anions at pH 0). With the total charge given only differences between elements count:
Fe²⁺Ti⁴⁺ before Fe³⁺Ti³⁺, Cu⁺Fe³⁺ in sulphides. Other elements take their usual states.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

# Free energy per ion above the dication, eV, from standard potentials.
_FROST_EV: Mapping[str, Mapping[int, float]] = {
    "Sc": {3: -2.0, 2: 0.0, 1: 2.0, 0: 4.2},
    "Ti": {4: -0.27, 3: -0.37, 2: 0.0, 1: 1.6, 0: 3.3},
    "V": {5: 1.08, 4: 0.08, 3: -0.26, 2: 0.0, 1: 1.2, 0: 2.3},
    "Cr": {6: 3.57, 5: 3.0, 4: 1.7, 3: -0.42, 2: 0.0, 1: 1.0, 0: 1.8},
    "Mn": {7: 7.5, 6: 7.0, 5: 5.5, 4: 2.46, 3: 1.51, 2: 0.0, 1: 1.3, 0: 2.4},
    "Fe": {6: 7.4, 5: 5.1, 4: 2.8, 3: 0.77, 2: 0.0, 1: 0.8, 0: 0.9},
    "Co": {5: 6.5, 4: 3.6, 3: 1.5, 2: 0.0, 1: 0.8, 0: 0.6},
    "Ni": {4: 3.4, 3: 1.7, 2: 0.0, 1: 0.9, 0: 0.5},
    "Cu": {4: 5.5, 3: 2.4, 2: 0.0, 1: -0.16, 0: -0.68},
    "Zn": {2: 0.0, 0: 1.5},
}
_POTENTIAL_EV = 0.8  # μ among O, F, Cl
_POTENTIAL_SOFT_EV = 0.5  # among S, Se, Te, P, As, Sb, I
_WIDTH_EV = 0.5  # w
_COPPER_SOFT = 2.5  # cost of Cu²⁺, which oxidises soft anions
_IRON_TO_CARBON, _COBALT_TO_CARBON = 1.5, -2.5  # of M³⁺ in cyanides: Fe(II)–CN–Fe(III), Co(III)
_LOW = 3.0  # of states below 2 in solids without C, P or H at the metal (not of copper)
_METAL = 6.0  # of 0 and below in them
_ANION_EV = 1.5  # each electron beyond the neutral atom
_RARE = 4.0  # of states that the ICSD lists but textbooks do not
_NEVER = 10.0  # and of those of s- and f-block metals, yttrium and aluminium (La²⁺, Ca⁺)
_EUROPIUM = 2.3  # of Eu²⁺, which Mn⁴⁺ oxidises and Ti⁴⁺ does not: −0.35 V, by the formula above
_SEEN = frozenset(("Sm", "Yb", "Ce", "Pr", "Tb", "U", "Np", "Pu"))  # but these
SOFT = frozenset(("S", "Se", "Te", "P", "As", "Sb", "I"))
ACCEPTORS = frozenset(("C", "P", "H"))  # ligands of low-valent metals
# Standard potentials X2/2 X− in water, V, any textbook's; of chalcogenides and pnictides, which
# give up electrons at least as easily, that of iodide.
_OXIDISED_V: Mapping[str, float] = {
    "F": 2.87, "Cl": 1.36, "Br": 1.07, "I": 0.54, "S": 0.54, "Se": 0.54, "Te": 0.54, "N": 0.54,
    "P": 0.54, "As": 0.54, "Sb": 0.54,
}  # fmt: skip


def is_open_shell(element: str) -> bool:
    """Whether an element is one of the 3d metals, whose states vary."""
    return element in _FROST_EV


def is_possible(element: str, state: float) -> bool:
    """Whether a state is within those that are known of an element."""
    from pymatgen.core import Element

    known = (0, *Element(element).oxidation_states, *_FROST_EV.get(element, ()))
    return bool(min(known) <= state <= max(known))


def prior_costs(element: str, ligands: Sequence[str] = ()) -> dict[int, float]:
    """Cost of each state that an element may have beside these ligands."""
    if element not in _FROST_EV:
        return dict(_usual(element))
    kinds = set(ligands)
    soft = bool(kinds) and kinds <= SOFT | {"H"} and bool(kinds & SOFT)
    potential = _POTENTIAL_SOFT_EV if soft else _POTENTIAL_EV
    organic = bool(kinds & ACCEPTORS)
    energies = dict(_FROST_EV[element])
    if organic:
        energies |= {-1: energies[0] + _ANION_EV, -2: energies[0] + 2 * _ANION_EV}
    costs = {q: (g - (q - 2) * potential) / _WIDTH_EV for q, g in energies.items()}
    if not organic:
        for q in costs:
            costs[q] += (_LOW if q == 1 and element != "Cu" else 0.0) + (_METAL if q < 1 else 0.0)
    if element == "Cu" and soft:
        costs[2] += _COPPER_SOFT
        costs[3] += 2 * _COPPER_SOFT
    if kinds == {"C"}:
        costs[3] = costs.get(3, 0.0) + {"Fe": _IRON_TO_CARBON, "Co": _COBALT_TO_CARBON}.get(
            element, 0.0
        )
    lowest = min(costs.values())
    return {q: cost - lowest for q, cost in costs.items()}


def oxidises_ligands(element: str, state: int, ligands: Sequence[str]) -> bool:
    """Whether a 3d ion in water would take an electron from one of these, and so never bind it.

    False of oxygen, whose oxides hold ions that water does not, and of other elements.
    """
    energies = _FROST_EV.get(element, {})
    if state not in energies or state - 1 not in energies:
        return False
    potential = energies[state] - energies[state - 1]
    return any(potential > _OXIDISED_V.get(one, float("inf")) for one in ligands)


@cache
def _usual(element: str) -> tuple[tuple[int, float], ...]:
    from pymatgen.core import Element

    if element == "H":
        return ((1, 0.0), (-1, 0.0))
    if element == "O":
        return ((-2, 0.0),)
    known = Element(element)
    common = {int(s): 0.0 for s in known.common_oxidation_states}
    firm = known.block in ("s", "f") or element in ("Y", "Al", "La", "Lu")
    rare = _NEVER if firm and element not in _SEEN else _RARE
    listed = {int(s): rare for s in known.icsd_oxidation_states}
    if element == "Eu":
        common[2] = _EUROPIUM
    return tuple(({**listed, **common} or {0: 0.0}).items())


def is_strange(element: str, state: float) -> bool:
    """Whether a cation other than those of 3d metals has a state that another one is before."""
    return not is_open_shell(element) and dict(_usual(element)).get(int(state), 0.0) > 0


def without_impossible(element: str, costs: Mapping[float, float]) -> dict[float, float]:
    """The states but those that no compound of an s- or f-block metal has: La²⁺, Ca⁺."""
    if is_open_shell(element):
        return dict(costs)
    usual = dict(_usual(element))
    return {q: c for q, c in costs.items() if usual.get(int(q), 0.0) < _NEVER}


def only_state(element: str) -> float | None:
    """The state of an element that has no other in any compound; None of the others."""
    if is_open_shell(element):
        return None
    states = [q for q, cost in _usual(element) if cost < _NEVER]
    return float(states[0]) if len(states) == 1 else None


def usual_states(element: str) -> dict[int, float]:
    """What a site may take beside stated ones: of 3d metals ions from 2+ on, and Cu⁺; of others
    the textbook's.

    Ni⁺ in an oxide is for the bonds to tell, not for what somebody states of its neighbours.
    """
    costs = prior_costs(element)
    if is_open_shell(element):
        least = 1 if element == "Cu" else 2
        return {q: cost for q, cost in costs.items() if q >= least}
    return {q: cost for q, cost in costs.items() if cost < _RARE} or costs
