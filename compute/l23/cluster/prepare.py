"""From a site to a cluster with its references and a start for the fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from compute.errors import OutOfRangeError
from compute.l23.cluster.acceptors import D_ORDER
from compute.l23.cluster.atoms import Atom, ground_occupation, metal_occupation, solve_atom
from compute.l23.cluster.embedding import embed
from compute.l23.cluster.molecule import FUNCTIONAL, Cluster, build_cluster
from compute.l23.cluster.partners import closed_shell_charges
from compute.l23.cluster.scf import METAL_CORE, VALENCE_P, References
from compute.sites import Site
from compute.units import BOHR_ANGSTROM

if TYPE_CHECKING:
    from pymatgen.core import Structure

FloatArray = NDArray[np.float64]

_H = "H"
_CARBON = "C"
_IONICITY = (0.7, 1.0, 0.4)  # share of the formal charge of the ligands in the starts


def prepare(
    structure: Structure,
    sites: Sequence[Site],
    site: Site,
    n_d: float,
    functional: str = FUNCTIONAL,
) -> tuple[Cluster, References, list[FloatArray]]:
    """Cluster, references and starting matrices of a site.

    Parameters
    ----------
    n_d : float
        3d electrons of the formal valence.

    Raises
    ------
    InputError
        A ligand that the route does not know; :class:`OutOfRangeError` of carbon.
    """
    if _CARBON in site.ligand_elements:
        raise OutOfRangeError(
            f"sites[{site.index}]",
            f"{site.element} {site.oxidation_state:+g} with {', '.join(site.ligand_elements)}",
            "of ligands of carbon route cluster describes shells of cyanides alone, not "
            "carbonyls, isocyanides, alkyls, rings or mixed shells",
        )
    vectors = site.ligand_vectors @ site.local_axes.T / BOHR_ANGSTROM
    around = embed(structure, sites, site)
    cluster = build_cluster(site.element, site.ligand_elements, vectors, around, functional)
    formal = {e: _valence(sites, e, site) for e in site.ligand_elements}
    charges = closed_shell_charges(site.ligand_elements, formal)
    return cluster, *references_and_starts(
        cluster, site.element, site.ligand_elements, charges, n_d, len(around.hydrogens)
    )


def references_and_starts(
    cluster: Cluster,
    metal: str,
    ligands: Sequence[str],
    charges: Mapping[str, float],
    n_d: float,
    hydrogens: int = 0,
) -> tuple[References, list[FloatArray]]:
    """Atomic orbitals, and matrices of superposed spherical ions, the partially ionic one first.

    Parameters
    ----------
    charges : mapping
        Formal charge of each kind of ligand.
    hydrogens : int
        Atoms that follow the ligands.
    """
    # Halfway between the initial and the final configuration: the references serve both.
    ion = solve_atom(metal, metal_occupation(n_d + 0.5, 0.5), cluster.functional, absorber=True)
    every = dict(charges) | ({_H: 1.0} if hydrogens else {})
    neutral = {e: solve_atom(e, ground_occupation(e), cluster.functional) for e in every}
    starts = []
    for share in _IONICITY:
        ions = {
            e: atom.density * (_electrons(e) - share * every[e]) / _electrons(e)
            for e, atom in neutral.items()
        }
        atoms = [*ligands, *[_H] * hydrogens]
        density = _assemble(cluster, ion.density, [ions[e] for e in atoms])
        starts.append(cluster.fock(density)[1])
    return _references(cluster, ion, neutral, ligands), starts


def _electrons(element: str) -> float:
    return sum(ground_occupation(element).values())


def _valence(sites: Sequence[Site], element: str, site: Site) -> float:
    """Mean formal charge of the ligands of an element (negative)."""
    of_place = {
        index: other.oxidation_state
        for other in sites
        if other.element == element
        for index in other.equivalent_indices
    }
    chosen = [
        of_place[i]
        for i, e in zip(site.ligand_indices, site.ligand_elements, strict=True)
        if e == element
    ]
    return float(np.mean(chosen))


def _slices(cluster: Cluster) -> list[slice]:
    """Each atom's place in the basis."""
    return [slice(int(a[2]), int(a[3])) for a in cluster.mol.aoslice_by_atom()]


def _assemble(cluster: Cluster, metal: FloatArray, ligands: list[FloatArray]) -> FloatArray:
    density = np.zeros_like(cluster.overlap)
    for part, block in zip(_slices(cluster), [metal, *ligands], strict=True):
        density[part, part] = block
    return density


def _references(
    cluster: Cluster, metal: Atom, neutral: dict[str, Atom], ligands: Sequence[str]
) -> References:
    n = len(cluster.overlap)
    first, *rest = _slices(cluster)
    core, d = np.zeros((n, 3)), np.zeros((n, 5))
    core[first] = metal.shells[2, 1]
    d[first] = metal.shells[3, 2][:, D_ORDER]
    p = np.zeros((n, 3 * len(ligands)))
    n_core = METAL_CORE
    for k, (element, part) in enumerate(zip(ligands, rest[: len(ligands)], strict=True)):
        number, below = VALENCE_P[element]
        p[part, 3 * k : 3 * k + 3] = neutral[element].shells[number, 1]
        n_core += below
    return References(core, d, p, n_core)
