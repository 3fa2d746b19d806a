"""The distinct sites of a crystal: valence, spin, coordination, symmetry and local axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compute.errors import InputError
from compute.sites.bondvalence import error_of_sum, has_parameter
from compute.sites.coordination import (
    Neighbours,
    bond_valence_sum,
    ligands,
    neighbours,
    oxo_centres,
    paired,
)
from compute.sites.evidence import Evidence
from compute.sites.fragments import Bonds, covalent_bonds, fragments
from compute.sites.frame import local_axes, orbits, point_group
from compute.sites.lewis import lewis
from compute.sites.oxidation import STATED, Valence, assign
from compute.sites.polyhedra import nearest_shape
from compute.sites.redox import is_possible
from compute.sites.spin import spin_state
from compute.sites.stated import NEUTRAL, by_atom, charge_of_atom, own_charge, stated_of
from compute.sites.units import only_complexes

if TYPE_CHECKING:
    from pymatgen.core import Structure

FloatArray = NDArray[np.float64]

_GIVES = 0.2  # a bond-valence sum beyond this makes a cation, beyond its negative an anion
BELIEVED = 1.0  # confidence of what a person states; a file's charge has less where it is odd
_CONFIDENCE_OF_CHARGED = 0.7
_CONFIDENCE_OF_CONTRADICTED = 0.3


@dataclass(frozen=True, eq=False)
class Site:
    """One symmetry-distinct site.

    Attributes
    ----------
    index : int
        First atom of the orbit, counted in the given structure.
    element : str
    multiplicity : int
        Atoms of the orbit in the given cell.
    equivalent_indices : tuple of int
    oxidation_state : float
        Whole except where equivalent atoms share a charge.
    oxidation_source : str
        ``stated``, ``bond valence`` or ``composition``.
    oxidation_confidence : float
        0 to 1.
    bond_valence_sum : float
        Signed, valence units.
    spin_state : str
        ``high``, ``low``, ``intermediate`` or empty where there is no choice.
    coordination_number : int
    geometry : str
        ``octahedron``, ``tetrahedron``, ``square plane`` …
    geometry_deviation : float
        Continuous shape measure of the ligand directions, percent; NaN if unnamed.
    ligand_elements : tuple of str
        One entry a ligand, nearest first.
    ligand_indices : tuple of int
    ligand_vectors : float64 (n, 3)
        From the site to each ligand, Å, Cartesian axes of the structure.
    mean_bond_length_ang : float
        NaN without ligands.
    point_group : str
        Site symmetry, Hermann–Mauguin.
    point_group_schoenflies : str
    symmetry_rotations : float64 (g, 3, 3)
        The site's point operations, Cartesian, orthogonal.
    local_axes : float64 (3, 3)
        Rows are local x, y, z in the structure's Cartesian axes, right-handed: along the bonds
        of an octahedron or square, along the fourfold axes of a tetrahedron, z along the
        exact fourfold axis where there is one, else along the odd pair of bonds.
    occupancy : float
        Share of the element at its places; 1 in an ordered crystal.
    charge_corrections : float64 (m, 4)
        Of a disordered crystal: vectors (Å, Cartesian) from the site to near places, and by how
        much their charge is another one here than in the mean of the lattice, e.
    alternatives : tuple of (float, Site)
        Weights and arrangements of a ligand shell that is mixed, partly empty or split; empty
        where there is one arrangement. The site's own ligands are those of the likeliest.
    left_out : float
        Weight of the arrangements that are not among the alternatives, whose weights add up to 1.
    """

    index: int
    element: str
    multiplicity: int
    equivalent_indices: tuple[int, ...]
    oxidation_state: float
    oxidation_source: str
    oxidation_confidence: float
    bond_valence_sum: float
    spin_state: str
    coordination_number: int
    geometry: str
    geometry_deviation: float
    ligand_elements: tuple[str, ...]
    ligand_indices: tuple[int, ...]
    ligand_vectors: FloatArray
    mean_bond_length_ang: float
    point_group: str
    point_group_schoenflies: str
    symmetry_rotations: FloatArray
    local_axes: FloatArray
    occupancy: float = 1.0
    charge_corrections: FloatArray = field(default_factory=lambda: np.zeros((0, 4)))
    alternatives: tuple[tuple[float, Site], ...] = ()
    left_out: float = 0.0

    @property
    def key(self) -> int | str:
        """What tells it from others: its index, of places that it holds in part ``Fe:3``."""
        return self.index if self.occupancy >= 1.0 else f"{self.element}:{self.index}"

    @property
    def possible_ligands(self) -> set[str]:
        """Elements of the ligands, in whatever arrangement."""
        return set(self.ligand_elements).union(
            *(one.ligand_elements for _, one in self.alternatives)
        )

    @property
    def amount(self) -> float:
        """Atoms a cell."""
        return self.multiplicity * self.occupancy


def analyze_sites(
    structure: Structure,
    *,
    symprec: float = 0.01,
    stated: Mapping[int | str, float] | None = None,
) -> list[Site]:
    """The symmetry-distinct sites of a crystal, in order of first atom.

    Of a disordered one they are those of :func:`compute.sites.disorder.analyze_disordered`.

    Parameters
    ----------
    structure : pymatgen Structure
        Its own charges (``Fe3+``) are kept.
    symprec : float
        Tolerance of the symmetry search, Å.
    stated : mapping, optional
        Oxidation states that are known, by index of an atom (which holds for all that are
        equivalent to it), by element, or by both (``"Fe:3"``); an index goes before the element,
        and all before the structure's own charges. Other sites are analysed beside them.
        Whether the total is neutral tells :func:`charge_warnings`.

    Raises
    ------
    InputError
        No atoms, an element that is none, atoms on top of each other, a state
        for an atom or element that is not there, two states of equivalent atoms.
    """
    if not structure.is_ordered:
        from compute.sites.disorder import analyze_disordered

        return analyze_disordered(structure, symprec=symprec, stated=stated)
    elements = elements_of(structure)
    members, rotations_of = orbits(structure, elements, symprec)
    indices = sorted(members)
    around = neighbours(structure, indices, elements)
    centred = oxo_centres(indices, members, elements, around)
    bare = []
    for index in indices:
        near = around[index]
        chosen = ligands(elements, centred, index, near)
        vectors, atoms = near.vectors[chosen], near.atoms[chosen]
        shape = nearest_shape(vectors)
        name, schoenflies = point_group(rotations_of[index][0])
        lengths = np.linalg.norm(vectors, axis=1)
        bare.append(
            Site(
                index=index,
                element=elements[index],
                multiplicity=len(members[index]),
                equivalent_indices=tuple(members[index]),
                oxidation_state=0.0,
                oxidation_source="",
                oxidation_confidence=0.0,
                bond_valence_sum=bond_valence_sum(elements, centred, index, near),
                spin_state="",
                coordination_number=len(atoms),
                geometry=shape.name,
                geometry_deviation=shape.deviation,
                ligand_elements=tuple(elements[a] for a in atoms),
                ligand_indices=tuple(int(a) for a in atoms),
                ligand_vectors=vectors,
                mean_bond_length_ang=float(lengths.mean()) if len(lengths) else float("nan"),
                point_group=name,
                point_group_schoenflies=schoenflies,
                symmetry_rotations=rotations_of[index][1],
                local_axes=local_axes(shape.name, shape.axes, vectors, rotations_of[index][1]),
            )
        )
    own = [charge_of_atom(structure, index) for index in range(len(structure))]
    bonds = covalent_bonds(structure, elements)
    return assign_valences(
        bare, elements, around, by_atom(stated or {}, elements), len(structure),
        own=own, charge=own_charge(structure), bonds=bonds,
        complexes=only_complexes(structure, elements, bonds),
    )  # fmt: skip


def charge_warnings(sites: Sequence[Site]) -> tuple[str, ...]:
    """Why the oxidation states of a structure's sites do not fit together; empty where they do."""
    total = sum(site.oxidation_state * site.amount for site in sites)
    if abs(total) < NEUTRAL:
        return ()
    states = ", ".join(
        f"{site.element}[{site.index}] {site.oxidation_state:+g} × {site.amount:.4g}"
        + (" (stated)" if site.oxidation_source == STATED else "")
        for site in sites
    )
    return (f"the oxidation states add up to {total:+.4g} in the cell, not to 0: {states}",)


