"""The Multiplet page: sliders in, the library's own engine, a spectrum out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_POST

from compute.atom import hartree_fock_share
from compute.errors import ConvergenceError, InputError
from compute.ions import d_electrons
from compute.l23.ground_state import spin_label
from spectradb.models import Calculation
from spectradb.plots import Curve, Figure, Marker, Sticks, nice_range
from spectradb.services.accounts.roles import may_contribute
from spectradb.services.calculations.explicit import queue_case
from spectradb.services.calculations.solve_now import BusyError, solve_now
from spectradb.services.search.nearest import nearest_to_curve
from spectradb.throttle import throttled
from spectradb.views.calculations.levels import levels_of, spin_words
from spectradb.views.spectra.figures import Plot
from spectradb.views.spectra.provenance import cubic_means, cubic_part, multiplet_parameters

_CHARGES = {
    "Sc": (3,), "Ti": (3, 4), "V": (3, 4, 5), "Cr": (3, 6), "Mn": (2, 3, 4), "Fe": (2, 3),
    "Co": (2, 3), "Ni": (2, 3), "Cu": (2,),
}  # fmt: skip
IONS = tuple((symbol, charge) for symbol, charges in _CHARGES.items() for charge in charges)


@dataclass(frozen=True)
class Slider:
    """One number of the page: field name, symbol in the plots' markup, range, default."""

    name: str
    symbol: str
    low: float
    high: float
    step: float
    default: float
    group: str
    unit: str = "eV"


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
POLARIZATIONS = ("isotropic", "x", "y", "z", "plus", "minus")


def _too_many(request: HttpRequest, seconds: int) -> HttpResponse:
    text = gettext("Too many questions from here; the next one in %(n)d s.") % {"n": seconds}
    return JsonResponse({"error": text}, status=429)


@require_GET
@throttled("compute", _too_many)
def multiplet(request: HttpRequest) -> HttpResponse:
    """The page, with the spectrum of its address already drawn."""
    get = _from_calculation(request) or request.GET
    chosen = _chosen(get)
    answer = _answer(chosen)
    return render(
        request,
        "calculations/multiplet.html",
        {
            "ions": [(f"{s}{c}", s, c, d_electrons(s, c)) for s, c in IONS],
            "groups": [_group(name, chosen) for name in ("field", "transfer", "atom", "more")],
            "chosen": chosen,
            "polarizations": POLARIZATIONS,
            "answer": answer,
            "plot": answer.get("plot"),
            "may_compute": may_contribute(request.user),
            "case_json": json.dumps(answer.get("case", {}), indent=1),
        },
        status=answer.get("status", 200),
    )


@require_GET
@throttled("compute", _too_many)
def answer(request: HttpRequest) -> JsonResponse:
    """The same for the page's script: figure and the texts around it."""
    chosen = _chosen(request.GET)
    found = _answer(chosen)
    if "error" in found:
        return JsonResponse({"error": found["error"]}, status=found["status"])
    context = {"answer": found, "chosen": chosen}
    return JsonResponse(
        {
            "figure": found["plot"].data,
            "status": render_to_string("calculations/_status.html", context, request),
            "tiles": render_to_string("calculations/_tiles.html", context, request),
            "side": render_to_string("calculations/_side.html", context, request),
            "case": found["case"],
        }
    )


