"""Harrison's two-centre integrals between a 3d shell and the valence orbitals of its ligands.

W. A. Harrison, Electronic Structure and the Properties of Solids (1980), solid-state table:
``V_ldm = η_ldm (ħ²/m) r_d^{3/2} / d^{7/2}``, ``V_llm = η_llm (ħ²/m) / d²``. Changes, all global
(``cheap/prefactors.py``): r_d is the r.m.s. radius of the ion's own Hartree–Fock 3d shell beside
that of Ni²⁺, whose r_d is Harrison's; the powers of r_d and of the distance are fitted (the values
at Ni²⁺–O 2.09 Å stay); and hopping grows with the ligand's size as ``(r_X / r_O)^q`` (Shannon's
radii), which Harrison's universal formula leaves out; p–p hopping scales as ``(r_X / d)²``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from compute.errors import InputError
from compute.orbitals import pi_amplitudes, sigma_amplitudes

FloatArray = NDArray[np.float64]

HBAR2_OVER_M = 7.62  # eV Å²
ETA_PD_SIGMA, ETA_PD_PI, ETA_SD_SIGMA = 2.95, 1.36, 3.16  # magnitudes; σ and π differ in sign
ETA_PP_SIGMA, ETA_PP_PI = 3.24, -0.81
ETA_SP_SIGMA = 1.84
# The metal's empty 4s and 4p above the ligand p levels, eV: Harrison's term values, rounded.
OUTER_GAP_EV = (8.0, 12.0)
NICKEL_RADIUS_ANG = 0.71  # r_d of Ni, Harrison's table 20-1
REFERENCE_BOND_ANG = 2.09  # of NiO, where the power of the distance changes nothing

LIGAND_RADIUS_ANG = {
    "F": 1.33, "O": 1.40, "N": 1.46, "Cl": 1.81, "S": 1.84, "Br": 1.96, "Se": 1.98, "I": 2.20,
    "Te": 2.21, "C": 1.40, "P": 2.00, "As": 2.10, "H": 1.30,
}  # fmt: skip
_REFERENCE_LIGAND = "O"


def strength(
    d_size: float, ligand: str, distance_ang: float, powers: tuple[float, float, float]
) -> float:
    """(ħ²/m) r_d^{3/2} / d^{7/2} with the three global powers, eV.

    Parameters
    ----------
    d_size : float
        R.m.s. radius of the 3d shell over that of Ni²⁺.
    ligand : str
    distance_ang : float
    powers : (float, float, float)
        Of the d radius (3/2 is Harrison's), of the ligand's radius (0) and of the distance (7/2).
    """
    if ligand not in LIGAND_RADIUS_ANG:
        raise InputError("ligand", ligand, f"known: {', '.join(LIGAND_RADIUS_ANG)}")
    of_d, of_ligand, of_distance = powers
    size = LIGAND_RADIUS_ANG[ligand] / LIGAND_RADIUS_ANG[_REFERENCE_LIGAND]
    nickel = HBAR2_OVER_M * NICKEL_RADIUS_ANG**1.5 / REFERENCE_BOND_ANG**3.5
    apart = (REFERENCE_BOND_ANG / distance_ang) ** of_distance
    return float(nickel * d_size**of_d * size**of_ligand * apart)


def p_hopping(vectors: FloatArray, strengths: Sequence[float]) -> tuple[FloatArray, FloatArray]:
    """Hopping between the five d orbitals and the 3n ligand p orbitals, σ and π apart.

    Parameters
    ----------
    vectors : float64 (n, 3)
        Metal to ligand, Å.
    strengths : sequence of float
        One a ligand, eV.

    Returns
    -------
    float64 (5, 3n), float64 (5, 3n)
        eV; columns are p_x, p_y, p_z of each ligand in turn. Their sum is Harrison's.
    """
    sigma, pi = [np.zeros((5, 0))], [np.zeros((5, 0))]
    for vector, scale in zip(vectors, strengths, strict=True):
        unit = vector / np.linalg.norm(vector)
        sigma.append(scale * ETA_PD_SIGMA * np.outer(sigma_amplitudes(unit), unit))
        pi.append(-scale * ETA_PD_PI * pi_amplitudes(unit))
    return np.concatenate(sigma, axis=1), np.concatenate(pi, axis=1)


def s_hopping(vectors: FloatArray, strengths: Sequence[float]) -> FloatArray:
    """(5, n): hopping between the d orbitals and one s orbital on each ligand, eV.

    The lobe of s and that of a p turned to the metal (against the vector) have one sign.
    """
    columns = [
        -ETA_SD_SIGMA * scale * sigma_amplitudes(vector / np.linalg.norm(vector))
        for vector, scale in zip(vectors, strengths, strict=True)
    ]
    return np.stack(columns, axis=1) if columns else np.zeros((5, 0))


def ligand_hopping(vectors: FloatArray, ligands: Sequence[str]) -> FloatArray:
    """(3n, 3n): p–p hopping among the ligands of one site, eV."""
    oxygen = LIGAND_RADIUS_ANG[_REFERENCE_LIGAND]
    size = [LIGAND_RADIUS_ANG[ligand] / oxygen for ligand in ligands]
    n = len(vectors)
    out = np.zeros((3 * n, 3 * n))
    for i in range(n):
        for j in range(i + 1, n):
            bond = vectors[j] - vectors[i]
            d = float(np.linalg.norm(bond))
            along = np.outer(bond, bond) / d**2
            block = ETA_PP_SIGMA * along + ETA_PP_PI * (np.eye(3) - along)
            block = block * size[i] * size[j] * HBAR2_OVER_M / d**2
            out[3 * i : 3 * i + 3, 3 * j : 3 * j + 3] = block
            out[3 * j : 3 * j + 3, 3 * i : 3 * i + 3] = block.T
    return out


def outer_hopping(vectors: FloatArray, ligands: Sequence[str]) -> FloatArray:
    """(4, 3n): hopping between the metal's empty 4s, 4p_x, 4p_y, 4p_z and the ligand p, eV."""
    oxygen = LIGAND_RADIUS_ANG[_REFERENCE_LIGAND]
    out = np.zeros((4, 3 * len(vectors)))
    for i, (vector, ligand) in enumerate(zip(vectors, ligands, strict=True)):
        d = float(np.linalg.norm(vector))
        unit = vector / d
        scale = HBAR2_OVER_M / d**2 * LIGAND_RADIUS_ANG[ligand] / oxygen
        along = np.outer(unit, unit)
        here = slice(3 * i, 3 * i + 3)
        out[0, here] = scale * ETA_SP_SIGMA * unit
        out[1:, here] = scale * (ETA_PP_SIGMA * along + ETA_PP_PI * (np.eye(3) - along))
    return out


def outer_shift(hopping: FloatArray) -> FloatArray:
    """(3n, 3n): ligand p levels pushed down by the metal's empty 4s and 4p, eV.

    Each combination that hops with ``t`` to a level ``g`` above sinks by ``√(g²/4 + t²) − g/2``.
    Symmetry spares the orbitals of an octahedron that hop to d. In a square 4s lowers those of z²,
    in a tetrahedron 4p lowers those of t2, and with them the antibonding d levels (L. G.
    Vanquickenborne and A. Ceulemans, Inorg. Chem. 20 (1981) 796).

    Parameters
    ----------
    hopping : float64 (4, 3n)
        Rows 4s, 4p; eV.
    """
    out = np.zeros((hopping.shape[1], hopping.shape[1]))
    for rows, gap in zip((hopping[:1], hopping[1:]), OUTER_GAP_EV, strict=True):
        _, t, combinations = np.linalg.svd(rows, full_matrices=False)
        sunk = np.sqrt(gap**2 / 4.0 + t**2) - gap / 2.0
        out -= (combinations.T * sunk) @ combinations
    return out


def ligand_shell(hopping: FloatArray, among: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Ligand orbitals of d symmetry: their hopping and their one-electron matrix.

    The five combinations of ligand orbitals that hop to the metal, orthonormalised
    symmetrically (they stay as like the d orbitals as can be, in any symmetry): with
    ``T = hopping``, ``V = (T Tᵀ)^½`` and ``|L> = V⁻¹ T |p>``.

    Parameters
    ----------
    hopping : float64 (5, m)
    among : float64 (m, m)
        One-electron matrix of the ligand orbitals themselves.

    Returns
    -------
    v : float64 (5, 5)
        ``<d_a|h|L_b>``, symmetric and positive semidefinite, eV.
    ligand : float64 (5, 5)
        ``<L_a|h|L_b>``, eV; zero for combinations that do not hop.
    """
    values, columns = np.linalg.eigh(hopping @ hopping.T)
    root = np.sqrt(np.clip(values, 0.0, None))
    v = (columns * root) @ columns.T
    inverse = np.divide(1.0, root, out=np.zeros(5), where=root > 1e-6)
    orbitals = (columns * inverse) @ columns.T @ hopping
    return v, orbitals @ among @ orbitals.T


def repulsion(hopping: FloatArray, gaps: FloatArray) -> FloatArray:
    """(5, 5) upward shift of the d levels by filled ligand orbitals, second order, eV.

    Parameters
    ----------
    hopping : float64 (5, m)
    gaps : float64 (m,)
        How far each orbital lies below d, eV.
    """
    result: FloatArray = (hopping / gaps) @ hopping.T
    return result
