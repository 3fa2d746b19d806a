"""CASE.json: read, checked to the last key, filled with defaults; nothing is computed here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compute.errors import InputError
from compute.ions import ELEMENTS_3D, SERIES, atomic_number
from compute.multiplet.bounds import refuse_outside
from compute.multiplet.checks import (
    finite_number,
    known_keys,
    matrix_of,
    number_of,
    object_of,
    one_of,
    whole_number,
)
from compute.multiplet.transfer import (
    BackDonation,
    ChargeTransfer,
    OneElectronField,
    read_back_donation,
    read_charge_transfer,
    read_final_field,
)

Array = NDArray[Any]

POLARIZATIONS = ("isotropic", "x", "y", "z", "plus", "minus")
METHODS = ("auto", "dense", "lanczos", "rscg")
INITIAL_KEYS = ("F2dd", "F4dd", "zeta_3d")
FINAL_KEYS = ("F2dd", "F4dd", "zeta_3d", "F2pd", "G1pd", "G3pd", "zeta_2p")
MAX_GRID_POINTS = 1_000_000

_TOP_KEYS = (
    "element", "charge", "n_d", "edge", "initial", "final", "slater_scale", "crystal_field",
    "charge_transfer", "back_donation", "final_field", "exchange_field_ev", "temperature_k",
    "polarization", "grid", "hwhm_ev", "hwhm_growth", "hwhm_rise", "fano_q", "fwhm_gauss_ev",
    "method",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One calculation, every value in place (units as in the JSON: eV, K)."""

    element: str
    charge: int
    n_d: int
    initial: Mapping[str, float]
    final: Mapping[str, float]
    crystal_field: Array  # (5, 5) in the real order
    charge_transfer: ChargeTransfer | None
    back_donation: BackDonation | None
    final_field: OneElectronField | None  # None: the initial state's
    exchange_field: tuple[float, float, float]
    temperature: float
    polarization: str
    grid: tuple[float, float, float]  # start, stop, step
    hwhm: tuple[float, float]  # below and above the L3/L2 crossing
    hwhm_growth: tuple[float, float]  # eV gained per eV, from this energy on
    hwhm_rise: tuple[float, float]  # eV gained per eV above the onset of each edge, eV at most
    fano_q: float | None
    fwhm_gauss: float
    method: str
    parameters: Mapping[str, Any]  # the case as JSON with the values used

    @property
    def fields(self) -> tuple[OneElectronField, OneElectronField]:
        """Of the initial and of the final state."""
        ct, back = self.charge_transfer, self.back_donation
        before = OneElectronField(
            self.crystal_field,
            None if ct is None else ct.v,
            None if ct is None else ct.ligand,
            None if back is None else back.v,
            None if back is None else back.acceptor,
            None if back is None else back.share,
        )
        after = before if self.final_field is None else self.final_field
        return before, after if after.share else replace(after, share=before.share)

    @property
    def energy(self) -> NDArray[np.float64]:
        """The grid, stop included, eV."""
        start, stop, step = self.grid
        return np.asarray(start + step * np.arange(_grid_points(start, stop, step), dtype=float))


def parse_case(case: Mapping[str, Any]) -> Case:
    """Check a case and fill in what it leaves out.

    Raises
    ------
    InputError
        On the first key that is unknown, missing, of the wrong kind or out of range.
    """
    if not isinstance(case, Mapping):
        raise InputError("case", case, "must be an object of keys and values")
    known_keys(case, _TOP_KEYS, "")
    element, charge, n_d = _ion(case)
    edge = case.get("edge", "L23")
    if edge != "L23":
        raise InputError("edge", edge, "only the L23 edge is computed")
    scale = number_of(case, "slater_scale", default=0.8)
    initial, final = _integrals(case, element, charge, n_d, scale)
    field_json, crystal_field = _crystal_field(case)
    ct_json, charge_transfer = read_charge_transfer(case, n_d)
    back_json, back_donation = read_back_donation(case, n_d)
    final_json, final_field = read_final_field(case)
    exchange = _exchange(case)
    temperature = number_of(case, "temperature_k", default=300.0)
    polarization = one_of(case, "polarization", POLARIZATIONS, "isotropic")
    method = one_of(case, "method", METHODS, "auto")
    grid = _grid(case, final["zeta_2p"])
    hwhm_json, hwhm = _hwhm(case)
    growth_json, growth = _hwhm_growth(case)
    rise_json, rise = _hwhm_rise(case)
    fano_q = _fano_q(case)
    gauss = number_of(case, "fwhm_gauss_ev", default=0.0)
    parameters = {
        "element": element, "charge": charge, "n_d": n_d, "edge": edge,
        "initial": initial, "final": final, "slater_scale": scale,
        "crystal_field": field_json, "charge_transfer": ct_json,
        "exchange_field_ev": list(exchange), "temperature_k": temperature,
        "polarization": polarization,
        "grid": dict(zip(("start", "stop", "step"), grid, strict=True)),
        "hwhm_ev": hwhm_json, "hwhm_growth": growth_json, "fano_q": fano_q,
        "fwhm_gauss_ev": gauss, "method": method,
    }  # fmt: skip
    if back_json is not None:
        parameters["back_donation"] = back_json
    if final_json is not None:
        parameters["final_field"] = final_json
    if rise_json is not None:
        parameters["hwhm_rise"] = rise_json
    return Case(
        element, charge, n_d, initial, final, crystal_field, charge_transfer, back_donation,
        final_field, exchange, temperature, polarization, grid, hwhm, growth, rise, fano_q, gauss,
        method, parameters,
    )  # fmt: skip


