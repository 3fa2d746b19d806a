"""Look-up of Hartree-Fock Slater integrals and spin-orbit parameters in the shipped table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from numbers import Integral
from pathlib import Path
from typing import Any

from compute.errors import InputError

TABLE = Path(__file__).with_name("table.json")
_MOMENTS = ("r2_3d", "r4_3d")
_CORE_VALENCE = ("F2pd", "G1pd", "G3pd")
_PAIRS = ("F2dd", "F4dd")  # mean nothing for fewer than two electrons


def atomic_parameters(
    element: str, charge: int, n_d: int | None = None, *, empty_shells: bool = False
) -> dict[str, dict[str, float]]:
    """Unscaled Hartree-Fock parameters of 2p6 3d^n and 2p5 3d^(n+1), eV.

    Parameters
    ----------
    element : str
        Sc to Zn.
    charge : int
        Charge of the ion; fixes the number of 3d electrons where ``n_d`` is not given.
    n_d : int, optional
        3d electrons of the ground configuration [Ar]3d^n_d, 0 to 10, which then decides alone.
    empty_shells : bool
        False: F2dd and F4dd are 0 for fewer than two 3d electrons and zeta_3d is 0 for none,
        as in Cowan's tables. True: the values of the 3d orbital all the same (for 3d0, of the
        virtual orbital in the field of the ion), which charge-transfer configurations need.

    Returns
    -------
    dict
        ``{"initial": {"F2dd", "F4dd", "zeta_3d"}, "final": {"F2dd", "F4dd", "zeta_3d", "F2pd",
        "G1pd", "G3pd", "zeta_2p"}}``; the final state of 3d10 is 2p5 3d10.

    Raises
    ------
    InputError
        An element, charge or occupation that the table does not hold.
    """
    row, n_d = _row(element, charge, n_d)
    out = {}
    for state, electrons in (("initial", n_d), ("final", min(n_d + 1, 10))):
        values = {key: value for key, value in row[state].items() if key not in _MOMENTS}
        if not empty_shells:
            absent = _PAIRS * (electrons < 2) + ("zeta_3d",) * (electrons < 1)
            values |= dict.fromkeys(absent, 0.0)
        out[state] = values
    return out


def hartree_fock_share(
    element: str, charge: int, n_d: int | None, integrals: Mapping[str, float]
) -> float:
    """What share of the free ion's core-valence integrals the given ones are.

    Parameters
    ----------
    integrals : mapping
        Of the final state, eV, with F2pd, G1pd and G3pd, which every ion has.

    Raises
    ------
    InputError
        As :func:`atomic_parameters`.
    """
    ion = atomic_parameters(element, charge, n_d, empty_shells=True)["final"]
    return sum(integrals[key] for key in _CORE_VALENCE) / sum(ion[key] for key in _CORE_VALENCE)


def charges(element: str) -> list[int]:
    """Charges of the ions [Ar]3d^n of an element that the table holds, low ones first.

    Raises
    ------
    InputError
        An element that the table does not hold.
    """
    table = _table()
    if element not in table:
        raise InputError("element", element, f"the table holds {', '.join(table)}")
    rows = table[element]
    return sorted(int(rows["argon_core_charge"]) - int(n) for n in rows["n_d"])


def orbital_moments(element: str, charge: int, n_d: int | None = None) -> dict[str, float]:
    """<r^2> and <r^4> of the 3d orbital of 2p6 3d^n, bohr^2 and bohr^4: ``{"r2", "r4"}``."""
    values = _row(element, charge, n_d)[0]["initial"]
    return {"r2": values["r2_3d"], "r4": values["r4_3d"]}


def _row(element: str, charge: int, n_d: int | None) -> tuple[dict[str, dict[str, float]], int]:
    table = _table()
    if element not in table:
        raise InputError("element", element, f"the table holds {', '.join(table)}")
    rows = table[element]
    if n_d is None:
        if isinstance(charge, bool) or not isinstance(charge, Integral):
            raise InputError("charge", charge, "must be an integer")
        n_d = rows["argon_core_charge"] - charge
        if str(n_d) not in rows["n_d"]:
            held = [rows["argon_core_charge"] - int(n) for n in rows["n_d"]]
            raise InputError(
                "charge",
                charge,
                f"{element} ions of the form [Ar]3d^n go from {min(held)}+ to {max(held)}+",
            )
    if isinstance(n_d, bool) or str(n_d) not in rows["n_d"]:
        raise InputError("n_d", n_d, f"for {element} the table holds 0 to {len(rows['n_d']) - 1}")
    return rows["n_d"][str(n_d)], int(n_d)


@cache
def _table() -> dict[str, Any]:
    ions: dict[str, Any] = json.loads(TABLE.read_text())["ions"]
    return ions
