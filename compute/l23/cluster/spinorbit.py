"""Spin-orbit parameter of the 2p hole: exact two-component one-electron part and a mean field.

The one-electron operator is the spin-dependent part of the exact two-component Hamiltonian, the
two-electron one the Breit-Pauli own- and other-orbit operators averaged over the ion's density
(Hess, Marian, Wahlgren and Gropen, Chem. Phys. Lett. 251 (1996) 365). The levels of j = ½ and 3/2
are diagonalised in the whole p basis, since 2p½ and 2p3/2 differ in their radial functions by what
first order leaves out.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from compute.l23.cluster.atoms import Atom, metal_occupation, solve_atom, symmetry_blocks
from compute.l23.cluster.molecule import FUNCTIONAL
from compute.units import FINE_STRUCTURE, HARTREE_EV

FloatArray = NDArray[np.float64]

# Measured splitting over 3/2 of the mean-field parameter, mean of closed-shell Ar, K, Ca, Cu and Zn
# (``python -m compute.l23.fitting.cluster_spinorbit``): what correlation takes off.
CORRELATION = 0.987


@lru_cache(maxsize=64)
def zeta_2p(element: str, n_d: float) -> float:
    """ζ of 2p⁵3d^n_d of a free ion, eV.

    Raises
    ------
    ConvergenceError
        The ion did not converge.
    """
    ion = solve_atom(element, metal_occupation(n_d, 1.0), FUNCTIONAL, absorber=True)
    return CORRELATION * mean_field_zeta_2p(ion)


def mean_field_zeta_2p(ion: Atom) -> float:
    """Two thirds of the splitting of the 2p level of a spherical ion, eV."""
    cluster = ion.cluster
    rows = symmetry_blocks(cluster)[1]
    _, fock = cluster.fock(ion.density)
    scalar = np.mean([fock[np.ix_(row, row)] for row in rows], axis=0)
    overlap = cluster.overlap[np.ix_(rows[0], rows[0])]
    # <y|l_z|x> is imaginary; its coefficient is the radial matrix of ζ.
    operator = one_electron_z(ion) + two_electron_z(ion)
    radial = operator[np.ix_(rows[1], rows[0])]
    radial = (radial + radial.T) / 2.0
    upper, lower = (
        eigh(scalar + ls * radial, overlap, eigvals_only=True, subset_by_index=[0, 0])[0]
        for ls in (0.5, -1.0)
    )
    return float(upper - lower) * 2.0 / 3.0 * HARTREE_EV


def one_electron_z(ion: Atom) -> FloatArray:
    """Coefficient of ``i s_z`` in the exact two-component Hamiltonian of the nucleus, (n, n)."""
    from pyscf import scf

    h = np.asarray(scf.GHF(ion.cluster.mol).x2c1e().get_hcore())
    n = ion.cluster.mol.nao
    result: FloatArray = (h[:n, :n] - h[n:, n:]).imag
    return result


def two_electron_z(ion: Atom) -> FloatArray:
    """The same of the own- and other-orbit operators in the field of the ion's electrons.

    Between p functions; the other elements are left at zero.
    """
    mol, density = ion.cluster.mol, ion.density
    places, n = mol.ao_loc_nr(), mol.nao
    of_p = [shell for shell in range(mol.nbas) if mol.bas_angular(shell) == 1]
    every, p = (0, mol.nbas), (of_p[0], of_p[-1] + 1)  # shells of an atom are ordered by l
    inner = slice(int(places[p[0]]), int(places[p[1]]))

    def integrals(*shells: tuple[int, int]) -> FloatArray:
        """z component of (ij|kl); all at once would be a gigabyte."""
        sizes = [int(places[stop] - places[start]) for start, stop in shells]
        found = mol.intor("int2e_p1vxp1", 3, shls_slice=sum(shells, ()))
        component: FloatArray = np.asarray(found).reshape(3, *sizes)[2]
        return component

    out = np.zeros((n, n))
    for shell in range(mol.nbas):  # of the first function
        one = (shell, shell + 1)
        rows = slice(int(places[shell]), int(places[shell + 1]))
        out[inner, inner] -= 1.5 * np.einsum(
            "ijkl,li->kj", integrals(one, p, p, every), density[:, rows], optimize=True
        )
        if shell in of_p:
            direct = np.einsum(
                "ijkl,lk->ij", integrals(one, p, every, every), density, optimize=True
            )
            exchange = np.einsum(
                "ijkl,jk->il", integrals(one, every, every, p), density, optimize=True
            )
            out[rows, inner] += direct - 1.5 * exchange
    result: FloatArray = FINE_STRUCTURE**2 / 2.0 * out
    return result