def _ion(case: Mapping[str, Any]) -> tuple[str, int, int]:
    for key in ("element", "charge"):
        if key not in case:
            raise InputError(key, None, "is required")
    element = case["element"]
    if not isinstance(element, str) or element not in ELEMENTS_3D:
        raise InputError("element", element, f"must be one of {', '.join(ELEMENTS_3D)}")
    charge = whole_number("charge", case["charge"])
    outer = atomic_number(element) - SERIES["3d"].noble_gas_z - charge  # 3d and 4s electrons
    if charge < 0 or outer < 0:
        raise InputError("charge", case["charge"], f"{element} has no such 3d ion")
    if case.get("n_d") is None:
        if outer > 9:
            raise InputError("charge", case["charge"], f"{element}{charge}+ has no 3d hole")
        return element, charge, outer
    n_d = whole_number("n_d", case["n_d"])
    if not 0 <= n_d <= 9:
        raise InputError("n_d", case["n_d"], "must be 0 to 9 (a 3d hole is needed)")
    # What is not in 3d can only be in 4s.
    if not 0 <= outer - n_d <= 2:
        raise InputError("n_d", case["n_d"], f"{element}{charge}+ cannot have 3d{n_d}")
    return element, charge, n_d


def _integrals(
    case: Mapping[str, Any], element: str, charge: int, n_d: int, scale: float
) -> tuple[dict[str, float], dict[str, float]]:
    given: dict[str, dict[str, float]] = {}
    for state, keys in (("initial", INITIAL_KEYS), ("final", FINAL_KEYS)):
        values = object_of(case.get(state) or {}, state)
        known_keys(values, keys, f"{state}.")
        given[state] = {
            key: number_of(values, key, prefix=f"{state}.")
            for key in keys
            if values.get(key) is not None
        }
    # Integrals without electrons to act on are zero, unless ligands bring some.
    ligands = case.get("charge_transfer") is not None
    for state, electrons in () if ligands else (("initial", n_d), ("final", n_d + 1)):
        absent = ("F2dd", "F4dd") * (electrons < 2) + ("zeta_3d",) * (electrons < 1)
        given[state] = dict.fromkeys(absent, 0.0) | given[state]
    if len(given["initial"]) < len(INITIAL_KEYS) or len(given["final"]) < len(FINAL_KEYS):
        from compute.atom import atomic_parameters  # most callers give all

        defaults = atomic_parameters(element, charge, n_d, empty_shells=ligands)
        for state, values in defaults.items():
            scaled = {k: v if k.startswith("zeta") else scale * v for k, v in values.items()}
            given[state] = scaled | given[state]
    return (
        {key: given["initial"][key] for key in INITIAL_KEYS},
        {key: given["final"][key] for key in FINAL_KEYS},
    )


