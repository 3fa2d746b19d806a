"""Names of levels: of one d electron in its ligand field, as in a ligand-field diagram, and of the
whole shell's ground state in cubic fields."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

ORBITALS = ("z²", "x²−y²", "xy", "xz", "yz")
_SAME_EV = 2e-3
_NAMED = 0.2  # share of a level that makes an orbital one of those it is named by
# Mulliken symbols in the site's point group (F. A. Cotton, Chemical Applications of Group Theory).
# Cubic: of two and of three levels; trigonal: of one and of two; tetragonal, z on the fourfold
# axis: of z², x²−y², xy and the pair (b1 and b2 told apart only where the axes leave no choice).
_CUBIC = {
    "m-3m": ("eg", "t2g"), "-43m": ("e", "t2"), "432": ("e", "t2"), "m-3": ("eg", "tg"),
    "23": ("e", "t"),
}  # fmt: skip
_TRIGONAL = {
    "-3m": ("a1g", "eg"), "3m": ("a1", "e"), "32": ("a1", "e"), "-3": ("ag", "eg"), "3": ("a", "e"),
}  # fmt: skip
_TETRAGONAL = {
    "4/mmm": ("a1g", "b1g", "b2g", "eg"), "4mm": ("a1", "b1", "b2", "e"),
    "422": ("a1", "b1", "b2", "e"), "-42m": ("a1", "b", "b", "e"), "4/m": ("ag", "bg", "bg", "eg"),
    "4": ("a", "b", "b", "e"), "-4": ("a", "b", "b", "e"),
}  # fmt: skip

# Ground terms of dⁿ in cubic fields by n and multiplicity: irreducible representation and its
# dimension (Y. Tanabe and S. Sugano, J. Phys. Soc. Jpn. 9 (1954) 753).
_GROUND_TERMS = {
    "octahedron": {
        (1, 2): ("T2", 3), (2, 3): ("T1", 3), (3, 4): ("A2", 1), (4, 5): ("E", 2),
        (4, 3): ("T1", 3), (5, 6): ("A1", 1), (5, 2): ("T2", 3), (6, 5): ("T2", 3),
        (6, 1): ("A1", 1), (7, 4): ("T1", 3), (7, 2): ("E", 2), (8, 3): ("A2", 1),
        (9, 2): ("E", 2),
    },
    "tetrahedron": {
        (1, 2): ("E", 2), (2, 3): ("A2", 1), (3, 4): ("T1", 3), (4, 5): ("T2", 3),
        (5, 6): ("A1", 1), (6, 5): ("E", 2), (7, 4): ("A2", 1), (8, 3): ("T1", 3),
        (9, 2): ("T2", 3),
    },
}  # fmt: skip
_PURE = 0.12  # a spin this near to a whole or half number is called one


@dataclass(frozen=True)
class Term:
    """A term of the whole shell: ³A₂ is 3, ``A2``, 1 (the dimension without spin)."""

    multiplicity: int
    symbol: str
    dimension: int

    @property
    def degeneracy(self) -> int:
        return self.multiplicity * self.dimension


def effective_spin(s_squared: float) -> float:
    """S from ⟨S²⟩ = S (S + 1)."""
    return float(-0.5 + np.sqrt(0.25 + max(s_squared, 0.0)))


def cubic_ground_term(
    n_d: int, s_squared: float, geometry: str, *, pure: float = _PURE
) -> Term | None:
    """The term that a ground state is, or descends from, in an octahedron or a tetrahedron.

    Parameters
    ----------
    n_d : int
    s_squared : float
        ⟨S²⟩ of the ground state.
    geometry : str
        As :class:`compute.sites.Site` names it.
    pure : float
        How far S may be from a whole or half number.

    Returns
    -------
    Term or None
        None for another polyhedron, a mixed spin, or a spin that is never lowest.
    """
    spin = effective_spin(s_squared)
    multiplicity = round(2 * spin) + 1
    if abs(spin - (multiplicity - 1) / 2) > pure:
        return None
    found = _GROUND_TERMS.get(geometry, {}).get((n_d, multiplicity))
    return None if found is None else Term(multiplicity, *found)


@dataclass(frozen=True)
class DLevel:
    """One level of the diagram.

    Attributes
    ----------
    energy_ev : float
        Above the lowest.
    degeneracy : int
    orbitals : tuple of str
        Those with a fifth of it or more.
    symbol : str
        Mulliken's, ``t2g``; empty where the symmetry is too low to tell.
    d_share : float
        What of it is 3d, the rest being on the ligands.
    """

    energy_ev: float
    degeneracy: int
    orbitals: tuple[str, ...]
    symbol: str
    d_share: float


def d_levels(
    crystal_field: FloatArray,
    v: FloatArray | None,
    ligand: FloatArray | None,
    delta: float,
    point_group: str,
) -> list[DLevel]:
    """The five d-like levels of one hole, lowest first.

    Parameters
    ----------
    crystal_field, v, ligand : float64 (5, 5)
        As in a case; eV, local axes, order z², x²−y², xy, xz, yz. Without hopping ``v`` and
        ``ligand`` are None.
    delta : float
        Charge-transfer energy, eV: how far the mean ligand level lies below the mean d level.
    point_group : str
        Site symmetry, Hermann–Mauguin.
    """
    h = np.asarray(crystal_field, dtype=float)
    if v is not None and ligand is not None:
        h = np.block([[h, v], [np.transpose(v), ligand - delta * np.eye(5)]])
    energies, states = np.linalg.eigh(h)
    energies, shares = energies[-5:], states[:5, -5:] ** 2
    cuts = np.flatnonzero(np.diff(energies) > _SAME_EV) + 1
    groups = np.split(np.arange(5), cuts)
    lowest = float(energies[groups[0]].mean())
    out = []
    for members in groups:
        share = shares[:, members].sum(axis=1)
        main = np.sort(np.argsort(-share, kind="stable")[: members.size])
        named = np.flatnonzero(share > _NAMED * share.sum())
        out.append(
            DLevel(
                float(energies[members].mean()) - lowest,
                int(members.size),
                tuple(ORBITALS[k] for k in named),
                _symbol(point_group, tuple(main.tolist())),
                float(share.sum() / members.size),
            )
        )
    return out


def _symbol(point_group: str, main: tuple[int, ...]) -> str:
    if point_group in _CUBIC:
        return dict(zip((2, 3), _CUBIC[point_group], strict=True)).get(len(main), "")
    if point_group in _TRIGONAL:
        return dict(zip((1, 2), _TRIGONAL[point_group], strict=True)).get(len(main), "")
    if point_group in _TETRAGONAL:
        pair = (3, 4)
        kinds = {(0,): 0, (1,): 1, (2,): 2, pair: 3}
        return _TETRAGONAL[point_group][kinds[main]] if main in kinds else ""
    return ""
