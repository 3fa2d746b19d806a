"""CASE.json: read, checked to the last key, filled with defaults; nothing is computed here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from compute.errors import InputError
from compute.ions import ELEMENTS_3D, SERIES, atomic_number
from compute.multiplet.bounds import ONE_ELECTRON_EV, refuse_outside

Array = NDArray[Any]

POLARIZATIONS = ("isotropic", "x", "y", "z", "plus", "minus")
METHODS = ("auto", "dense", "lanczos", "rscg")
INITIAL_KEYS = ("F2dd", "F4dd", "zeta_3d")
FINAL_KEYS = ("F2dd", "F4dd", "zeta_3d", "F2pd", "G1pd", "G3pd", "zeta_2p")
MAX_GRID_POINTS = 1_000_000

_TOP_KEYS = (
    "element", "charge", "n_d", "edge", "initial", "final", "slater_scale", "crystal_field",
    "charge_transfer", "final_field", "exchange_field_ev", "temperature_k", "polarization", "grid",
    "hwhm_ev", "hwhm_growth", "hwhm_rise", "fano_q", "fwhm_gauss_ev", "method",
)  # fmt: skip
_CT_KEYS = (
    "delta", "u_dd", "u_pd", "v_eg", "v_t2g", "v", "ligand", "configurations",
)  # fmt: skip
_FINAL_FIELD_KEYS = ("crystal_field", "v", "ligand")


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
class OneElectronField:
    """What the surroundings do to one electron, (5, 5) each, real order, eV.

    Attributes
    ----------
    crystal_field : on 3d
    v, ligand : as in `ChargeTransfer`; None without charge transfer
    """

    crystal_field: Array
    v: Array | None
    ligand: Array | None

    @property
    def matrices(self) -> list[Array]:
        return [m for m in (self.crystal_field, self.v, self.ligand) if m is not None]


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
        ct = self.charge_transfer
        before = OneElectronField(
            self.crystal_field, None if ct is None else ct.v, None if ct is None else ct.ligand
        )
        return before, before if self.final_field is None else self.final_field

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
    _known(case, _TOP_KEYS, "")
    element, charge, n_d = _ion(case)
    edge = case.get("edge", "L23")
    if edge != "L23":
        raise InputError("edge", edge, "only the L23 edge is computed")
    scale = _number(case, "slater_scale", default=0.8)
    initial, final = _integrals(case, element, charge, n_d, scale)
    field_json, crystal_field = _crystal_field(case)
    ct_json, charge_transfer = _charge_transfer(case, n_d)
    final_json, final_field = _final_field(case, charge_transfer)
    exchange = _exchange(case)
    temperature = _number(case, "temperature_k", default=300.0)
    polarization = _choice(case, "polarization", POLARIZATIONS, "isotropic")
    method = _choice(case, "method", METHODS, "auto")
    grid = _grid(case, final["zeta_2p"])
    hwhm_json, hwhm = _hwhm(case)
    growth_json, growth = _hwhm_growth(case)
    rise_json, rise = _hwhm_rise(case)
    fano_q = _fano_q(case)
    gauss = _number(case, "fwhm_gauss_ev", default=0.0)
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
    if final_json is not None:
        parameters["final_field"] = final_json
    if rise_json is not None:
        parameters["hwhm_rise"] = rise_json
    return Case(
        element, charge, n_d, initial, final, crystal_field, charge_transfer, final_field,
        exchange, temperature, polarization, grid, hwhm, growth, rise, fano_q, gauss, method,
        parameters,
    )  # fmt: skip


def _known(given: Mapping[str, Any], allowed: tuple[str, ...], prefix: str) -> None:
    for key in given:
        if key not in allowed:
            raise InputError(f"{prefix}{key}", given[key], f"unknown key; known: {sorted(allowed)}")


def _finite(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise InputError(name, value, "must be a number")
    try:
        number = float(value)
    except OverflowError:  # an integer of hundreds of digits
        number = math.inf
    if not math.isfinite(number):
        raise InputError(name, value, "must be finite")
    return number


def _number(
    given: Mapping[str, Any],
    key: str,
    *,
    prefix: str = "",
    default: float | None = None,
) -> float:
    name = prefix + key
    if key not in given:
        if default is None:
            raise InputError(name, None, "is required")
        return default
    value = _finite(name, given[key])
    refuse_outside(name, value, given[key])
    return value


def _integer(name: str, value: Any) -> int:
    number = _finite(name, value)
    if number != int(number):
        raise InputError(name, value, "must be a whole number")
    return int(number)


def _choice(case: Mapping[str, Any], key: str, allowed: tuple[str, ...], default: str) -> str:
    value = case.get(key, default)
    if value not in allowed:
        raise InputError(key, value, f"must be one of {', '.join(allowed)}")
    return cast(str, value)


def _object(given: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise InputError(name, given, "must be an object of keys and values")
    return given


def _matrix(name: str, value: Any, *, hermitian: bool) -> Array:
    try:
        matrix = np.array(value)
    except ValueError:
        raise InputError(name, value, "must be a 5x5 matrix") from None
    if matrix.shape != (5, 5) or matrix.dtype.kind not in "iufc":
        raise InputError(name, value, "must be a 5x5 matrix of numbers")
    if not np.isfinite(matrix).all():
        raise InputError(name, value, "must be finite")
    if float(np.abs(matrix).max()) > ONE_ELECTRON_EV:
        raise InputError(
            name, value, f"must hold energies of at most {ONE_ELECTRON_EV:g} eV in size"
        )
    matrix = matrix.astype(complex if matrix.dtype.kind == "c" else float)
    if hermitian:
        worst = float(np.abs(matrix - matrix.conj().T).max())
        if worst > 1e-9 * max(1.0, float(np.abs(matrix).max())):
            raise InputError(name, value, f"is not Hermitian (by up to {worst:.2g} eV)")
        matrix = (matrix + matrix.conj().T) / 2
    return matrix


def _ion(case: Mapping[str, Any]) -> tuple[str, int, int]:
    for key in ("element", "charge"):
        if key not in case:
            raise InputError(key, None, "is required")
    element = case["element"]
    if not isinstance(element, str) or element not in ELEMENTS_3D:
        raise InputError("element", element, f"must be one of {', '.join(ELEMENTS_3D)}")
    charge = _integer("charge", case["charge"])
    outer = atomic_number(element) - SERIES["3d"].noble_gas_z - charge  # 3d and 4s electrons
    if charge < 0 or outer < 0:
        raise InputError("charge", case["charge"], f"{element} has no such 3d ion")
    if case.get("n_d") is None:
        if outer > 9:
            raise InputError("charge", case["charge"], f"{element}{charge}+ has no 3d hole")
        return element, charge, outer
    n_d = _integer("n_d", case["n_d"])
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
        values = _object(case.get(state) or {}, state)
        _known(values, keys, f"{state}.")
        given[state] = {
            key: _number(values, key, prefix=f"{state}.")
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
    given = _object(case.get("crystal_field") or {}, "crystal_field")
    _known(given, ("ten_dq", "ds", "dt", "matrix"), "crystal_field.")
    if given.get("matrix") is not None:
        extra = [key for key in ("ten_dq", "ds", "dt") if given.get(key) is not None]
        if extra:
            raise InputError(
                f"crystal_field.{extra[0]}", given[extra[0]], "give either this or the matrix"
            )
        matrix = _matrix("crystal_field.matrix", given["matrix"], hermitian=True)
        return {"matrix": matrix.tolist()}, matrix
    ten_dq, ds, dt = (
        _number(given, key, prefix="crystal_field.", default=0.0) for key in ("ten_dq", "ds", "dt")
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


def _charge_transfer(
    case: Mapping[str, Any], n_d: int
) -> tuple[dict[str, Any] | None, ChargeTransfer | None]:
    if case.get("charge_transfer") is None:
        return None, None
    prefix = "charge_transfer."
    given = _object(case["charge_transfer"], "charge_transfer")
    _known(given, _CT_KEYS, prefix)
    delta, u_dd, u_pd = (_number(given, key, prefix=prefix) for key in ("delta", "u_dd", "u_pd"))
    if given.get("v") is not None:
        for key in ("v_eg", "v_t2g"):
            if given.get(key) is not None:
                raise InputError(prefix + key, given[key], "give either this or the matrix v")
        v = _matrix(prefix + "v", given["v"], hermitian=False)
        hopping: dict[str, Any] = {"v": v.tolist()}
    else:
        v_eg, v_t2g = (_number(given, key, prefix=prefix) for key in ("v_eg", "v_t2g"))
        v = np.diag([v_eg, v_eg, v_t2g, v_t2g, v_t2g])
        hopping = {"v_eg": v_eg, "v_t2g": v_t2g}
    ligand = np.zeros((5, 5))
    if given.get("ligand") is not None:
        ligand = _matrix(prefix + "ligand", given["ligand"], hermitian=True)
    count = _integer(prefix + "configurations", given.get("configurations", 2))
    if not 1 <= count <= 11 - n_d:
        raise InputError(
            prefix + "configurations",
            given.get("configurations"),
            f"3d{n_d} takes 0 to {10 - n_d} ligand electrons: 1 to {11 - n_d} configurations",
        )
    json = {"delta": delta, "u_dd": u_dd, "u_pd": u_pd, **hopping}
    json |= {"ligand": ligand.tolist(), "configurations": count}
    return json, ChargeTransfer(delta, u_dd, u_pd, v, ligand, count)


def _final_field(
    case: Mapping[str, Any], charge_transfer: ChargeTransfer | None
) -> tuple[dict[str, Any] | None, OneElectronField | None]:
    if case.get("final_field") is None:
        return None, None
    prefix = "final_field."
    given = _object(case["final_field"], "final_field")
    _known(given, _FINAL_FIELD_KEYS, prefix)
    keys = _FINAL_FIELD_KEYS if charge_transfer is not None else ("crystal_field",)
    for key in _FINAL_FIELD_KEYS:
        if key in keys and given.get(key) is None:
            raise InputError(prefix + key, None, "is required")
        if key not in keys and given.get(key) is not None:
            raise InputError(prefix + key, given[key], "needs charge_transfer")
    found = {key: _matrix(prefix + key, given[key], hermitian=key != "v") for key in keys}
    json = {key: matrix.tolist() for key, matrix in found.items()}
    field = OneElectronField(found["crystal_field"], found.get("v"), found.get("ligand"))
    return json, field


def _exchange(case: Mapping[str, Any]) -> tuple[float, float, float]:
    value = case.get("exchange_field_ev")
    if value is None:
        return 0.0, 0.0, 0.0
    if isinstance(value, str | bytes | Mapping) or not hasattr(value, "__len__") or len(value) != 3:
        raise InputError("exchange_field_ev", value, "must be three numbers")
    x, y, z = (_finite("exchange_field_ev", component) for component in value)
    for component in (x, y, z):
        refuse_outside("exchange_field_ev", component, value)
    return x, y, z


def _grid_points(start: float, stop: float, step: float) -> int:
    # The stop belongs to the grid even where the division falls short by rounding.
    return int(math.floor((stop - start) / step * (1 + 1e-12) + 1e-9)) + 1


def _grid(case: Mapping[str, Any], zeta_2p: float) -> tuple[float, float, float]:
    if case.get("grid") is None:
        return float(math.floor(-zeta_2p / 2 - 12)), float(math.ceil(zeta_2p + 12)), 0.05
    given = _object(case["grid"], "grid")
    _known(given, ("start", "stop", "step"), "grid.")
    start, stop, step = (_number(given, key, prefix="grid.") for key in ("start", "stop", "step"))
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
        _known(value, ("l3", "l2"), "hwhm_ev.")
        l3, l2 = (_number(value, key, prefix="hwhm_ev.") for key in ("l3", "l2"))
        return {"l3": l3, "l2": l2}, (l3, l2)
    width = _finite("hwhm_ev", value)
    if width <= 0:
        raise InputError("hwhm_ev", value, "must be positive")
    refuse_outside("hwhm_ev", width, value)
    return width, (width, width)


def _hwhm_growth(case: Mapping[str, Any]) -> tuple[dict[str, float] | None, tuple[float, float]]:
    if case.get("hwhm_growth") is None:
        return None, (0.0, 0.0)
    given = _object(case["hwhm_growth"], "hwhm_growth")
    _known(given, ("per_ev", "from_ev"), "hwhm_growth.")
    per_ev = _number(given, "per_ev", prefix="hwhm_growth.")
    from_ev = _number(given, "from_ev", prefix="hwhm_growth.", default=0.0)
    return {"per_ev": per_ev, "from_ev": from_ev}, (per_ev, from_ev)


def _hwhm_rise(case: Mapping[str, Any]) -> tuple[dict[str, float] | None, tuple[float, float]]:
    if case.get("hwhm_rise") is None:
        return None, (0.0, 0.0)
    given = _object(case["hwhm_rise"], "hwhm_rise")
    _known(given, ("per_ev", "most_ev"), "hwhm_rise.")
    per_ev, most_ev = (_number(given, key, prefix="hwhm_rise.") for key in ("per_ev", "most_ev"))
    return {"per_ev": per_ev, "most_ev": most_ev}, (per_ev, most_ev)


def _fano_q(case: Mapping[str, Any]) -> float | None:
    if case.get("fano_q") is None:
        return None
    q = _finite("fano_q", case["fano_q"])
    if abs(q) < 1.0:
        raise InputError("fano_q", q, "must be at least 1 in size (null for Lorentzians)")
    refuse_outside("fano_q", q, q)
    return q
