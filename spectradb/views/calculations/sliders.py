"""The Multiplet page's fields: what an address or a form says, over what was opened."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from django.http import Http404, QueryDict
from django.utils.translation import gettext

from compute.atom import charges
from compute.errors import InputError
from compute.ions import ELEMENTS_3D, d_electrons
from compute.multiplet.bounds import BOUNDS
from spectradb.models import Calculation
from spectradb.services.calculations.opened import (
    Opened,
    changed,
    open_calculation,
    open_case,
    shown,
    unpack,
)
from spectradb.words import in_words

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

POLARIZATIONS = ("isotropic", "x", "y", "z", "plus", "minus")

USUAL = {
    "Sc": 3, "Ti": 4, "V": 3, "Cr": 3, "Mn": 2, "Fe": 3, "Co": 2, "Ni": 2, "Cu": 2,
}  # fmt: skip
"""The charge at which an element opens of which only the name is asked."""


@dataclass(frozen=True)
class Slider:
    """One number of the page: field name, symbol in the plots' markup, range, default.

    ``least`` and ``most``, those of a case, bound what may be typed; the slider itself is shorter.
    """

    name: str
    symbol: str
    low: float
    high: float
    step: float
    default: float
    group: str
    unit: str = "eV"

    @property
    def least(self) -> float:
        return BOUNDS[_KEYS.get(self.name, self.name)][0]

    @property
    def most(self) -> float:
        return BOUNDS[_KEYS.get(self.name, self.name)][1]


_KEYS = {"exchange": "exchange_field_ev"}  # what a case calls a field of the page


SLIDERS = (
    Slider("ten_dq", "10Dq", -2.0, 4.0, 0.02, 1.1, "field"),
    Slider("ds", "Ds", -1.0, 1.0, 0.01, 0.0, "field"),
    Slider("dt", "Dt", -0.5, 0.5, 0.01, 0.0, "field"),
    Slider("delta", "Δ", -5.0, 12.0, 0.1, 4.7, "transfer"),
    Slider("u_dd", "U_{dd}", 0.0, 12.0, 0.1, 7.3, "transfer"),
    Slider("u_pd", "U_{pd}", 0.0, 14.0, 0.1, 8.5, "transfer"),
    Slider("v_eg", "V_{eg}", 0.0, 4.0, 0.02, 2.06, "transfer"),
    Slider("v_t2g", "V_{t2g}", 0.0, 3.0, 0.02, 1.21, "transfer"),
    Slider("slater_scale", "Slater", 0.3, 1.2, 0.01, 0.8, "atom", "× Hartree–Fock"),
    Slider("l3", "HWHM L_{3}", 0.05, 1.5, 0.01, 0.2, "atom"),
    Slider("l2", "HWHM L_{2}", 0.05, 1.5, 0.01, 0.4, "atom"),
    Slider("fwhm_gauss_ev", "Gaussian FWHM", 0.0, 1.5, 0.01, 0.0, "more"),
    Slider("temperature_k", "T", 0.0, 1000.0, 5.0, 300.0, "more", "K"),
    Slider("exchange", "B_{z}", -0.3, 0.3, 0.005, 0.0, "more"),
)


@cache
def ions() -> tuple[tuple[str, tuple[tuple[str, int, int], ...]], ...]:
    """Every ion that the engine can do, by element: key, charge, 3d electrons."""
    found = []
    for element in ELEMENTS_3D:
        able = [(c, d_electrons(element, c)) for c in charges(element) if c > 0]
        listed = tuple((f"{element}{c}", c, n) for c, n in able if n is not None and n < 10)
        found.append((element, listed))
    return tuple(found)


@dataclass
class Chosen:
    """What the page's fields say.

    Attributes
    ----------
    opened : Opened
        What is to be computed, changes included.
    values : mapping
        Of every field, for the page.
    given : mapping of str
        Text of every field as it is without changes; the page's script leaves those out.
    word : str
        The case of the address, where a file was loaded.
    errors : mapping
        Words by field.
    changed : bool
        Whether a field says something else than what was opened.
    """

    opened: Opened
    values: dict[str, Any]
    given: dict[str, str]
    word: str = ""
    errors: dict[str, str] = field(default_factory=dict)
    changed: bool = False
    base: Opened | None = None

    @property
    def case(self) -> dict[str, Any]:
        return self.opened.case

    @property
    def calculation(self) -> Calculation | None:
        """The stored calculation that was opened."""
        return None if self.base is None else self.base.calculation


def chosen(get: QueryDict | Mapping[str, str], user: User | AnonymousUser) -> Chosen:
    """Every field with its value, what was opened before its default.

    Raises
    ------
    Http404
        If no such calculation is there for this person.
    """
    errors: dict[str, str] = {}
    base: Opened | None = None
    word = get.get("case") or ""
    try:
        base = _opened(get, user, word)
        element, charge = _ion(get, base)
    except InputError as error:
        errors["ion"] = in_words(error)
        base, element, charge, word = None, "Ni", 2, ""
    if base is not None and (base.case["element"], base.case["charge"]) != (element, charge):
        base, word = None, ""  # another ion: nothing of what was opened is its own
    first = base or open_case({"element": element, "charge": charge} | _start())
    shows = _shown(first)
    values = dict(shows)
    changes: dict[str, Any] = {}
    for slider in SLIDERS:
        text = (get.get(slider.name) or "").strip()
        if not text or text == text_of(shows[slider.name]):
            continue
        try:
            values[slider.name] = changes[slider.name] = _number(slider, text)
        except ValueError as error:
            errors[slider.name] = in_words(error)
    for name, allowed in (("transfer", ("0", "1")), ("polarization", POLARIZATIONS)):
        text = get.get(name) or ""
        if text in allowed and text != text_of(shows[name]):
            values[name] = changes[name] = text == "1" if name == "transfer" else text
    count = get.get("configurations") or ""
    if count.isdecimal() and int(count[:3]) != shows["configurations"]:
        values["configurations"] = changes["configurations"] = int(count[:3])
    _only_used(changes, values, first)
    opened = first
    if changes and not errors:
        try:
            opened = changed(first, changes)
        except InputError as error:
            errors["ion"] = in_words(error)
    values |= {
        "element": element, "charge": charge, "ion": f"{element}{charge}",
        "n_d": first.case["n_d"],
    }  # fmt: skip
    given = {name: text_of(value) for name, value in shows.items()}
    return Chosen(opened, values, given, word, errors, bool(changes), base)


def _opened(get: Mapping[str, str], user: User | AnonymousUser, word: str) -> Opened | None:
    if word:
        return unpack(word)
    number = get.get("calculation") or ""
    if not number:
        return None
    seen = Calculation.objects.visible_to(user).select_related("structure", "site")
    row = seen.filter(pk=int(number[:18])).first() if number.isdecimal() else None
    if row is None:
        raise Http404
    return open_calculation(row)


def _ion(get: Mapping[str, str], base: Opened | None) -> tuple[str, int]:
    """Element and charge: asked for, or of what was opened, or Ni2+; raises InputError."""
    asked = (get.get("ion") or "").strip()
    if not asked and (element := get.get("element")):
        asked = f"{element}{get.get('charge') or USUAL.get(element, '')}"
    if not asked:
        return (base.case["element"], base.case["charge"]) if base is not None else ("Ni", 2)
    for element, listed in ions():
        for key, charge, _n in listed:
            if asked in (key, f"{element}{charge}+"):
                return element, charge
    raise InputError("ion", asked, "is none that the engine can do; choose one of the list")


def _start() -> dict[str, Any]:
    """Where the sliders of a fresh page stand."""
    at = {slider.name: slider.default for slider in SLIDERS}
    return {
        "crystal_field": {key: at[key] for key in ("ten_dq", "ds", "dt")},
        "hwhm_ev": {"l3": at["l3"], "l2": at["l2"]},
    }


def _shown(opened: Opened) -> dict[str, Any]:
    """Values of all fields; charge transfer by its defaults where there is none."""
    at: dict[str, Any] = {slider.name: slider.default for slider in SLIDERS}
    most = 11 - opened.case["n_d"]
    return at | {"configurations": min(2, most)} | shown(opened.case)


def _only_used(changes: dict[str, Any], values: dict[str, Any], first: Opened) -> None:
    """Charge transfer's values count where it is on, and all of them where it is switched on."""
    transfer = ("delta", "u_dd", "u_pd", "v_eg", "v_t2g", "configurations")
    if not values["transfer"]:
        for name in transfer:
            changes.pop(name, None)
    elif first.case["charge_transfer"] is None:
        changes.update({name: values[name] for name in transfer})


