"""The crystal around a cluster: point charges and the cores of the nearest cations.

All ions within ``_ZONE_ANG`` of the centre are point charges of their formal valence. What is
missing of the Ewald potential is harmonic inside, so charges on a sphere outside make it up:
they are fitted, by least squares, to the difference on points about every atom of the cluster.
Cations beside the ligands get in addition the effective core potential of a closed-shell ion:
without its repulsion the ligands' electrons would fall into a bare positive charge. Hydrogen bound
to a ligand is an atom of the cluster (:mod:`compute.l23.cluster.partners`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc

from compute.errors import InputError
from compute.l23.cluster.partners import Partner, partners
from compute.l23.prepared import lattice_charges
from compute.sites.disordered_valences import CHARGE_ERROR
from compute.sites.oxidation import STATED
from compute.units import BOHR_ANGSTROM

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from compute.sites import Site

FloatArray = NDArray[np.float64]

_ZONE_ANG = 9.0
_SPHERE_ANG = 13.0
_SPHERE_CHARGES = 200
_SAMPLE_RADII_ANG = (0.3, 0.8, 1.4)
_SAMPLE_DIRECTIONS = 14
_RIDGE = 3e-6  # of the largest singular value
_NEAREST = 1.5  # a ligand's cations lie within this times its nearest one
_CORES_APART_ANG = 1.5
_EWALD_EXPONENT = 5.0  # terms left out are of order exp(−25)

# Closed-shell cores by period, for cations whose own core would leave d or f electrons out.
_CLOSED_3D = {1: "Zn", 2: "Zn", 3: "Ga", 4: "Ge", 5: "As", 6: "As", 7: "As"}
_CLOSED_4D = {1: "In", 2: "In", 3: "In", 4: "Sn", 5: "Sb", 6: "Sb", 7: "Sb"}
# Elements whose large core in PySCF's library is that of the closed-shell ion.
_OWN_CORE = " Li Be B C N Na Mg Al Si P S K Ca Zn Ga Ge As Se Rb Sr In Sn Sb Te Cs Ba Hg Tl Pb Bi "
_D0_CORE = {"Sc": 3, "Ti": 4, "V": 5, "Cr": 6, "Y": 3, "Zr": 4, "Nb": 5, "Mo": 6, "La": 3,
            "Hf": 4, "Ta": 5, "W": 6}  # fmt: skip
_LANTHANIDES = " Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu "


@dataclass(frozen=True)
class Core:
    """A cation without electrons: an effective core potential.

    Attributes
    ----------
    position : float64 (3,)
        bohr, local axes.
    library, element : str
        Where PySCF finds the potential.
    """

    position: FloatArray
    library: str
    element: str


@dataclass(frozen=True, eq=False)
class Embedding:
    """Everything about a metal and its ligands; bohr, local axes, e.

    Attributes
    ----------
    positions : float64 (n, 3)
    charges : float64 (n,)
        At the positions; those of the cores are their formal charges.
    cores : tuple of Core
    hydrogens : float64 (m, 3)
        Atoms of the cluster.
    residual_ev : float
        Largest difference from the Ewald potential on the sample points, up to a constant.
    """

    positions: FloatArray
    charges: FloatArray
    cores: tuple[Core, ...]
    hydrogens: FloatArray
    residual_ev: float


def embed(
    structure: Structure, sites: Sequence[Site], site: Site, seconds: Sequence[Partner] = ()
) -> Embedding:
    """Charges and cores about the cluster of a site and its ligands.

    Parameters
    ----------
    structure : pymatgen Structure
    sites : sequence of Site
        All distinct sites; their valences are the charges. What stated ones leave of a total is
        compensated by all atoms alike.
    site : Site
        The centre, which becomes the origin; axes are its ``local_axes``.
    seconds : sequence of Partner
        Atoms of the cluster beside the ligands, one bound to each.

    Raises
    ------
    InputError
        A charged cell, of which nobody has stated a valence: its atoms are not complete.
    """
    charges = lattice_charges(structure, sites)
    elements, occupied = most_frequent(len(structure), sites)
    total = float(charges.sum())
    stated = any(s.oxidation_source == STATED for s in sites)
    rounded = CHARGE_ERROR * charges[charges > 0].sum() if (occupied < 1).any() else 0.0
    if abs(total) > max(1e-3 * len(structure), rounded) and not stated:
        raise InputError("structure", total, "the valences do not add up to zero")
    charges -= total / len(structure)
    lattice = np.asarray(structure.lattice.matrix, dtype=float) @ site.local_axes.T
    fractional = np.asarray(structure.frac_coords, dtype=float)
    fractional = fractional - fractional[site.index]
    whole = [e if full == 1.0 else "" for e, full in zip(elements, occupied, strict=True)]
    bound = list(seconds) or partners(structure, whole, charges, site)
    atoms = list(seconds) or [one for one in bound if one.element == "H"]
    inner = np.array([np.zeros(3), *site.ligand_vectors, *(one.vector for one in atoms)])
    cluster = inner @ site.local_axes.T
    # The lattice's charges, be the absorber one of the ions that share its site.
    inside = charges[[site.index, *site.ligand_indices, *(one.index for one in atoms)]]
    points, kinds = _lattice_points(lattice, fractional, _ZONE_ANG)
    distance = np.linalg.norm(points[:, None] - cluster[None], axis=2).min(axis=1)
    points, kinds = points[distance > 1e-3], kinds[distance > 1e-3]
    zone = charges[kinds]
    samples = _samples(cluster)
    # The nuclei themselves would be singular points of the Ewald sum.
    target = _ewald(lattice, fractional, charges, samples) - _coulomb(samples, cluster, inside)
    target -= _coulomb(samples, points, zone)
    corrections = site.charge_corrections @ _block(site.local_axes)
    zone, there = _corrected(points, zone, occupied[kinds], corrections)
    sphere = _SPHERE_ANG * _fibonacci(_SPHERE_CHARGES)
    design = 1.0 / np.linalg.norm(samples[:, None] - sphere[None], axis=2)
    centred = design - design.mean(axis=0)
    u, s, vt = np.linalg.svd(centred, full_matrices=False)
    keep = s / (s**2 + (_RIDGE * s[0]) ** 2)
    fitted = vt.T @ (keep * (u.T @ (target - target.mean())))
    left = centred @ fitted - (target - target.mean())
    heavy = zone * np.array([elements[kind] != "H" for kind in kinds])
    n_ligands = len(site.ligand_indices) + len(seconds)
    cores = [
        Core(points[i] / BOHR_ANGSTROM, *core_of(elements[kinds[i]], float(zone[i])))
        for i in _second_shell(points, heavy, cluster[1 : 1 + n_ligands])
        if there[i]
    ]
    return Embedding(
        positions=np.vstack([points, sphere]) / BOHR_ANGSTROM,
        charges=np.concatenate([_shifted(points, zone, bound, site), fitted]),
        cores=tuple(cores),
        hydrogens=cluster[1 + n_ligands :] / BOHR_ANGSTROM,
        residual_ev=float(np.abs(left).max() * 27.2114 * BOHR_ANGSTROM),
    )


def most_frequent(n: int, sites: Sequence[Site]) -> tuple[list[str], FloatArray]:
    """The element of each place of which it holds most, and how full it is."""
    elements, most, occupied = [""] * n, np.zeros(n), np.zeros(n)
    for site in sites:
        for index in site.equivalent_indices:
            occupied[index] += site.occupancy
            if site.occupancy > most[index]:
                elements[index], most[index] = site.element, site.occupancy
    return elements, np.where(occupied > 1.0 - 1e-6, 1.0, occupied)


def _block(axes: FloatArray) -> FloatArray:
    """Turns (x, y, z, e) rows into local axes."""
    out = np.eye(4)
    out[:3, :3] = axes.T
    return out


def _corrected(
    points: FloatArray, zone: FloatArray, occupied: FloatArray, corrections: FloatArray
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Charges where single places are not their mean, and which points hold an atom's core.

    Of places that are half empty the fuller of two too near each other has the core.
    """
    zone, there = zone.copy(), occupied >= 0.5
    for *vector, charge in corrections:
        at = np.linalg.norm(points - np.array(vector), axis=1) < 1e-3
        zone[at] += charge
        there[at] = np.abs(zone[at]) > 1e-6
    partial = np.flatnonzero(there & (occupied < 1.0))
    for n, i in enumerate(partial):
        for j in partial[n + 1 :]:
            if np.linalg.norm(points[i] - points[j]) < _CORES_APART_ANG and there[i] and there[j]:
                there[i if zone[i] < zone[j] else j] = False
    return zone, there