def _chosen(get: QueryDict | dict[str, str]) -> dict[str, Any]:
    """Every field of the page with its value or default; a bad number is kept as an error."""
    ion = get.get("ion") or ""
    element, charge = get.get("element") or "", get.get("charge") or ""
    if ion and not element:
        element, charge = (
            ion.rstrip("0123456789"),
            ion.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"),
        )
    if element not in _CHARGES:
        element, charge = "Ni", "2"
    charges = _CHARGES[element]
    number = int(charge) if charge.isdecimal() and int(charge) in charges else charges[0]
    chosen: dict[str, Any] = {
        "element": element,
        "charge": number,
        "ion": f"{element}{number}",
        "n_d": d_electrons(element, number),
        "transfer": get.get("transfer") == "1",
        "configurations": 3 if get.get("configurations") == "3" else 2,
        "polarization": get.get("polarization")
        if get.get("polarization") in POLARIZATIONS
        else "isotropic",
        "errors": {},
    }
    for slider in SLIDERS:
        text = (get.get(slider.name) or "").strip()
        try:
            value = float(text) if text else slider.default
            if not np.isfinite(value):
                raise ValueError
        except ValueError:
            chosen["errors"][slider.name] = gettext(
                "%(name)s is %(text)s; write a number with a point, such as 1.1."
            ) % {"name": slider.name, "text": repr(text)}
            value = slider.default
        chosen[slider.name] = value
    return chosen


def case_of(chosen: dict[str, Any]) -> dict[str, Any]:
    """The page's fields as CASE.json."""
    case: dict[str, Any] = {
        "element": chosen["element"],
        "charge": chosen["charge"],
        "slater_scale": chosen["slater_scale"],
        "crystal_field": {key: chosen[key] for key in ("ten_dq", "ds", "dt")},
        "temperature_k": chosen["temperature_k"],
        "polarization": chosen["polarization"],
        "hwhm_ev": {"l3": chosen["l3"], "l2": chosen["l2"]},
        "fwhm_gauss_ev": chosen["fwhm_gauss_ev"],
    }
    if chosen["exchange"]:
        case["exchange_field_ev"] = [0.0, 0.0, chosen["exchange"]]
    if chosen["transfer"]:
        case["charge_transfer"] = {
            key: chosen[key] for key in ("delta", "u_dd", "u_pd", "v_eg", "v_t2g")
        } | {"configurations": chosen["configurations"]}
    return case


def _answer(chosen: dict[str, Any]) -> dict[str, Any]:
    """What the engine says, or why it says nothing and with which status."""
    if chosen["errors"]:
        return {"error": " ".join(chosen["errors"].values()), "status": 400}
    case = case_of(chosen)
    try:
        result = solve_now(case)
    except BusyError as error:
        return {"error": str(error), "case": case, "status": 503}
    except (InputError, ConvergenceError) as error:
        return {"error": str(error), "case": case, "status": 400}
    figure, at = _figure(result)
    used = result["parameters"]
    return {
        "case": case,
        "result": result,
        "seconds": result["wall"],
        "plot": Plot("plot", figure, gettext("Computed L2,3 spectrum")),
        "peak_at": at,
        "levels": levels_of(result, used),
        "spin": spin_words(spin_label(used["n_d"], result["expectation"]["S2"])),
        "parameters": multiplet_parameters(used),
        "sum_rule": _sum_rule(result),
        "nearest": nearest_to_curve(
            chosen["element"], np.asarray(result["energy_ev"]), np.asarray(result["intensity"])
        ),
    }


def _figure(result: dict[str, Any]) -> tuple[Figure, float]:
    """The spectrum to its own peak, energy counted from the strongest line."""
    energy, intensity = np.asarray(result["energy_ev"]), np.asarray(result["intensity"])
    top = float(intensity.max()) or 1.0
    at = float(energy[int(np.argmax(intensity))])
    split = 1.5 * float(result["parameters"]["final"]["zeta_2p"])
    x = energy - at
    low, high = max(float(x[0]), -6.0), min(float(x[-1]), split + 8.0)
    words = gettext("Now")
    figure = Figure(
        gettext("Energy from the strongest line (eV)"),
        gettext("Intensity (peak = 1)"),
        (low, high),
        nice_range(0.0, 1.0, margin=0.08),
        [Curve(words, x, intensity / top, "theory", "s1", key=words)],
        x_full=(float(x[0]), float(x[-1])),
        markers=[Marker(0.0, "L_{3}"), Marker(split, "L_{2}")],
    )
    sticks = result.get("sticks")
    if sticks is not None:
        figure.sticks = Sticks(
            np.asarray(sticks["energy_ev"]) - at, sticks["intensity"], key=gettext("Sticks")
        )
    return figure, at