def _number(slider: Slider, text: str) -> float:
    told = {"name": slider.symbol.replace("_{", "").replace("}", ""), "text": text[:40]}
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        words = gettext("%(name)s is “%(text)s”; write a number with a point, such as 1.1.")
        raise ValueError(words % told)
    if not slider.least <= value <= slider.most:
        words = gettext("%(name)s is %(text)s; it can be %(low)s to %(high)s %(unit)s")
        bounds = {"low": f"{slider.least:g}", "high": f"{slider.most:g}", "unit": slider.unit}
        raise ValueError((words % (told | bounds)).replace("-", "−"))
    return value


def text_of(value: Any) -> str:
    """A field's text; numbers to six figures, as the page shows them."""
    if isinstance(value, bool):
        return "1" if value else "0"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def kept(opened: Opened) -> list[str]:
    """In words, what of a case no slider shows, and so stays as it is."""
    case = opened.case
    transfer, final = case["charge_transfer"] or {}, case.get("final_field") or {}
    told = []
    if "matrix" in case["crystal_field"]:
        told.append(
            gettext(
                "the crystal field’s full 5 × 5 matrix: 10Dq moves its cubic part, Ds and Dt add"
            )
        )
    if "v" in transfer:
        told.append(gettext("the 5 × 5 matrix of hoppings: V moves its means"))
    if any(any(row) for row in transfer.get("ligand", [])):
        told.append(gettext("the energies of the ligand orbitals"))
    if back := case.get("back_donation"):
        told.append(
            gettext("an electron of 3d in empty ligand orbitals, %s eV above")
            % f"{back['delta']:g}"
        )
    if final:
        told.append(gettext("the fields beside the core hole, which move along"))
    if _own_integrals(case):
        told.append(gettext("Slater integrals that are no one share of the free ion’s"))
    for key in ("hwhm_growth", "hwhm_rise"):
        if (growth := case.get(key)) and growth["per_ev"]:
            told.append(
                gettext("line widths that grow by %(n)s eV an eV") % {"n": f"{growth['per_ev']:g}"}
            )
    if (rise := case.get("hwhm_rise")) and rise["per_ev"]:
        told.append(gettext("line widths that rise by %s eV an eV") % f"{rise['per_ev']:g}")
    if case.get("fano_q") is not None:
        told.append(gettext("the Fano asymmetry, q = %s") % f"{case['fano_q']:g}")
    if any(case["exchange_field_ev"][:2]):
        x, y = (f"{value:g}" for value in case["exchange_field_ev"][:2])
        told.append(
            gettext("the exchange field along x and y, %(x)s and %(y)s eV") % {"x": x, "y": y}
        )
    if case["n_d"] != d_electrons(case["element"], case["charge"]):
        told.append(gettext("%(n)d electrons in 3d, the others in 4s") % {"n": case["n_d"]})
    if case["method"] != "auto":
        told.append(gettext("the solver, %s") % case["method"])
    if opened.partly:
        told.append(gettext("the other ion of this site, shown until a slider is moved"))
    for ion in opened.ions[1:]:
        told.append(
            gettext("%(share)s %% of %(ion)s beside: the sliders move the other ion")
            % {
                "share": f"{100 * ion.weight:.3g}",
                "ion": f"{ion.case['element']}^{{{ion.case['charge']}+}}",
            }
        )
    return told


def _own_integrals(case: dict[str, Any]) -> bool:
    """Whether a CASE.json of the shown values would have other integrals."""
    same = {key: case[key] for key in ("element", "charge", "n_d")}
    same |= {
        "slater_scale": shown(case)["slater_scale"],
        "charge_transfer": case["charge_transfer"],
    }
    plain = open_case(same).case
    return any(
        abs(value - plain[state][key]) > 1e-6 * max(1.0, abs(value))
        for state in ("initial", "final")
        for key, value in case[state].items()
    )