def core_of(element: str, charge: float) -> tuple[str, str]:
    """Library and element of the core potential that stands for a cation.

    An ion with d electrons is replaced by the closed-shell d10 ion of its period and charge,
    whose size is nearly the same (Ni2+ 0.69 and Zn2+ 0.74 Å, Fe3+ 0.65 and Ga3+ 0.62 Å, Mn4+ and
    Ge4+ 0.53 Å); a lanthanide by lanthanum.
    """
    from pymatgen.core import Element

    if f" {element} " in _OWN_CORE:
        return "stuttgart", element
    if _D0_CORE.get(element) == round(charge):
        return "crenbs", element
    if f" {element} " in _LANTHANIDES:
        return "crenbs", "La"
    series = _CLOSED_3D if Element(element).row <= 4 else _CLOSED_4D
    return "stuttgart", series[int(np.clip(round(charge), 1, 7))]


def _shifted(
    points: FloatArray, charges: FloatArray, bound: Sequence[Partner], site: Site
) -> FloatArray:
    """The charges with the shifts of the ligands' partners."""
    out = charges.copy()
    for one in bound:
        if one.shift:
            gap = np.linalg.norm(points - one.vector @ site.local_axes.T, axis=1)
            out[int(np.argmin(gap))] += one.shift
    return out


