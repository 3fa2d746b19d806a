"""The charge of a group of non-metals by counting valences, and the oxidation states in it.

Every atom keeps an octet. What an atom's single bonds leave open is closed by double bonds to open
neighbours, as many as can be (a maximum matching), and else by an electron: acetate and
cyclopentadienyl come out 1−, bipyridine 0, imidazolate 1−, cyanide 1−, P2S6 4−. Four exceptions,
where more double bonds could be drawn than there are: four pyrrole nitrogens around one metal
(porphyrin 2−, corrole 3−), a terminal O or S at a single bond's distance from C (phenolate,
dithiolene), a lone pair shared with an open carbon (imidazolium), and carbon with a lone pair
(CO, isocyanide, carbene).

Oxidation states follow from the bond orders, each bond's electrons going to the more
electronegative atom (P. Karen et al., Angew. Chem. Int. Ed. 54 (2015) 4716).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from compute.sites.fragments import Bonds

# Covalent valences.
_VALENCE = {"H": 1, "B": 3, "C": 4, "Si": 4, "Ge": 4, "Sn": 4, "N": 3, "P": 3, "As": 3, "Sb": 3,
            "O": 2, "S": 2, "Se": 2, "Te": 2, "F": 1, "Cl": 1, "Br": 1, "I": 1}  # fmt: skip
_DOUBLE = frozenset(("C", "N", "O"))  # form double bonds among themselves; S only to C
_SINGLE_CO_ANG, _SINGLE_NO_ANG, _SINGLE_CS_ANG = (
    1.30,
    1.27,
    1.70,
)  # longer bonds are single ones (quinone 1.22)
_FORMATE_CO_ANG = 1.2  # carbon dioxide has 1.16
_SUPEROXIDE_ANG = (1.26, 1.40)  # O2 below, peroxide above
_ANIONIC = {"O": -2, "S": -2, "Se": -2, "Te": -2, "N": -3, "P": -3, "As": -3, "Sb": -3,
            "C": -4, "Si": -4, "B": -3, "H": -1, "F": -1, "Cl": -1, "Br": -1, "I": -1}  # fmt: skip


@dataclass(frozen=True)
class Lewis:
    """A group's charge and the oxidation state of each of its atoms.

    Attributes
    ----------
    charge : int
    states : dict
        By atom; they add up to the charge.
    odd : int
        Atoms whose valence is strange, or that carry a charge where none is expected: hydrogens
        may be missing.
    """

    charge: int
    states: dict[int, float]
    odd: int


@dataclass
class _Draft:
    charge: dict[int, int] = field(default_factory=dict)  # formal charges
    open: dict[int, int] = field(default_factory=dict)  # valences left for double bonds
    odd: set[int] = field(default_factory=set)


def lewis(bonds: Bonds, atoms: Sequence[int]) -> Lewis:
    """Charge and states of one group of :func:`compute.sites.fragments.fragments`."""
    if len(atoms) == 1:
        charge = _ANIONIC[bonds.elements[atoms[0]]]
        return Lewis(charge, {atoms[0]: float(charge)}, 0)
    if (special := _diatomic(bonds, atoms) or _bent_dioxide(bonds, atoms)) is not None:
        return special
    draft = _Draft()
    for atom in atoms:
        _single_bonds(bonds, atom, draft)
    _lone_pair_carbons(bonds, atoms, draft)
    _pyrrole_nitrogens(bonds, atoms, draft)
    _azolate_rings(bonds, atoms, draft)
    orders = _double_bonds(bonds, atoms, draft)
    orders = _shared_lone_pairs(bonds, atoms, draft, orders)
    states = {atom: float(draft.charge.get(atom, 0)) for atom in atoms}
    for atom in atoms:
        left = draft.open.get(atom, 0) - sum(
            extra for pair, extra in orders.items() if atom in pair
        )
        if left > 0:
            states[atom] -= left
            draft.charge[atom] = draft.charge.get(atom, 0) - left
            away = bonds.elements[atom] in ("C", "N") and not bonds.metals[atom]
            if away and not (left == 1 and _aromatic_anion(bonds, atom)):
                draft.odd.add(atom)
    charge = round(sum(states.values()))
    for atom in atoms:
        for other, (count, _) in bonds.neighbours[atom].items():
            order = count + orders.get(frozenset((atom, other)), 0)
            here, there = _electronegativity(bonds, atom), _electronegativity(bonds, other)
            states[atom] += order * ((here < there) - (here > there))
    return Lewis(charge, states, len(draft.odd) + _bare_of_hydrogen(bonds, atoms))


def _bare_of_hydrogen(bonds: Bonds, atoms: Sequence[int]) -> int:
    """1 for organic groups without any hydrogen, whose list likely lacks it; not for oxalate."""
    kinds = [bonds.elements[atom] for atom in atoms]
    if kinds.count("C") < 2 or {"H", "F", "Cl"} & set(kinds):
        return 0
    return int(sorted(kinds) != ["C"] * 2 + ["O"] * 4)


def _bent_dioxide(bonds: Bonds, atoms: Sequence[int]) -> Lewis | None:
    """CO2 with the bonds of a formate: its hydrogen is missing from the list."""
    carbons = [atom for atom in atoms if bonds.elements[atom] == "C"]
    oxygens = [atom for atom in atoms if bonds.elements[atom] == "O"]
    if len(atoms) != 3 or len(carbons) != 1 or len(oxygens) != 2:
        return None
    if min(bonds.neighbours[carbons[0]].get(o, (0, 0.0))[1] for o in oxygens) < _FORMATE_CO_ANG:
        return None
    return Lewis(-2, {carbons[0]: 2.0, oxygens[0]: -2.0, oxygens[1]: -2.0}, 1)


def _single_bonds(bonds: Bonds, atom: int, draft: _Draft) -> None:
    """Formal charge of an atom with too many bonds, open valences of one with too few."""
    element, degree = bonds.elements[atom], bonds.degree(atom)
    near = bonds.neighbours[atom]
    left = _VALENCE[element] - degree
    if element in ("P", "As", "Sb") and degree > 4:
        left = 5 - degree
    elif element in ("S", "Se", "Te") and degree > 4:
        left = 6 - degree
    elif element == "I" and degree == 2 and all(bonds.elements[j] == "I" for j in near):
        draft.charge[atom] = -1
        return
    if left < 0:
        negative = element in ("B", "Si", "C") or degree > 4
        draft.charge[atom] = left if negative else -left
        if (element == "C") or (element in ("B", "H", "F") and degree > 4):
            draft.odd.add(atom)
        return
    if element == "N" and (_with_terminal_oxygen(bonds, atom) or _middle_of_azide(bonds, atom)):
        draft.charge[atom] = 1
        left = 4 - degree
    if element in ("O", "S") and degree == 1 and left and _single_bond(bonds, atom):
        draft.charge[atom] = -left
        return
    draft.open[atom] = left


def _with_terminal_oxygen(bonds: Bonds, atom: int) -> bool:
    """Nitrate, nitro, N-oxide: three neighbours, one of them an oxygen with nothing else."""
    return bonds.degree(atom) == 3 and any(
        bonds.elements[j] == "O" and bonds.degree(j) == 1 for j in bonds.neighbours[atom]
    )


def _middle_of_azide(bonds: Bonds, atom: int) -> bool:
    near = list(bonds.neighbours[atom])
    return len(near) == 2 and all(bonds.elements[j] == "N" and bonds.degree(j) == 1 for j in near)


def _single_bond(bonds: Bonds, atom: int) -> bool:
    """A terminal O or S as far from its C or N as a single bond, which has no other such."""
    ((other, (_, distance)),) = bonds.neighbours[atom].items()
    if bonds.elements[other] == "N":  # an oximate; nitroso and nitrite are shorter
        return bonds.degree(other) == 2 and distance > _SINGLE_NO_ANG
    if bonds.elements[other] != "C":
        return False
    limit = _SINGLE_CO_ANG if bonds.elements[atom] == "O" else _SINGLE_CS_ANG
    terminal = sum(
        bonds.elements[j] in ("O", "S") and bonds.degree(j) == 1 for j in bonds.neighbours[other]
    )
    return distance > limit and terminal == 1 and bonds.degree(other) == 3


def _lone_pair_carbons(bonds: Bonds, atoms: Sequence[int], draft: _Draft) -> None:
    """Isocyanides and N-heterocyclic carbenes: a neutral carbon with a lone pair."""
    for atom in atoms:
        if bonds.elements[atom] != "C" or not bonds.metals[atom]:
            continue
        near = list(bonds.neighbours[atom])
        nitrogens = [j for j in near if bonds.elements[j] == "N"]
        isocyanide = len(near) == 1 and len(nitrogens) == 1 and bonds.degree(nitrogens[0]) == 2
        carbene = len(near) == 2 and len(nitrogens) == 2
        if isocyanide:
            draft.open[atom] = 0
            draft.open[nitrogens[0]] = 0
        elif carbene and all(bonds.degree(j) == 3 for j in nitrogens):
            draft.open[atom] = 0


def _pyrrole_nitrogens(bonds: Bonds, atoms: Sequence[int], draft: _Draft) -> None:
    """Of four pyrrole nitrogens around one metal two keep a charge: the ring is aromatic."""
    around: dict[int, list[int]] = {}
    for atom in atoms:
        if bonds.elements[atom] == "N" and bonds.degree(atom) == 2 and _in_pyrrole(bonds, atom):
            for metal in bonds.metals[atom]:
                around.setdefault(metal, []).append(atom)
    for found in around.values():
        if len(found) == 4:
            chosen = [n for n in found if draft.open.get(n)]
            for atom in _farthest_pair(bonds, chosen):
                draft.charge[atom] = -1
                draft.open[atom] = 0


def _azolate_rings(bonds: Bonds, atoms: Sequence[int], draft: _Draft) -> None:
    """Five-membered rings with two or more N and no hydrogen on them: each is an anion."""
    for atom in atoms:
        if bonds.elements[atom] != "N" or draft.open.get(atom) != 1 or not bonds.metals[atom]:
            continue
        ring = _five_ring(bonds, atom)
        if (
            sum(bonds.elements[a] == "N" for a in ring) >= 2
            and all(bonds.elements[a] in ("C", "N") for a in ring)
            and all(draft.open.get(a) == 1 for a in ring)
        ):
            draft.charge[atom] = -1
            draft.open[atom] = 0


def _five_ring(bonds: Bonds, start: int) -> tuple[int, ...]:
    """The atoms of a five-membered ring through an atom; none where there is no such ring."""
    for a in bonds.neighbours[start]:
        for b in bonds.neighbours[a]:
            if b == start:
                continue
            for d in bonds.neighbours[start]:
                if d in (a, b):
                    continue
                for c in bonds.neighbours[d]:
                    if c not in (start, a, b) and c in bonds.neighbours[b]:
                        return (start, a, b, c, d)
    return ()


def _farthest_pair(bonds: Bonds, atoms: Sequence[int]) -> tuple[int, ...]:
    """The first atom and the one most bonds away from it."""
    if len(atoms) < 2:
        return ()
    steps = {atoms[0]: 0}
    waiting = [atoms[0]]
    for atom in waiting:
        for other in bonds.neighbours[atom]:
            if other not in steps:
                steps[other] = steps[atom] + 1
                waiting.append(other)
    return atoms[0], max(atoms[1:], key=lambda a: steps.get(a, 0))


def _in_pyrrole(bonds: Bonds, atom: int) -> bool:
    """Whether N is in a five-membered ring with four carbons of three neighbours each."""
    near = list(bonds.neighbours[atom])
    flat = [j for j in near if bonds.elements[j] == "C" and bonds.degree(j) == 3]
    if len(flat) != 2:
        return False
    beyond = [
        {k for k in bonds.neighbours[j] if bonds.elements[k] == "C" and bonds.degree(k) == 3}
        for j in flat
    ]
    return any(b in bonds.neighbours[a] for a in beyond[0] for b in beyond[1])


def _double_bonds(bonds: Bonds, atoms: Sequence[int], draft: _Draft) -> dict[frozenset[int], int]:
    """Bonds beyond the single ones, by pair: as many as open valences allow.

    Where there is a choice, atoms that keep an electron are the electronegative ones.
    """
    import networkx as nx

    graph = nx.Graph()
    copies = {a: range(draft.open.get(a, 0)) for a in atoms if _may_double(bonds, a)}
    for atom in copies:
        for other, (_, distance) in bonds.neighbours[atom].items():
            if other not in copies or other < atom or not _double(bonds, atom, other):
                continue
            pull = _electronegativity(bonds, atom) + _electronegativity(bonds, other)
            weight = 100.0 - pull - distance
            for a in copies[atom]:
                for b in copies[other]:
                    graph.add_edge((atom, a), (other, b), weight=weight)
    orders: dict[frozenset[int], int] = {}
    for (a, _), (b, _) in nx.max_weight_matching(graph, maxcardinality=True):
        pair = frozenset((a, b))
        orders[pair] = min(orders.get(pair, 0) + 1, 2)
    return orders


def _may_double(bonds: Bonds, atom: int) -> bool:
    return bonds.elements[atom] in _DOUBLE or bonds.elements[atom] == "S"


def _double(bonds: Bonds, a: int, b: int) -> bool:
    pair = {bonds.elements[a], bonds.elements[b]}
    if "S" in pair:
        return "C" in pair
    return pair != {"O"}


def _shared_lone_pairs(
    bonds: Bonds, atoms: Sequence[int], draft: _Draft, orders: dict[frozenset[int], int]
) -> dict[frozenset[int], int]:
    """An open carbon away from the metal with a saturated N beside it: an iminium, N⁺=C."""
    done: set[int] = set()
    for atom in atoms:
        taken = sum(extra for pair, extra in orders.items() if atom in pair)
        if bonds.elements[atom] != "C" or draft.open.get(atom, 0) - taken != 1:
            continue
        reached = _alternating(bonds, atom, orders)
        if any(bonds.metals[a] for a in reached if bonds.elements[a] == "C"):
            continue
        for nitrogen in sorted(
            j for a in reached for j in bonds.neighbours[a] if bonds.elements[j] == "N"
        ):
            if bonds.degree(nitrogen) == 3 and nitrogen not in done and not bonds.metals[nitrogen]:
                done.add(nitrogen)
                draft.charge[nitrogen] = 1
                draft.open[nitrogen] = 1
                break
    return _double_bonds(bonds, atoms, draft) if done else orders


def _alternating(bonds: Bonds, start: int, orders: dict[frozenset[int], int]) -> set[int]:
    """Atoms that an open valence can move to: along a bond and over a double bond."""
    double = {a: b for pair in orders for a, b in _both(pair)}
    reached, waiting = {start}, [start]
    for atom in waiting:
        for other in bonds.neighbours[atom]:
            end = double.get(other)
            if end is not None and end not in reached:
                reached.add(end)
                waiting.append(end)
    return reached


def _both(pair: frozenset[int]) -> tuple[tuple[int, int], ...]:
    atoms = tuple(pair)
    return ((atoms[0], atoms[-1]), (atoms[-1], atoms[0]))


def _aromatic_anion(bonds: Bonds, atom: int) -> bool:
    """A ring atom of a group that is bound to a metal elsewhere: its charge is shared."""
    reached, waiting = {atom}, [atom]
    for one in waiting:
        if bonds.metals[one]:
            return True
        for other in bonds.neighbours[one]:
            if other not in reached and bonds.degree(other) <= 3 and len(reached) < 40:
                reached.add(other)
                waiting.append(other)
    return False


def _diatomic(bonds: Bonds, atoms: Sequence[int]) -> Lewis | None:
    """CO, NO, O2: what an octet does not tell."""
    if len(atoms) != 2:
        return None
    a, b = atoms
    kinds = (bonds.elements[a], bonds.elements[b])
    if set(kinds) == {"C", "O"}:
        carbon, oxygen = (a, b) if kinds[0] == "C" else (b, a)
        return Lewis(0, {carbon: 2.0, oxygen: -2.0}, 0)
    if set(kinds) == {"N", "O"}:  # as NO⁺, the formal state of linear nitrosyls
        nitrogen, oxygen = (a, b) if kinds[0] == "N" else (b, a)
        return Lewis(1, {nitrogen: 3.0, oxygen: -2.0}, 1)
    if kinds == ("O", "O"):
        distance = bonds.neighbours[a][b][1]
        low, high = _SUPEROXIDE_ANG
        charge = 0 if distance < low else -1 if distance < high else -2
        return Lewis(charge, {a: charge / 2, b: charge / 2}, 0)
    if kinds == ("H", "H"):
        return Lewis(0, {a: 0.0, b: 0.0}, 0)
    return None


def _electronegativity(bonds: Bonds, atom: int) -> float:
    return _pauling(bonds.elements[atom])


@cache
def _pauling(element: str) -> float:
    from pymatgen.core import Element

    return float(Element(element).X)