def _crystal_field(case: Mapping[str, Any]) -> tuple[dict[str, Any], Array]:
    given = object_of(case.get("crystal_field") or {}, "crystal_field")
    known_keys(given, ("ten_dq", "ds", "dt", "matrix"), "crystal_field.")
    if given.get("matrix") is not None:
        extra = [key for key in ("ten_dq", "ds", "dt") if given.get(key) is not None]
        if extra:
            raise InputError(
                f"crystal_field.{extra[0]}", given[extra[0]], "give either this or the matrix"
            )
        matrix = matrix_of("crystal_field.matrix", given["matrix"], hermitian=True)
        return {"matrix": matrix.tolist()}, matrix
    ten_dq, ds, dt = (
        number_of(given, key, prefix="crystal_field.", default=0.0)
        for key in ("ten_dq", "ds", "dt")
    )
    dq = ten_dq / 10
    levels = [
        6 * dq - 2 * ds - 6 * dt,
        6 * dq + 2 * ds - dt,
        -4 * dq + 2 * ds - dt,
        -4 * dq - ds + 4 * dt,
        -4 * dq - ds + 4 * dt,
    ]
    return {"ten_dq": ten_dq, "ds": ds, "dt": dt}, np.diag(levels)


def _exchange(case: Mapping[str, Any]) -> tuple[float, float, float]:
    value = case.get("exchange_field_ev")
    if value is None:
        return 0.0, 0.0, 0.0
    if isinstance(value, str | bytes | Mapping) or not hasattr(value, "__len__") or len(value) != 3:
        raise InputError("exchange_field_ev", value, "must be three numbers")
    x, y, z = (finite_number("exchange_field_ev", component) for component in value)
    for component in (x, y, z):
        refuse_outside("exchange_field_ev", component, value)
    return x, y, z


def _grid_points(start: float, stop: float, step: float) -> int:
    # The stop belongs to the grid even where the division falls short by rounding.
    return int(math.floor((stop - start) / step * (1 + 1e-12) + 1e-9)) + 1


def _grid(case: Mapping[str, Any], zeta_2p: float) -> tuple[float, float, float]:
    if case.get("grid") is None:
        return float(math.floor(-zeta_2p / 2 - 12)), float(math.ceil(zeta_2p + 12)), 0.05
    given = object_of(case["grid"], "grid")
    known_keys(given, ("start", "stop", "step"), "grid.")
    start, stop, step = (number_of(given, key, prefix="grid.") for key in ("start", "stop", "step"))
    if step <= 0:
        raise InputError("grid.step", given["step"], "must be positive")
    if stop < start:
        raise InputError("grid.stop", given["stop"], f"must not be below start ({start:g})")
    if (stop - start) / step > MAX_GRID_POINTS:
        raise InputError("grid.step", given["step"], f"more than {MAX_GRID_POINTS} grid points")
    return start, stop, step


def _hwhm(case: Mapping[str, Any]) -> tuple[float | dict[str, float], tuple[float, float]]:
    value = case.get("hwhm_ev", 0.2)
    if isinstance(value, Mapping):
        known_keys(value, ("l3", "l2"), "hwhm_ev.")
        l3, l2 = (number_of(value, key, prefix="hwhm_ev.") for key in ("l3", "l2"))
        return {"l3": l3, "l2": l2}, (l3, l2)
    width = finite_number("hwhm_ev", value)
    if width <= 0:
        raise InputError("hwhm_ev", value, "must be positive")
    refuse_outside("hwhm_ev", width, value)
    return width, (width, width)


def _hwhm_growth(case: Mapping[str, Any]) -> tuple[dict[str, float] | None, tuple[float, float]]:
    if case.get("hwhm_growth") is None:
        return None, (0.0, 0.0)
    given = object_of(case["hwhm_growth"], "hwhm_growth")
    known_keys(given, ("per_ev", "from_ev"), "hwhm_growth.")
    per_ev = number_of(given, "per_ev", prefix="hwhm_growth.")
    from_ev = number_of(given, "from_ev", prefix="hwhm_growth.", default=0.0)
    return {"per_ev": per_ev, "from_ev": from_ev}, (per_ev, from_ev)


def _hwhm_rise(case: Mapping[str, Any]) -> tuple[dict[str, float] | None, tuple[float, float]]:
    if case.get("hwhm_rise") is None:
        return None, (0.0, 0.0)
    given = object_of(case["hwhm_rise"], "hwhm_rise")
    known_keys(given, ("per_ev", "most_ev"), "hwhm_rise.")
    per_ev, most_ev = (number_of(given, key, prefix="hwhm_rise.") for key in ("per_ev", "most_ev"))
    return {"per_ev": per_ev, "most_ev": most_ev}, (per_ev, most_ev)


def _fano_q(case: Mapping[str, Any]) -> float | None:
    if case.get("fano_q") is None:
        return None
    q = finite_number("fano_q", case["fano_q"])
    if abs(q) < 1.0:
        raise InputError("fano_q", q, "must be at least 1 in size (null for Lorentzians)")
    refuse_outside("fano_q", q, q)
    return q
