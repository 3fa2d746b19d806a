"""Electrons that go over between metal and ligands: what a CASE.json says of them, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compute.errors import InputError
from compute.multiplet.checks import known_keys, matrix_of, number_of, object_of, whole_number

Array = NDArray[Any]

_HOPPING_KEYS = ("v_eg", "v_t2g", "v")
_TRANSFER_KEYS = ("delta", "u_dd", "u_pd", *_HOPPING_KEYS, "ligand", "configurations")
_BACK_KEYS = ("delta", "final_delta", *_HOPPING_KEYS, "acceptor", "share")
_SHARE_KEYS = ("d", "acceptor")
_NEEDS = {"v": "charge_transfer", "ligand": "charge_transfer"} | dict.fromkeys(
    ("back_v", "acceptor", "share"), "back_donation"
)
"""By key of a final field beside ``crystal_field``: the key of the case that it belongs to."""
_OPTIONAL = ("share",)  # else that of the initial state
_MOST_SHARE = 1.5  # molecular orbitals may be more compact than the ion's, by little


@dataclass(frozen=True)
class ChargeTransfer:
    """Ligand-to-metal charge transfer.

    Attributes
    ----------
    delta, u_dd, u_pd : eV
    v : (5, 5)
        <d_a|h|L_b> in the real order z2, x2-y2, xy, xz, yz, eV.
    ligand : (5, 5)
        One-electron energies of the ligand orbitals, same order, eV.
    configurations : how many, d^n L^0 counted
    """

    delta: float
    u_dd: float
    u_pd: float
    v: Array
    ligand: Array
    configurations: int


@dataclass(frozen=True)
class Share:
    """How much of the ion's own 3d orbitals molecular orbitals hold: amplitudes <orbital a|3d_b>.

    Attributes
    ----------
    d : (5, 5)
        Of the orbitals in place of 3d.
    acceptor : (5, 5)
        Of the acceptor orbitals.
    """

    d: Array
    acceptor: Array


@dataclass(frozen=True)
class BackDonation:
    """Metal-to-ligand charge transfer: one d electron in empty ligand orbitals of d symmetry.

    Attributes
    ----------
    delta : float
        Of d^(n-1) A above d^n, configuration averages of the initial state, eV.
    v : (5, 5)
        <d_a|h|A_b> in the real order, eV.
    acceptor : (5, 5)
        One-electron energies of the acceptor orbitals, same order, eV.
    final_delta : float or None
        Of d^n A above d^(n+1) beside the core hole, eV; None for delta + U_pd - U_dd.
    share : Share or None
        What the dipole acts on; None where d is the ion's 3d and A has none of it.
    """

    delta: float
    v: Array
    acceptor: Array
    final_delta: float | None = None
    share: Share | None = None


@dataclass(frozen=True)
class OneElectronField:
    """What the surroundings do to one electron, (5, 5) each, real order, eV.

    Attributes
    ----------
    crystal_field : on 3d
    v, ligand : as in `ChargeTransfer`; None without charge transfer
    back_v, acceptor : as in `BackDonation`; None without back donation
    share : what the repulsion between 2p and 3d acts on, as in `BackDonation`
    """

    crystal_field: Array
    v: Array | None
    ligand: Array | None
    back_v: Array | None = None
    acceptor: Array | None = None
    share: Share | None = None

    @property
    def matrices(self) -> list[Array]:
        """Energies, not the shares."""
        every = (self.crystal_field, self.v, self.ligand, self.back_v, self.acceptor)
        return [matrix for matrix in every if matrix is not None]


def read_charge_transfer(
    case: Mapping[str, Any], n_d: int
) -> tuple[dict[str, Any] | None, ChargeTransfer | None]:
    """With the values used as JSON; None and None where the case has none."""
    if case.get("charge_transfer") is None:
        return None, None
    prefix = "charge_transfer."
    given = object_of(case["charge_transfer"], "charge_transfer")
    known_keys(given, _TRANSFER_KEYS, prefix)
    delta, u_dd, u_pd = (number_of(given, key, prefix=prefix) for key in ("delta", "u_dd", "u_pd"))
    hopping, v = _hopping(given, prefix)
    ligand = _levels(given, "ligand", prefix)
    count = whole_number(prefix + "configurations", given.get("configurations", 2))
    if not 1 <= count <= 11 - n_d:
        raise InputError(
            prefix + "configurations",
            given.get("configurations"),
            f"3d{n_d} takes 0 to {10 - n_d} ligand electrons: 1 to {11 - n_d} configurations",
        )
    json = {"delta": delta, "u_dd": u_dd, "u_pd": u_pd, **hopping}
    json |= {"ligand": ligand.tolist(), "configurations": count}
    return json, ChargeTransfer(delta, u_dd, u_pd, v, ligand, count)


def read_back_donation(
    case: Mapping[str, Any], n_d: int
) -> tuple[dict[str, Any] | None, BackDonation | None]:
    """With the values used as JSON; None and None where the case has none."""
    if case.get("back_donation") is None:
        return None, None
    prefix = "back_donation."
    given = object_of(case["back_donation"], "back_donation")
    known_keys(given, _BACK_KEYS, prefix)
    if case.get("charge_transfer") is None and given.get("final_delta") is None:
        why = "needs final_delta, or charge_transfer for u_dd and u_pd"
        raise InputError("back_donation", dict(given), why)
    if n_d == 0:
        raise InputError("back_donation", dict(given), "3d0 has no electron to give")
    delta = number_of(given, "delta", prefix=prefix)
    hopping, v = _hopping(given, prefix)
    acceptor = _levels(given, "acceptor", prefix)
    json = {"delta": delta, **hopping, "acceptor": acceptor.tolist()}
    final_delta = None
    if given.get("final_delta") is not None:
        json["final_delta"] = final_delta = number_of(given, "final_delta", prefix=prefix)
    share = _share(given, prefix)
    if share is not None:
        json["share"] = _listed(share)
    return json, BackDonation(delta, v, acceptor, final_delta, share)


def read_final_field(
    case: Mapping[str, Any],
) -> tuple[dict[str, Any] | None, OneElectronField | None]:
    """With the values used as JSON; None and None where the case has none."""
    if case.get("final_field") is None:
        return None, None
    prefix = "final_field."
    given = object_of(case["final_field"], "final_field")
    known_keys(given, ("crystal_field", *_NEEDS), prefix)
    keys = ["crystal_field"] + [key for key, of in _NEEDS.items() if case.get(of) is not None]
    for key in ("crystal_field", *_NEEDS):
        if key in keys and given.get(key) is None and key not in _OPTIONAL:
            raise InputError(prefix + key, None, "is required")
        if key not in keys and given.get(key) is not None:
            raise InputError(prefix + key, given[key], f"needs {_NEEDS[key]}")
    found = {
        key: matrix_of(prefix + key, given[key], hermitian=key not in ("v", "back_v"))
        for key in keys
        if key not in _OPTIONAL
    }
    share = _share(given, prefix)
    if share is not None and case["back_donation"].get("share") is None:
        raise InputError(prefix + "share", given["share"], "needs back_donation.share")
    v, ligand, back_v, acceptor = (found.get(k) for k in ("v", "ligand", "back_v", "acceptor"))
    field = OneElectronField(found["crystal_field"], v, ligand, back_v, acceptor, share)
    json: dict[str, Any] = {key: matrix.tolist() for key, matrix in found.items()}
    return json if share is None else json | {"share": _listed(share)}, field


def _hopping(given: Mapping[str, Any], prefix: str) -> tuple[dict[str, Any], Array]:
    """One-electron hopping as it was given, and as a (5, 5) matrix."""
    if given.get("v") is not None:
        for key in ("v_eg", "v_t2g"):
            if given.get(key) is not None:
                raise InputError(prefix + key, given[key], "give either this or the matrix v")
        v = matrix_of(prefix + "v", given["v"], hermitian=False)
        return {"v": v.tolist()}, v
    v_eg, v_t2g = (number_of(given, key, prefix=prefix) for key in ("v_eg", "v_t2g"))
    return {"v_eg": v_eg, "v_t2g": v_t2g}, np.diag([v_eg, v_eg, v_t2g, v_t2g, v_t2g])


def _share(given: Mapping[str, Any], prefix: str) -> Share | None:
    """None where it is not given."""
    if given.get("share") is None:
        return None
    name = f"{prefix}share"
    parts = object_of(given["share"], name)
    known_keys(parts, _SHARE_KEYS, f"{name}.")
    for key in _SHARE_KEYS:
        if parts.get(key) is None:
            raise InputError(f"{name}.{key}", None, "is required")
    d, acceptor = (matrix_of(f"{name}.{key}", parts[key], hermitian=False) for key in _SHARE_KEYS)
    most = float(np.linalg.norm(np.vstack([d, acceptor]), 2))
    if most > _MOST_SHARE:
        raise InputError(name, most, f"no amplitude of 3d is more than {_MOST_SHARE:g}")
    return Share(d, acceptor)


def _listed(share: Share) -> dict[str, Any]:
    return {key: matrix.tolist() for key, matrix in vars(share).items()}


def _levels(given: Mapping[str, Any], key: str, prefix: str) -> Array:
    """A (5, 5) Hermitian matrix, zero where it is not given."""
    if given.get(key) is None:
        return np.zeros((5, 5))
    return matrix_of(prefix + key, given[key], hermitian=True)
