"""The ligand-field model of one case as integrals: 2p and 3d shells, and ligand shells.

Conventions are DESIGN section 4. Spin-orbitals are complex harmonics (m, spin) of 2p, then 3d,
then the ligands' d-like orbitals that give electrons, then those that take them; their charge is
twice m_j. In this basis Coulomb, spin-orbit and the dipole are real, and so is any field with a
mirror plane through x and z.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compute.errors import InputError
from compute.multiplet import angular
from compute.multiplet.case import Case
from compute.multiplet.determinants import Configuration
from compute.multiplet.frame import best_frame, in_frame
from compute.multiplet.integrals import Integrals, OneElectron, Problem, TwoElectron
from compute.multiplet.transfer import BackDonation, ChargeTransfer

Array = NDArray[Any]

_COULOMB_KEYS = ("F0dd", "F2dd", "F4dd", "F0pd", "F2pd", "G1pd", "G3pd")


def build_problem(case: Case) -> Problem:
    """Integrals, configurations and operators of a case."""
    ct, back = case.charge_transfer, case.back_donation
    shells = (6, 10) + (10,) * (ct is not None) + (10,) * (back is not None)
    n = sum(shells)
    fields = case.fields
    shares = [[] if f.share is None else [f.share.d, f.share.acceptor] for f in fields]
    every = [*(matrix for field in fields for matrix in field.matrices), *chain(*shares)]
    frame = best_frame(every, np.array(case.exchange_field))
    turned = [[in_frame(matrix, frame) for matrix in field.matrices] for field in fields]
    shares = [[in_frame(matrix, frame) for matrix in share] for share in shares]
    exchange = _exchange(frame.axes @ np.array(case.exchange_field))

    def integrals(
        values: dict[str, float], field: list[Array], share: list[Array], shifts: list[float]
    ) -> Integrals:
        crystal, *others = (angular.to_complex_harmonics(matrix) for matrix in field)
        h = np.zeros((n, n), complex)
        d = slice(6, 16)
        h[d, d] = angular.with_spin(crystal) + values["zeta_3d"] * angular.spin_orbit(2) + exchange
        if values["zeta_2p"]:
            h[:6, :6] = values["zeta_2p"] * angular.spin_orbit(1)
        for start, hopping, levels in zip((16, 26), others[::2], others[1::2], strict=False):
            l = slice(start, start + 10)
            h[d, l] = angular.with_spin(hopping)
            h[l, d] = h[d, l].conj().T
            h[l, l] = angular.with_spin(levels)
        two = _coulomb(n, tuple(values[key] for key in _COULOMB_KEYS), share)
        return Integrals(OneElectron.from_matrix(h), two, tuple(shifts))

    initial, final = dict(case.initial), dict(case.final)
    # Only deviations from the configuration average are in the Coulomb terms: the averages
    # themselves (Delta, U_dd, U_pd) are shifts.
    for values in (initial, final):
        values["F0dd"] = (2 / 63) * (values["F2dd"] + values["F4dd"])
    initial |= {"F0pd": 0.0, "F2pd": 0.0, "G1pd": 0.0, "G3pd": 0.0, "zeta_2p": 0.0}
    final["F0pd"] = final["G1pd"] / 15 + 3 * final["G3pd"] / 70

    if ct is None:
        before: list[Configuration] = [(6, case.n_d)]
        after: list[Configuration] = [(5, case.n_d + 1)]
        first, second = [0.0], [0.0]
    else:
        # zero at the k = 0 average
        filled = [-2 * float(np.trace(field[2]).real) for field in turned]
        number = ct.configurations
        before = [(6, case.n_d + k, 10 - k) for k in range(number)]
        after = [(5, case.n_d + 1 + k, 10 - k) for k in range(min(number, 10 - case.n_d))]
        pairs = [k * (k - 1) / 2 * ct.u_dd for k in range(number)]
        first = [k * ct.delta + pairs[k] + filled[0] for k in range(len(before))]
        final_delta = ct.delta + ct.u_dd - ct.u_pd
        second = [k * final_delta + pairs[k] + filled[1] for k in range(len(after))]
    if back is not None:
        between = () if ct is None else (10,)
        before = [(*one, 0) for one in before] + [(6, case.n_d - 1, *between, 1)]
        after = [(*one, 0) for one in after] + [(5, case.n_d, *between, 1)]
        first.append(back.delta + first[0])
        second.append(_back_delta(back, ct) + second[0])

    both = [*chain(*turned), *chain(*shares)]
    return Problem(
        shells=shells,
        initial_configurations=tuple(before),
        final_configurations=tuple(after),
        initial=integrals(initial, turned[0], shares[0], first),
        final=integrals(final, turned[1], shares[1], second),
        dipole=_shared_dipoles(_dipoles(n, frame.axes), shares[0]),
        vectors=_vectors(shells, frame.axes),
        counts={"n_d": np.repeat([0.0, 1.0, 0.0], (6, 10, n - 16))},
        core_half=angular.p_half_orbitals(),
        charges=_charges(shells),
        time_reversal=not exchange.any() and not any(map(_breaks_time_reversal, both)),
        # With x along a fourfold axis, or halfway between two (xy then belongs to e_g).
        cubic=not exchange.any()
        and any(all(_is_cubic(matrix, partner) for matrix in both) for partner in (1, 2)),
    )


def _back_delta(back: BackDonation, ct: ChargeTransfer | None) -> float:
    """Of d^n A above d^(n+1) beside the core hole, eV."""
    if back.final_delta is not None:
        return back.final_delta
    if ct is None:
        raise InputError("back_donation.final_delta", None, "is required")
    # The core hole holds back the electron that is to leave 3d.
    return back.delta + ct.u_pd - ct.u_dd


def _exchange(b: Array) -> Array:
    """2 B.s of B (3,) on the d spin-orbitals, (10, 10)."""
    s_z, s_plus = angular.spin_operators(5)
    s_x, s_y = (s_plus + s_plus.T) / 2, (s_plus - s_plus.T) / 2j
    return np.asarray(2 * (b[0] * s_x + b[1] * s_y + b[2] * s_z))


def _is_cubic(matrix: Array, partner: int) -> bool:
    """Diagonal with one value for e_g (z² and orbital ``partner``) and one for t_2g."""
    d = np.diag(matrix)
    expected = np.diag([d[0] if k in (0, partner) else d[3] for k in range(5)])
    scale = max(1.0, float(np.abs(matrix).max()))
    return bool(np.abs(matrix - expected).max() <= 1e-13 * scale)


def _breaks_time_reversal(matrix: Array) -> bool:
    """Whether a spin-free operator of the real orbitals is not real."""
    return bool(np.abs(np.asarray(matrix).imag).max() > 1e-13 * max(1.0, np.abs(matrix).max()))


@lru_cache(maxsize=4)
def _charges(shells: tuple[int, ...]) -> tuple[int, ...]:
    ls = (1, 2, 2, 2)[: len(shells)]
    return tuple(2 * m + s for l in ls for m in range(-l, l + 1) for s in (1, -1))


def _dipoles(n: int, axes: Array) -> dict[str, Array]:
    """C^1 from 2p to 3d by polarisation along the case's axes, (n, n) each.

    ``axes`` are those of the orbitals in terms of the case's, in rows.
    """
    minus, zero, plus = _spherical_dipoles(n)
    root = np.sqrt(0.5)
    own = [root * (minus - plus), 1j * root * (minus + plus), zero]
    if np.array_equal(axes, np.eye(3)):
        return dict(zip(("x", "y", "z"), own, strict=True)) | {"plus": plus, "minus": minus}
    x, y, z = (sum(axes[k, i] * own[k] for k in range(3)) for i in range(3))
    return {"x": x, "y": y, "z": z, "plus": -root * (x + 1j * y), "minus": root * (x - 1j * y)}


@lru_cache(maxsize=4)
def _spherical_dipoles(n: int) -> tuple[Array, Array, Array]:
    """C^1_q for q = -1, 0, 1."""
    parts = np.zeros((3, n, n))
    for q in (-1, 0, 1):
        parts[q + 1, 6:16, :6] = angular.with_spin(angular.dipole(q, 2, 1))
    return parts[0], parts[1], parts[2]


def _shared_dipoles(dipoles: dict[str, Array], share: list[Array]) -> dict[str, Array]:
    """The dipoles onto the ion's own 3d, which d and the acceptors share: (n, n) each."""
    if not share:
        return dipoles
    n = len(dipoles["z"])
    own = np.zeros((n, 10), complex)
    for start, part in zip((6, n - 10), share, strict=True):
        own[start : start + 10] = angular.with_spin(angular.to_complex_harmonics(part))
    out = {}
    for name, matrix in dipoles.items():
        out[name] = np.zeros((n, n), complex)
        out[name][:, :6] = own @ matrix[6:16, :6]
    return out


