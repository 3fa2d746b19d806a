"""One-electron levels of a d shell in its ligand field, named by orbital and irreducible
representation: what a ligand-field diagram shows."""

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
