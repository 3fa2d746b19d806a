"""Matrix elements of semi-local core potentials of atoms that carry no basis functions.

``U = U_L(r) + Σ_lm |lm> U_l(r) <lm|`` by quadrature about each core: what reaches it are the
smooth tails of functions centred elsewhere, so that few points do, where general analytic
integrals (libecp) cost half a minute a cluster.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from compute.l23.cluster.embedding import Core
from compute.orbitals import real_harmonics

FloatArray = NDArray[np.float64]

_RADIAL_POINTS = 48
_ANGULAR_POINTS = 302  # Lebedev; exact to degree 29
_REACH = 40.0  # exponent·r² where a Gaussian term ends
_TIGHT = 4.0  # bohr^-2: functions with no softer primitive do not reach a neighbour


def core_potentials(mol: Any, cores: tuple[Core, ...]) -> FloatArray:
    """Sum over all cores in the basis of a molecule, (nao, nao), hartree."""
    from pyscf import dft, gto

    lebedev = np.asarray(dft.gen_grid.MakeAngularGrid(_ANGULAR_POINTS))
    directions, solid = lebedev[:, :3], 4.0 * np.pi * lebedev[:, 3]
    nodes, gauss = np.polynomial.legendre.leggauss(_RADIAL_POINTS)
    out = np.zeros((mol.nao, mol.nao))
    soft = _soft_functions(mol)
    for core in cores:
        _, channels = gto.basis.load_ecp(core.library, core.element)
        terms = {l: _terms(powers) for l, powers in channels}
        softest = min(exponent for rows in terms.values() for _, exponent, _ in rows)
        reach = np.sqrt(_REACH / softest)
        r, weight = 0.5 * reach * (nodes + 1.0), 0.5 * reach * gauss
        points = core.position + (r[:, None, None] * directions).reshape(-1, 3)
        ao = (dft.numint.eval_ao(mol, points) * soft).reshape(r.size, -1, mol.nao)
        for l, rows in terms.items():
            u = sum(c * r ** (n - 2.0) * np.exp(-e * r * r) for n, e, c in rows)
            scale = weight * r * r * u
            if l < 0:
                flat = ao.reshape(-1, mol.nao)
                out += flat.T @ (flat * (scale[:, None] * solid).reshape(-1, 1))
                continue
            projector = real_harmonics(l, directions) * solid
            seen = np.einsum("mp,rpa->rma", projector, ao).reshape(-1, mol.nao)
            out += seen.T @ (seen * np.repeat(scale, 2 * l + 1)[:, None])
    return out


def _terms(powers: list[Any]) -> list[tuple[int, float, float]]:
    """(n, exponent, coefficient) of every ``c r^(n−2) exp(−e r²)``."""
    return [(n, float(row[0]), float(row[1])) for n, rows in enumerate(powers) for row in rows]


def _soft_functions(mol: Any) -> FloatArray:
    """(nao,): 1, or 0 for tight functions, which a coarse grid about another atom would spoil."""
    soft = np.zeros(mol.nao)
    places = mol.ao_loc_nr()
    for shell in range(mol.nbas):
        soft[places[shell] : places[shell + 1]] = mol.bas_exp(shell).min() < _TIGHT
    return soft
