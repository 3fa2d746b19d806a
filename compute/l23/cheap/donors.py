"""Which orbitals of a ligand hop and which only repel.

A bare anion's three p orbitals hop to the metal and its s, E_p − E_s below, repels. Each covalent
bond to another non-metal (H of water and ammonia, N of a cyanide) takes one sp³ hybrid along the
bond; what is left of s and p is lone pairs: of water one hybrid towards the metal and one p across
the molecule's plane, of ammonia one hybrid, of a hydroxide one hybrid and two p. A hybrid lies
below p by its share of s times E_p − E_s; that far below it repels as s does, and only p hops. The
p across a multiple bond are the ligand's own π, and its empty π* take charge back. H of a hydride
hops by s.

Atoms of such groups carry part of their formal charges: each positive non-metal keeps the share
``KEPT_CHARGE`` and gives back the rest along its bonds (0.41 on H of water: H. J. C. Berendsen et
al., in Intermolecular Forces (1981) 331, SPC model).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from compute.l23.prepared import lattice_charges

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from compute.sites import Site

FloatArray = NDArray[np.float64]

KEPT_CHARGE = 0.41
S_IN_A_BOND, S_OPPOSITE_A_MULTIPLE_BOND = 0.25, 0.5  # sp³ and sp
_NONMETALS = frozenset(
    ("H", "B", "C", "N", "O", "F", "Si", "P", "S", "Cl", "As", "Se", "Br", "Te", "I")
)
# Bonds to these take a donor's orbitals; P–O, S–O and Si–O of oxo-anions are left as bare O²⁻,
# with which the prefactors were fitted.
_BINDING = frozenset(("H", "B", "C", "N"))
_COVALENT = 1.2  # times the sum of Cordero's radii
_MULTIPLE_ANG = 1.25  # C and N with one neighbour this near: C≡N, C≡O
_REACH_ANG = 2.7
_CONTRAST = 0.1  # Pauling
_NO_S = 1e-6
_NONE: FloatArray = np.zeros((4, 0))


@dataclass(frozen=True, eq=False)
class Donor:
    """Orbitals of one ligand atom over its s, p_x, p_y, p_z, local axes; columns are orthonormal.

    Attributes
    ----------
    hopping : float64 (4, k)
        Filled ones that hop to the metal.
    repelling : float64 (4, m)
        Filled ones that lie too deep.
    depth : float64 (m,)
        How far below p those are, in units of E_p − E_s.
    acceptor : float64 (4, j)
        Empty π* of a multiple bond, as far as they are on this atom.
    """

    hopping: FloatArray
    repelling: FloatArray
    depth: FloatArray
    acceptor: FloatArray


def donors(structure: Structure, sites: Sequence[Site], site: Site) -> list[Donor]:
    """The orbitals of a site's ligands, in their order."""
    elements = _elements(structure, sites)
    group = _BINDING | ({"O"} if "C" in site.ligand_elements else set())
    out = []
    for atom, ligand in zip(site.ligand_indices, site.ligand_elements, strict=True):
        if ligand == "H":
            out.append(Donor(np.eye(4)[:, :1], _NONE, np.zeros(0), _NONE))
            continue
        bonds = [
            vector @ site.local_axes.T
            for other, vector in _bound(structure, elements, atom)
            if elements[other] in group
        ]
        out.append(_donor(ligand, np.array(bonds)) if bonds else _anion())
    return out


def partial_charges(structure: Structure, sites: Sequence[Site]) -> FloatArray:
    """(n,): formal charges, those of covalent groups reduced to what their atoms keep, e."""
    charges = lattice_charges(structure, sites)
    elements = _elements(structure, sites)
    out = charges.copy()
    for atom, element in enumerate(elements):
        if element not in _NONMETALS or charges[atom] <= 0.0:
            continue
        more = [
            other
            for other, _ in _bound(structure, elements, atom)
            if _electronegativity(elements[other]) > _electronegativity(element) + _CONTRAST
        ]
        given = (1.0 - KEPT_CHARGE) * charges[atom] if more else 0.0
        out[atom] -= given
        for other in more:
            out[other] += given / len(more)
    return out


def _anion() -> Donor:
    return Donor(np.eye(4)[:, 1:], np.eye(4)[:, :1], np.ones(1), _NONE)


def _donor(element: str, bonds: FloatArray) -> Donor:
    """Of an atom with covalent bonds (b, 3), Å."""
    lengths = np.linalg.norm(bonds, axis=1)
    units = bonds / lengths[:, None]
    if len(bonds) == 1 and lengths[0] < _MULTIPLE_ANG and element in ("C", "N"):
        s = S_OPPOSITE_A_MULTIPLE_BOND
        hybrid = np.r_[np.sqrt(s), -np.sqrt(1.0 - s) * units[0]][:, None]
        across = np.linalg.svd(units[:1])[2][1:]
        return Donor(_NONE, hybrid, np.array([s]), np.vstack([np.zeros(2), across.T]))
    s = S_IN_A_BOND
    taken = np.column_stack([np.full(len(units), np.sqrt(s)), np.sqrt(1.0 - s) * units])
    rank = int(np.linalg.matrix_rank(taken, tol=1e-6))
    left = np.linalg.svd(taken)[2][rank:].T
    share = left[0] @ left[0]  # of s, all of it in one combination
    if share < _NO_S:
        return Donor(left, _NONE, np.zeros(0), _NONE)
    hybrid = left @ left[0] / np.sqrt(share)
    turned = np.linalg.svd(left[:1])[2][1:].T
    return Donor(left @ turned, hybrid[:, None], np.array([share]), _NONE)


def _elements(structure: Structure, sites: Sequence[Site]) -> list[str]:
    """The element of every place: that of its main occupant."""
    found, share = [""] * len(structure), np.zeros(len(structure))
    for site in sites:
        for atom in site.equivalent_indices:
            if site.occupancy > share[atom]:
                found[atom], share[atom] = site.element, site.occupancy
    return found


def _bound(
    structure: Structure, elements: Sequence[str], atom: int
) -> list[tuple[int, FloatArray]]:
    """Non-metals that a non-metal atom is bound to covalently: index and vector, Å."""
    if elements[atom] not in _NONMETALS or _NONMETALS.isdisjoint(
        element for element in elements if element != elements[atom]
    ):
        return []
    out = []
    for near in structure.get_neighbors(structure[atom], _REACH_ANG):
        other = int(near.index)
        limit = _COVALENT * (_radius(elements[atom]) + _radius(elements[other]))
        if elements[other] in _NONMETALS and near.nn_distance < limit:
            out.append((other, np.asarray(near.coords) - structure[atom].coords))
    return out


@cache
def _radius(element: str) -> float:
    """Covalent radius, Å (B. Cordero et al., Dalton Trans. (2008) 2832); 0 where unknown."""
    from pymatgen.analysis.local_env import CovalentRadius

    return float(CovalentRadius.radius.get(element, 0.0))


@cache
def _electronegativity(element: str) -> float:
    """Pauling's."""
    from pymatgen.core import Element

    return float(Element(element).X)