def _sum_rule(result: dict[str, Any]) -> str:
    """How far the integral is from (4/3)·n_h/10, relative."""
    holes, total = result.get("mean_d_holes"), result.get("total_intensity")
    if not holes or not total or result["parameters"]["polarization"] != "isotropic":
        return ""
    off = abs(total / (4 / 3 * holes / 10) - 1)
    if off < 1e-15:
        return gettext("sum rule met exactly")
    power = int(np.floor(np.log10(off)))
    return gettext("sum rule met to %s") % f"{off / 10.0**power:.0f} × 10^{{−{-power}}}"


def _group(name: str, chosen: dict[str, Any]) -> dict[str, Any]:
    titles = {
        "field": gettext("Crystal field"),
        "transfer": gettext("Charge transfer"),
        "atom": gettext("Atom and broadening"),
        "more": gettext("Temperature, field, polarisation"),
    }
    sliders = [
        {
            "s": slider,
            "value": f"{chosen[slider.name]:g}",
            "error": chosen["errors"].get(slider.name, ""),
        }
        for slider in SLIDERS
        if slider.group == name
    ]
    return {"name": name, "title": titles[name], "sliders": sliders}


def _from_calculation(request: HttpRequest) -> dict[str, str] | None:
    """The fields of a stored calculation, matrices as cubic means: a spectrum opens here."""
    pk = request.GET.get("calculation", "")
    if not pk.isdecimal():
        return None
    seen = Calculation.objects.visible_to(request.user)
    row = seen.filter(pk=int(pk), edge="L23").only("parameters").first()
    if row is None or row.parameters.get("element") not in _CHARGES:
        return None
    p = row.parameters
    widths = p.get("hwhm_ev") or {}
    if not isinstance(widths, dict):
        widths = {"l3": widths, "l2": widths}
    scale, final = p.get("slater_scale"), p.get("final") or {}
    if "G1pd" in final:  # a route may have scaled them otherwise
        scale = round(hartree_fock_share(p["element"], p["charge"], p.get("n_d"), final), 3)
    values: dict[str, Any] = {
        "element": p["element"], "charge": p.get("charge"), "slater_scale": scale,
        "temperature_k": p.get("temperature_k"), "polarization": p.get("polarization"),
        "fwhm_gauss_ev": p.get("fwhm_gauss_ev"), "l3": widths.get("l3"), "l2": widths.get("l2"),
    }  # fmt: skip
    field = p.get("crystal_field") or {}
    values |= {k: v for k, v in field.items() if k != "matrix"}
    if "matrix" in field:
        values["ten_dq"] = round(cubic_part(field["matrix"]), 3)
    if transfer := p.get("charge_transfer"):
        values |= {k: v for k, v in transfer.items() if not isinstance(v, list)}
        values["transfer"] = "1"
        if "v" in transfer:
            means = cubic_means(transfer["v"])
            values["v_eg"], values["v_t2g"] = (round(mean, 3) for mean in means)
    return {
        k: f"{v:.6g}" if isinstance(v, float) else str(v)
        for k, v in values.items()
        if v is not None
    }


@permission_required("spectradb.add_calculation", raise_exception=True)
@require_POST
def save(request: HttpRequest) -> HttpResponse:
    """Queue the page's case; its spectrum becomes a draft of the person who asked."""
    chosen = _chosen(request.POST)
    if chosen["errors"]:
        raise BadRequest(" ".join(chosen["errors"].values()))
    assert request.user.is_authenticated  # by the decorator; for the type checker
    try:
        row, _new = queue_case(case_of(chosen), request.user)
    except InputError as error:
        raise BadRequest(str(error)) from error
    return redirect("job", row.pk)