def elements_of(structure: Structure) -> list[str]:
    """Of each atom of an ordered structure, D and T as H."""
    if len(structure) == 0:
        raise InputError("structure", "0 atoms", "a structure needs at least one atom")
    out = []
    for i, site in enumerate(structure):
        symbol = getattr(site.specie, "element", site.specie).symbol
        if not _is_element(symbol):
            raise InputError(f"structure.sites[{i}]", symbol, "not a chemical element")
        out.append("H" if symbol in ("D", "T") else symbol)
    return out


@cache
def _is_element(symbol: str) -> bool:
    from pymatgen.core import Element

    return bool(Element.is_valid_symbol(symbol))


def assign_valences(
    sites: list[Site],
    elements: list[str],
    near: dict[int, Neighbours],
    stated: Mapping[int | str, float],
    n_atoms: int,
    *,
    own: Sequence[float | None],
    charge: float,
    bonds: Bonds,
    complexes: bool = False,
) -> list[Site]:
    """Sites with their oxidation states and what follows from them.

    Parameters
    ----------
    elements, own
        Of every atom: its element, and the charge that the structure itself states.
    near : dict
        Neighbours of each site, by its index.
    charge : float
        That the listed atoms have together.
    bonds : Bonds
        Among the non-metals.
    complexes : bool
        Whether the list holds nothing but complexes, which may be ions.
    """
    by_person = stated_of(sites, stated, n_atoms)
    known = [
        own[site.index] if value is None else value
        for site, value in zip(sites, by_person, strict=True)
    ]
    facts = _evidence(sites, elements, near, known, bonds)
    valences = assign(facts, charge=charge, complexes=complexes)
    total = sum(v.value * s.amount for v, s in zip(valences, sites, strict=True))
    # A structure's own charges may be a slip of the pen.
    written = BELIEVED if abs(total - charge) < NEUTRAL else _CONFIDENCE_OF_CHARGED
    valences = [
        replace(v, confidence=min(written, _CONFIDENCE_OF_CONTRADICTED if wrong else BELIEVED))
        if v.source == STATED and value is None
        else v
        for v, value, wrong in zip(
            valences, by_person, map(_contradicts, facts, valences), strict=True
        )
    ]
    out = []
    for site, valence in zip(sites, valences, strict=True):
        filled = replace(
            site,
            oxidation_state=valence.value,
            oxidation_source=valence.source,
            oxidation_confidence=valence.confidence,
        )
        out.append(replace(filled, spin_state=spin_state(filled)))
    return out


