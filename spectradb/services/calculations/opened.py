"""What the Multiplet page has opened: a stored calculation or a CASE.json, and changes to it.

Values that no slider has are kept. A slider moves what it shows and leaves the rest: 10Dq the cubic
part of a crystal field that is given as a matrix, Ds and Dt what is added to it, V the means of a
matrix of hoppings, the share of Hartree-Fock all Slater integrals alike.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from compute.atom import hartree_fock_share
from compute.errors import InputError
from compute.l23.spectrum import SiteSpectrum, around_l3, mixed
from compute.multiplet.case import parse_case
from spectradb.models import Calculation, Spectrum
from spectradb.services.calculations.solve_now import solve_now

Json = dict[str, Any]
MAX_CASE_BYTES = 200_000
_MAX_PACKED = 20_000
_EG = np.diag([1.0, 1.0, 0.0, 0.0, 0.0])
_T2G = np.eye(5) - _EG
_CUBIC = 0.6 * _EG - 0.4 * _T2G
_DS = np.diag([-2.0, 2.0, 2.0, -1.0, -1.0])
_DT = np.diag([-6.0, -1.0, -1.0, 4.0, 4.0])
_SLATER = ("F2dd", "F4dd", "F2pd", "G1pd", "G3pd")
_TRANSFER = ("delta", "u_dd", "u_pd", "v_eg", "v_t2g", "configurations")
_OF_THE_MEASUREMENT = ("temperature_k", "polarization", "exchange", "l3", "l2", "fwhm_gauss_ev")
"""What is changed for all ions of a site that shares a charge; the rest for the first alone."""


@dataclass(frozen=True)
class Ion:
    """One ion with its share of the site and the anchor of its energies, eV."""

    case: Json
    weight: float = 1.0
    offset_ev: float = 0.0


@dataclass(frozen=True)
class Opened:
    """What was opened.

    Attributes
    ----------
    ions : tuple of Ion
        That of most weight first.
    calculation : Calculation or None
        If it is a stored one.
    partly : bool
        Whether further ions share the site whose places in energy were not kept: calculations
        of old versions are shown whole as they are stored, and changed in their first ion only.
    """

    ions: tuple[Ion, ...]
    calculation: Calculation | None = None
    partly: bool = False

    @property
    def case(self) -> Json:
        return self.ions[0].case


def open_calculation(row: Calculation) -> Opened:
    """A stored calculation of our engine.

    Raises
    ------
    InputError
        If it has no parameters yet, or shares a charge and does not say how its ions are placed.
    """
    if row.edge != "L23" or not row.parameters:
        raise InputError("calculation", row.pk, "holds no parameters of an L2,3 spectrum")
    mixture = (row.results or {}).get("mixture") or []
    if not mixture:
        return Opened((Ion(_whole(row.parameters)),), row)
    ions = [
        Ion(_whole(one["parameters"]), float(one["weight"]), float(one.get("energy_offset_ev", 0)))
        for one in mixture
    ]
    ions.sort(key=lambda ion: -ion.weight)
    if len(ions) > 1 and any("energy_offset_ev" not in one for one in mixture):
        return Opened((ions[0],), row, partly=True)
    return Opened(tuple(ions), row)


def open_case(given: object) -> Opened:
    """A CASE.json: a case, an answer of ``run_multiplet``, or a list of one of these.

    Raises
    ------
    InputError
        Naming the key and the value.
    """
    if isinstance(given, list):
        if len(given) != 1:
            raise InputError("case", f"{len(given)} cases", "must be one; take one of the list")
        given = given[0]
    if isinstance(given, Mapping) and isinstance(given.get("parameters"), Mapping):
        given = given["parameters"]
    if not isinstance(given, Mapping):
        raise InputError("case", type(given).__name__, "must be an object of keys and values")
    return Opened((Ion(_whole(given)),))


def open_text(data: bytes) -> Opened:
    """The same from the bytes of a file; raises InputError."""
    if len(data) > MAX_CASE_BYTES:
        raise InputError("file", f"{len(data):,} bytes", f"must be at most {MAX_CASE_BYTES:,}")
    try:
        given = json.loads(data.decode("utf-8-sig"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise InputError("file", data[:40].decode("utf-8", "replace"), "is no JSON") from error
    return open_case(given)


def pack(case: Mapping[str, Any]) -> str:
    """A case as a word for an address."""
    text = json.dumps(case, separators=(",", ":"))
    return base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode().rstrip("=")


def unpack(word: str) -> Opened:
    """The case of an address; raises InputError."""
    broken = InputError("case", f"{word[:20]}…", "is no case of this page: load its file again")
    if len(word) > _MAX_PACKED:
        raise broken
    try:
        packed = base64.urlsafe_b64decode(word + "=" * (-len(word) % 4))
        stream = zlib.decompressobj()
        data = stream.decompress(packed, MAX_CASE_BYTES)
    except (binascii.Error, zlib.error, ValueError) as error:
        raise broken from error
    if not stream.eof:  # an address that was cut short, or a case that is too large
        raise broken
    return open_text(data)


def _whole(case: Mapping[str, Any]) -> Json:
    return dict(parse_case(case).parameters)


def shown(case: Json) -> Json:
    """What the sliders and choices show of a whole case; charge transfer only where it has one."""
    field = case["crystal_field"]
    widths = case["hwhm_ev"]
    values: Json = {
        "ten_dq": _above(field["matrix"]) if "matrix" in field else field["ten_dq"],
        "ds": field.get("ds", 0.0),
        "dt": field.get("dt", 0.0),
        "slater_scale": _share(case),
        "l3": widths["l3"] if isinstance(widths, Mapping) else widths,
        "l2": widths["l2"] if isinstance(widths, Mapping) else widths,
        "fwhm_gauss_ev": case["fwhm_gauss_ev"],
        "temperature_k": case["temperature_k"],
        "exchange": case["exchange_field_ev"][2],
        "polarization": case["polarization"],
        "transfer": case["charge_transfer"] is not None,
    }
    if transfer := case["charge_transfer"]:
        values |= {key: transfer[key] for key in _TRANSFER if key in transfer}
        if "v" in transfer:
            values["v_eg"], values["v_t2g"] = _means(transfer["v"])
    return values


def _share(case: Json) -> float:
    """Of Hartree-Fock; what the case says where its integrals are that, else what they are."""
    found = hartree_fock_share(case["element"], case["charge"], case["n_d"], case["final"])
    said = float(case["slater_scale"])
    return said if abs(found - said) < 1e-9 else found


def changed(opened: Opened, changes: Mapping[str, Any]) -> Opened:
    """With other values of the sliders and choices named; without changes, as it was."""
    if not changes:
        return opened
    everywhere = {key: changes[key] for key in _OF_THE_MEASUREMENT if key in changes}
    first, *others = opened.ions
    return Opened(
        (
            replace(first, case=with_values(first.case, changes)),
            *(replace(ion, case=with_values(ion.case, everywhere)) for ion in others),
        )
    )


def with_values(case: Json, changes: Mapping[str, Any]) -> Json:
    """A whole case with other values of sliders.

    Parameters
    ----------
    changes
        Some of the keys of :func:`shown`; with ``transfer`` True, all keys of charge transfer.
    """
    case, before = dict(case), shown(case)
    steps = {
        key: value - before[key]
        for key, value in changes.items()
        if isinstance(before.get(key), float | int) and not isinstance(value, bool)
    }
    for key in ("fwhm_gauss_ev", "temperature_k", "polarization"):
        case[key] = changes.get(key, case[key])
    if "exchange" in changes:
        case["exchange_field_ev"] = [*case["exchange_field_ev"][:2], changes["exchange"]]
    if "l3" in changes or "l2" in changes:
        case["hwhm_ev"] = {key: changes.get(key, before[key]) for key in ("l3", "l2")}
    if "slater_scale" in changes:
        _scale(case, changes["slater_scale"], before["slater_scale"])
    _transfer(case, changes, steps)
    _field(case, changes, steps)
    return case


def _scale(case: Json, to: float, before: float) -> None:
    for state in ("initial", "final"):
        if before > 0:
            case[state] = {
                key: value * (to / before if key in _SLATER else 1.0)
                for key, value in case[state].items()
            }
        else:  # nothing to scale: the free ion's
            case[state] = {k: v for k, v in case[state].items() if k not in _SLATER}
    case["slater_scale"] = to if before <= 0 else case["slater_scale"] * to / before


def _field(case: Json, changes: Mapping[str, Any], steps: Mapping[str, float]) -> None:
    names = ("ten_dq", "ds", "dt")
    if not any(name in changes for name in names):
        return
    step = sum(
        steps.get(name, 0.0) * part for name, part in zip(names, (_CUBIC, _DS, _DT), strict=True)
    )
    field = case["crystal_field"]
    if "matrix" in field:
        case["crystal_field"] = {"matrix": (np.array(field["matrix"]) + step).tolist()}
    else:
        case["crystal_field"] = field | {name: changes[name] for name in names if name in changes}
    if final := case.get("final_field"):
        moved = np.array(final["crystal_field"]) + step
        case["final_field"] = final | {"crystal_field": moved.tolist()}


def _transfer(case: Json, changes: Mapping[str, Any], steps: Mapping[str, float]) -> None:
    transfer = case["charge_transfer"]
    wanted = changes.get("transfer", transfer is not None)
    if wanted != (transfer is not None):
        # With ligands other shells hold electrons: what was zero for want of any is the ion's now.
        for state in ("initial", "final"):
            case[state] = {key: value for key, value in case[state].items() if value}
    if not wanted and transfer is None:
        return
    if not wanted:
        case["charge_transfer"] = None
        case.pop("back_donation", None)
        if final := case.get("final_field"):
            case["final_field"] = {"crystal_field": final["crystal_field"]}
        return
    given = {key: changes[key] for key in _TRANSFER if key in changes}
    if transfer is None and (case.get("back_donation") or {}).get("share") is not None:
        why = "orbitals are molecular ones, which hold the covalency with filled ligands already"
        raise InputError("transfer", True, why)
    if transfer is None:
        case["charge_transfer"] = given
        if final := case.get("final_field"):
            v = given["v_eg"] * _EG + given["v_t2g"] * _T2G
            ligand = np.zeros((5, 5)).tolist()
            case["final_field"] = final | {"v": v.tolist(), "ligand": ligand}
        return
    step = steps.get("v_eg", 0.0) * _EG + steps.get("v_t2g", 0.0) * _T2G
    if "v" in transfer:
        given = {k: v for k, v in given.items() if k not in ("v_eg", "v_t2g")}
        given["v"] = (np.array(transfer["v"]) + step).tolist()
    case["charge_transfer"] = transfer | given
    if final := case.get("final_field"):
        case["final_field"] = final | {"v": (np.array(final["v"]) + step).tolist()}


def solve(opened: Opened) -> Json:
    """The engine's answer for what is opened, the sum where it is several ions.

    Raises
    ------
    InputError, ConvergenceError, BusyError
        As :func:`spectradb.services.calculations.solve_now.solve_now`.
    """
    results = [solve_now(ion.case) for ion in opened.ions]
    if len(results) == 1:
        return results[0]
    parts: list[SiteSpectrum] = [
        around_l3(result, ion.offset_ev) for result, ion in zip(results, opened.ions, strict=True)
    ]
    total = mixed(parts, [ion.weight for ion in opened.ions])
    return total.result | {
        "energy_ev": total.energy_ev,
        "intensity": total.intensity,
        "wall": sum(result["wall"] for result in results),
    }


def stored(opened: Opened, record: Spectrum) -> Json:
    """The answer that is kept of an opened calculation, with the record's curve."""
    row = opened.calculation
    if row is None:
        raise InputError("calculation", None, "is not stored")
    answer: Json = dict(row.results)
    if row.sticks is not None:
        sticks = np.asarray(row.sticks)
        answer["sticks"] = {"energy_ev": sticks[:, 0], "intensity": sticks[:, 1]}
    return answer | {
        "energy_ev": np.asarray(record.energy),
        "intensity": np.asarray(record.intensity),
        "parameters": opened.case,
        "wall": row.seconds,
    }


def _means(matrix: Any) -> tuple[float, float]:
    diagonal = np.real(np.diag(np.array(matrix)))
    return float(diagonal[:2].mean()), float(diagonal[2:].mean())


def _above(matrix: Any) -> float:
    eg, t2g = _means(matrix)
    return eg - t2g
