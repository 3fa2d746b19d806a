"""The distinct sites of a crystal: valence, spin, coordination, symmetry and local axes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compute.errors import InputError
from compute.sites.coordination import (
    Neighbours,
    bond_valence_sum,
    ligands,
    neighbours,
    oxo_centres,
    paired,
)
from compute.sites.frame import local_axes, orbits, point_group
from compute.sites.oxidation import Valence, assign
from compute.sites.polyhedra import nearest_shape
from compute.sites.spin import spin_state

if TYPE_CHECKING:
    from pymatgen.core import Structure

FloatArray = NDArray[np.float64]


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
        ``high``, ``low`` or empty where there is no choice.
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


def analyze_sites(structure: Structure, *, symprec: float = 0.01) -> list[Site]:
    """The symmetry-distinct sites of an ordered crystal, in order of first atom.

    Parameters
    ----------
    structure : pymatgen Structure
        Stated charges (``Fe3+``) are kept when every site has one.
    symprec : float
        Tolerance of the symmetry search, Å.

    Raises
    ------
    InputError
        Partial occupancy, no atoms, an element that is none, or atoms on top of each other.
    """
    elements = _elements(structure)
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
    return _with_valences(structure, bare, elements, around)


def _elements(structure: Structure) -> list[str]:
    if len(structure) == 0:
        raise InputError("structure", "0 atoms", "a structure needs at least one atom")
    out = []
    for i, site in enumerate(structure):
        if not site.is_ordered:
            raise InputError(
                f"structure.sites[{i}]",
                site.species_string,
                "partial occupancy; order the structure first",
            )
        symbol = getattr(site.specie, "element", site.specie).symbol
        if not _is_element(symbol):
            raise InputError(f"structure.sites[{i}]", symbol, "not a chemical element")
        out.append("H" if symbol in ("D", "T") else symbol)
    return out


@cache
def _is_element(symbol: str) -> bool:
    from pymatgen.core import Element

    return bool(Element.is_valid_symbol(symbol))


def _with_valences(
    structure: Structure, sites: list[Site], elements: list[str], near: dict[int, Neighbours]
) -> list[Site]:
    stated = [getattr(structure[s.index].specie, "oxi_state", None) for s in sites]
    if all(charge is not None for charge in stated):
        total = sum(float(q) * s.multiplicity for q, s in zip(stated, sites, strict=True) if q)
        confidence = 1.0 if abs(total) < 1e-3 else 0.7
        valences = [
            Valence(float(q or 0.0), "stated", confidence, s.bond_valence_sum)
            for q, s in zip(stated, sites, strict=True)
        ]
    else:
        valences = assign(
            [s.element for s in sites],
            [s.multiplicity for s in sites],
            [s.bond_valence_sum for s in sites],
            [s.bond_valence_sum < -0.2 for s in sites],
            [paired(elements, s.index, near[s.index]) for s in sites],
        )
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


def as_dict(site: Site) -> dict[str, Any]:
    """The site as JSON-ready values."""
    out: dict[str, Any] = {}
    for name in Site.__dataclass_fields__:
        value = getattr(site, name)
        out[name] = value.tolist() if isinstance(value, np.ndarray) else value
    return out
