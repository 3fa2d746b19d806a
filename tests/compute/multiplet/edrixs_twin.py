"""The same calculation by EDRIXS 0.2.0: its operators, full diagonalisation, exact sticks."""

from __future__ import annotations

from typing import Any

import numpy as np

from compute.multiplet.case import parse_case
from compute.units import BOLTZMANN_EV_K

ORDER = [0, 3, 4, 1, 2]  # EDRIXS: z2, zx, zy, x2-y2, xy; here: z2, x2-y2, xy, xz, yz
DIPOLE_SCALE = np.sqrt(2 / 5)  # EDRIXS's unit vectors of C^1


def spectrum(case: dict[str, Any]) -> dict[str, Any]:
    """Levels, intensity, total and mean number of d holes of a case."""
    import edrixs
    from edrixs.fock_basis import FockBasis

    c = parse_case(case)
    ct = c.charge_transfer
    real = edrixs.tmat_c2r("d", True)

    def spin(matrix: np.ndarray) -> np.ndarray:
        return np.kron(matrix[np.ix_(ORDER, ORDER)], np.eye(2))

    def one_electron(zeta: float) -> np.ndarray:
        h = np.zeros((20, 20), complex)
        h[:10, :10] = spin(c.crystal_field) + edrixs.cb_op(edrixs.atom_hsoc("d", zeta), real)
        if ct is not None:
            h[:10, 10:] = spin(ct.v)
            h[10:, :10] = h[:10, 10:].conj().T
            h[10:, 10:] = spin(ct.ligand)
        return h

    i, f = c.initial, c.final
    slater_i = [edrixs.get_F0("d", i["F2dd"], i["F4dd"]), i["F2dd"], i["F4dd"]]
    slater_f = [edrixs.get_F0("d", f["F2dd"], f["F4dd"]), f["F2dd"], f["F4dd"]]
    slater_f += [edrixs.get_F0("dp", f["G1pd"], f["G3pd"]), f["F2pd"], f["G1pd"], f["G3pd"]]
    emat_i, umat_i, basis_i, emat_n, umat_n, basis_n, dipole, _ = edrixs.model_siam(
        ("d", "p"), 1, siam_type=1, v_noccu=c.n_d + 10, c_soc=f["zeta_2p"], trans_c2n=real,
        hopping=one_electron(i["zeta_3d"]), hopping_n=one_electron(f["zeta_3d"]),
        slater=(slater_i, slater_f), ext_B=np.array(c.exchange_field),
    )  # fmt: skip
    most = ct.configurations - 1 if ct else 0

    def sector(spec: Any) -> tuple[Any, np.ndarray]:
        whole = edrixs.fock_basis.build_fock_basis(spec, method="explicit").basis_int
        holes = np.array([10 - int(b >> 10 & 1023).bit_count() for b in whole])
        kept = [b for b, k in zip(whole, holes, strict=True) if k <= most]
        return FockBasis(kept, 26), holes[holes <= most]

    lower, k_lower = sector(basis_i)
    upper, k_upper = sector(basis_n)

    def dense(*args: Any) -> np.ndarray:
        return edrixs.build_op(*args, backend="scipy", use_numba=False).toarray()

    h_i, h_n = dense(emat_i, umat_i, lower), dense(emat_n, umat_n, upper)
    if ct is not None:
        pairs = ct.u_dd / 2
        filled = 2 * np.trace(ct.ligand).real
        h_i += np.diag(k_lower * ct.delta + k_lower * (k_lower - 1) * pairs - filled)
        step = ct.delta + ct.u_dd - ct.u_pd
        h_n += np.diag(k_upper * step + k_upper * (k_upper - 1) * pairs - filled)
    levels, states = np.linalg.eigh(h_i)
    finals, vectors = np.linalg.eigh(h_n)
    weights = np.exp(-(levels - levels[0]) / (BOLTZMANN_EV_K * c.temperature))
    keep = weights > 1e-13
    weights = weights[keep] / weights[keep].sum()
    x, y, z = (DIPOLE_SCALE * dense(m, None, upper, lower) for m in dipole)
    operators = {
        "x": [x], "y": [y], "z": [z],
        "plus": [(x + 1j * y) / np.sqrt(2)], "minus": [(x - 1j * y) / np.sqrt(2)],
        "isotropic": [m / np.sqrt(3) for m in (x, y, z)],
    }[c.polarization]  # fmt: skip
    energy, total, intensity = c.energy, 0.0, np.zeros(c.energy.size)
    for operator in operators:
        strength = np.abs(vectors.conj().T @ (operator @ states[:, keep])) ** 2
        total += float((strength @ weights).sum())
        for a, w in enumerate(weights):
            lines = finals - levels[a]
            used = strength[:, a] > 1e-14
            d = energy[:, None] - lines[used]
            gamma = c.hwhm[0]
            intensity += w * (gamma / np.pi / (d**2 + gamma**2)) @ strength[used, a]
    d_holes = np.array([10 - int(b & 1023).bit_count() for b in lower.basis_int])
    return {
        "levels": levels - levels[0],
        "ground": float(levels[0]),
        "intensity": intensity,
        "total": total,
        "mean_d_holes": float(weights @ (np.abs(states[:, keep].T) ** 2 @ d_holes)),
    }