def _second_shell(points: FloatArray, charges: FloatArray, ligands: FloatArray) -> list[int]:
    cations = np.flatnonzero(charges > 0)
    if not cations.size:
        return []
    r = np.linalg.norm(points[cations][None] - ligands[:, None], axis=2)
    near = (r < _NEAREST * r.min(axis=1, keepdims=True)).any(axis=0)
    return [int(i) for i in cations[near]]


def _samples(cluster: FloatArray) -> FloatArray:
    shells = [radius * _fibonacci(_SAMPLE_DIRECTIONS) for radius in _SAMPLE_RADII_ANG]
    return (cluster[:, None] + np.concatenate(shells)[None]).reshape(-1, 3)


def _fibonacci(n: int) -> FloatArray:
    """n directions spread evenly over the sphere, (n, 3)."""
    i = np.arange(n)
    z = 1.0 - (2.0 * i + 1.0) / n
    phi = i * pi * (3.0 - np.sqrt(5.0))
    s = np.sqrt(1.0 - z * z)
    return np.stack([s * np.cos(phi), s * np.sin(phi), z], axis=1)


def _coulomb(points: FloatArray, at: FloatArray, charges: FloatArray) -> FloatArray:
    result: FloatArray = (1.0 / np.linalg.norm(points[:, None] - at[None], axis=2)) @ charges
    return result


def _lattice_points(
    lattice: FloatArray, fractional: FloatArray, radius: float
) -> tuple[FloatArray, NDArray[np.intp]]:
    """All atoms within a radius of the origin: positions (n, 3) Å, and which atom each is."""
    heights = 1.0 / np.linalg.norm(np.linalg.inv(lattice), axis=0)
    wrapped = fractional - np.round(fractional)
    reach = np.ceil(radius / heights).astype(int) + 1
    axes = [np.arange(-n, n + 1) for n in reach]
    images = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    points = ((wrapped[None] + images[:, None]).reshape(-1, 3)) @ lattice
    kinds = np.tile(np.arange(len(fractional)), len(images))
    keep = np.linalg.norm(points, axis=1) < radius
    return points[keep], kinds[keep]


def _ewald(
    lattice: FloatArray, fractional: FloatArray, charges: FloatArray, points: FloatArray
) -> FloatArray:
    """Potential of the whole lattice at points (m, 3), e/Å, up to a constant."""
    cutoff = 10.0
    alpha = _EWALD_EXPONENT / cutoff
    reach = cutoff + float(np.linalg.norm(points, axis=1).max())
    atoms, kinds = _lattice_points(lattice, fractional, reach)
    r = np.linalg.norm(points[:, None] - atoms[None], axis=2)
    near = (erfc(alpha * r) / r) @ charges[kinds]
    reciprocal = 2.0 * pi * np.linalg.inv(lattice).T
    g_max = 2.0 * alpha * _EWALD_EXPONENT
    heights = 1.0 / np.linalg.norm(np.linalg.inv(reciprocal), axis=0)
    axes = [np.arange(-n, n + 1) for n in np.ceil(g_max / heights).astype(int)]
    index = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    g = index @ reciprocal
    squared = np.einsum("ij,ij->i", g, g)
    keep = (squared > 1e-12) & (squared < g_max**2)
    index, g, squared = index[keep], g[keep], squared[keep]
    structure_factor = np.exp(-2j * pi * (index @ fractional.T)) @ charges
    weight = 4.0 * pi / abs(float(np.linalg.det(lattice))) * np.exp(-squared / (4 * alpha**2))
    far = (np.exp(1j * (points @ g.T)) @ (structure_factor * weight / squared)).real
    result: FloatArray = near + far
    return result