def _vectors(shells: tuple[int, ...], axes: Array) -> dict[str, tuple[Array, Array]]:
    """(z, plus) of S, L and J over all shells (the ligands' l = 2 is that of their symmetry).

    Along the case's axes, like the dipoles.
    """
    own = _own_vectors(shells)
    if np.array_equal(axes, np.eye(3)):
        return own
    turned = {}
    for name, (z, plus) in own.items():
        parts = [(plus + plus.T) / 2, (plus - plus.T) / 2j, z]
        x, y, z = (sum(axes[k, i] * parts[k] for k in range(3)) for i in range(3))
        turned[name] = (z, x + 1j * y)
    return turned


@lru_cache(maxsize=4)
def _own_vectors(shells: tuple[int, ...]) -> dict[str, tuple[Array, Array]]:
    """(z, plus) of S, L and J along the orbitals' own axes."""
    n = sum(shells)
    s_z, s_plus = angular.spin_operators(n // 2)
    l_z, l_plus = np.zeros((n, n)), np.zeros((n, n))
    start = 0
    for size, l in zip(shells, (1, 2, 2, 2), strict=False):
        part = slice(start, start + size)
        l_z[part, part], l_plus[part, part] = (angular.with_spin(m) for m in angular.momentum(l))
        start += size
    return {"S": (s_z, s_plus), "L": (l_z, l_plus), "J": (l_z + s_z, l_plus + s_plus)}


@lru_cache(maxsize=1)
def _spatial_coulomb() -> tuple[Array, ...]:
    """<ab|cd> of 2p and 3d (8, 8, 8, 8) for each integral of ``_COULOMB_KEYS`` being one."""
    p, d = slice(0, 3), slice(3, 8)
    tensors = []
    for key in _COULOMB_KEYS:
        t = np.zeros((8, 8, 8, 8))
        k = int(key[1])
        if key.endswith("dd"):
            t[d, d, d, d] = angular.coulomb(k, 2, 2, 2, 2)
        elif key[0] == "F":
            t[p, d, p, d] = angular.coulomb(k, 1, 2, 1, 2)
            t[d, p, d, p] = angular.coulomb(k, 2, 1, 2, 1)
        else:
            t[p, d, d, p] = angular.coulomb(k, 1, 2, 2, 1)
            t[d, p, p, d] = angular.coulomb(k, 2, 1, 1, 2)
        tensors.append(t)
    return tuple(tensors)


@lru_cache(maxsize=2)
def _coulomb_pattern(n: int) -> tuple[tuple[Array, Array, Array, Array], Array]:
    """Places (i, j, k, l) of the two-electron elements and their coefficients of each R^k.

    Returns
    -------
    (i, j, k, l), coefficients (m, 7) in the order of ``_COULOMB_KEYS``
    """
    parts = [TwoElectron.from_spatial(t) for t in _spatial_coulomb()]
    m = parts[0].n_orb
    codes = [(part.kl.astype(np.int64) * m + part.i) * m + part.j for part in parts]
    union = np.unique(np.concatenate(codes))
    coefficients = np.zeros((union.size, len(parts)))
    for col, (part, code) in enumerate(zip(parts, codes, strict=True)):
        coefficients[np.searchsorted(union, code), col] = part.value
    kl, ij = np.divmod(union, m * m)
    (k_, l_), (i_, j_) = np.divmod(kl, m), np.divmod(ij, m)
    order = np.lexsort((j_, i_, k_ * n + l_))
    return (i_[order], j_[order], k_[order], l_[order]), coefficients[order]


def _coulomb(n: int, values: tuple[float, ...], share: list[Array]) -> TwoElectron:
    """Of F0dd … G3pd; what 2p meets of the ion's own 3d, d and the acceptors share."""
    if share:
        return _shared_coulomb(n, values, share)
    (i, j, k, l), coefficients = _coulomb_pattern(n)
    used = np.array([value != 0.0 for value in values])
    keep = (coefficients[:, used] != 0.0).any(axis=1)
    v = coefficients[keep] @ np.array(values)
    return TwoElectron.from_elements(n, i[keep], j[keep], k[keep], l[keep], v)


def _shared_coulomb(n: int, values: tuple[float, ...], share: list[Array]) -> TwoElectron:
    """Repulsion within d, and of 2p with sum_a |a><a|3d> over d and the acceptors.

    F0pd is such that an orbital's mean repulsion with the whole 2p shell is zero, so that
    configuration averages and mean fields of the open shells do not depend on the share.
    """
    tensors = dict(zip(_COULOMB_KEYS, _spatial_coulomb(), strict=True))
    given = dict(zip(_COULOMB_KEYS, values, strict=True))
    within = sum(given[key] * tensors[key] for key in _COULOMB_KEYS if key.endswith("dd"))
    beside = sum(given[key] * tensors[key] for key in _COULOMB_KEYS if key.endswith("pd"))
    spatial = n // 2
    own = np.zeros((spatial, 8), complex)  # of 2p and the ion's 3d
    own[:3, :3] = np.eye(3)
    for start, part in zip((3, spatial - 5), share, strict=True):
        own[start : start + 5, 3:] = angular.to_complex_harmonics(part)
    bra, ket = own, own.conj()
    tensor = np.einsum("ijkl,ai,bj,ck,dl->abcd", beside, bra, bra, ket, ket, optimize=True)
    tensor[:8, :8, :8, :8] += within
    return TwoElectron.from_spatial(tensor)