def _evidence(
    sites: Sequence[Site],
    elements: list[str],
    near: dict[int, Neighbours],
    known: Sequence[float | None],
    bonds: Bonds,
) -> list[Evidence]:
    """What bonds and groups tell of each distinct site."""
    like = {
        atom
        for site in sites
        if paired(elements, site.index, near[site.index])
        for atom in site.equivalent_indices
    }
    states, odd, single = _groups(bonds)
    out = []
    for site, stated in zip(sites, known, strict=True):
        atoms = site.equivalent_indices
        gives = site.bond_valence_sum > _GIVES and site.index in single
        bound = None
        if site.index in states and not gives:
            bound = sum(states[atom] for atom in atoms) / len(atoms)
        out.append(
            Evidence(
                element=site.element,
                amount=site.amount,
                bond_valence_sum=site.bond_valence_sum,
                ligands=site.ligand_elements,
                anion=site.bond_valence_sum < -_GIVES,
                bound=bound,
                odd=not odd.isdisjoint(atoms),
                single=site.index in single,
                trusted=_trusted(site, like),
                silent=bool({"C", "H"} & set(site.ligand_elements)),
                stated=stated,
            )
        )
    return out


def _groups(bonds: Bonds) -> tuple[dict[int, float], set[int], set[int]]:
    """States of all non-metals by their groups; atoms of odd groups, and those by themselves."""
    states: dict[int, float] = {}
    odd: set[int] = set()
    single: set[int] = set()
    for group in fragments(bonds):
        found = lewis(bonds, group)
        states |= found.states
        if found.odd:
            odd.update(group)
        if len(group) == 1:
            single.update(group)
    return states, odd, single


def _contradicts(fact: Evidence, valence: Valence) -> bool:
    """Whether a state is none of its element, or bonds that can be trusted tell another one."""
    if not is_possible(fact.element, valence.value):
        return True
    off = abs(valence.value - fact.bond_valence_sum)
    return fact.trusted and off > error_of_sum(valence.value)


def _trusted(site: Site, like: Set[int]) -> bool:
    """Whose every ligand has its own bond-valence parameter and is bound to nothing like it."""
    return (
        bool(site.ligand_elements)
        and site.bond_valence_sum > _GIVES
        and all(has_parameter(site.element, other) for other in site.ligand_elements)
        and like.isdisjoint(site.ligand_indices)
    )


def as_dict(site: Site) -> dict[str, Any]:
    """The site as JSON-ready values."""
    out: dict[str, Any] = {}
    for name in Site.__dataclass_fields__:
        value = getattr(site, name)
        if name == "alternatives":
            value = [{"weight": weight, "site": as_dict(one)} for weight, one in value]
        out[name] = value.tolist() if isinstance(value, np.ndarray) else value
    return out
