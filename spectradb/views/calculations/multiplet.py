"""The Multiplet page: sliders in, the library's own engine, a spectrum out."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import numpy as np
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from compute.errors import ConvergenceError, InputError
from compute.l23.ground_state import spin_label
from compute.l23.lineshape import TABLE, Shape
from compute.multiplet.case import parse_case
from spectradb.models import Spectrum
from spectradb.plots import Curve, Figure, Marker, Sticks, nice_range
from spectradb.services.accounts.roles import may_contribute
from spectradb.services.calculations.explicit import queue_case
from spectradb.services.calculations.opened import open_text, pack, solve, stored
from spectradb.services.calculations.solve_now import BusyError
from spectradb.services.search.nearest import nearest_to_curve
from spectradb.throttle import throttled
from spectradb.views.calculations.levels import levels_of, spin_words
from spectradb.views.calculations.measured import lay_under
from spectradb.views.calculations.sliders import (
    POLARIZATIONS,
    SLIDERS,
    Chosen,
    chosen,
    ions,
    kept,
    text_of,
)
from spectradb.views.site.brought import find_file, gone
from spectradb.views.spectra.figures import Plot
from spectradb.views.spectra.provenance import multiplet_parameters
from spectradb.words import in_words

_MAX_FILE = 1_000_000  # bytes of a request with a CASE.json
_MAX_ADDRESS = 3_500  # characters; servers take 4,094 in a request line


def _too_many(request: HttpRequest, seconds: int) -> HttpResponse:
    text = gettext("Too many questions from here; the next one in %(n)d s.") % {"n": seconds}
    return JsonResponse({"error": text}, status=429)


@require_safe
@throttled("compute", _too_many)
def multiplet(request: HttpRequest) -> HttpResponse:
    """The page, with the spectrum of its address already drawn."""
    found = chosen(request.GET, request.user)
    answer = _answer(found, request)
    return render(
        request,
        "calculations/multiplet.html",
        {
            "ions": ions(),
            "groups": [_group(name, found) for name in ("field", "transfer", "atom", "more")],
            "chosen": found,
            "counts": _counts(found),
            "polarizations": POLARIZATIONS,
            "answer": answer,
            "plot": answer.get("plot"),
            "may_compute": may_contribute(request.user),
            "kept": kept(found.base) if found.base is not None else [],
            "record": answer.get("record"),
            "case_address": _address("multiplet-case", request),
        },
        status=answer.get("status", 200),
    )


@require_safe
@throttled("compute", _too_many)
def answer(request: HttpRequest) -> JsonResponse:
    """The same for the page's script: figure and the texts around it."""
    found = chosen(request.GET, request.user)
    told = _answer(found, request)
    if "error" in told:
        return JsonResponse({"error": told["error"]}, status=told["status"])
    context = {"answer": told, "chosen": found}
    return JsonResponse(
        {
            "figure": told["plot"].data,
            "file": told["file_told"],
            "status": render_to_string("calculations/_status.html", context, request),
            "tiles": render_to_string("calculations/_tiles.html", context, request),
            "side": render_to_string("calculations/_side.html", context, request),
        }
    )


@require_safe
def case_file(request: HttpRequest) -> HttpResponse:
    """What the page shows as ``CASE.json``, with every value."""
    found = chosen(request.GET, request.user)
    if found.errors:
        raise BadRequest(" ".join(found.errors.values()))
    try:
        parameters = dict(parse_case(found.case).parameters)
    except InputError as error:
        raise BadRequest(in_words(error)) from error
    response = JsonResponse(parameters, json_dumps_params={"indent": 1})
    response["Content-Disposition"] = f'attachment; filename="CASE-{found.values["ion"]}.json"'
    return response


@require_POST
@throttled("compute", _too_many)
def load(request: HttpRequest) -> HttpResponse:
    """The address at which a CASE.json opens; what is wrong with the file in words."""
    file = request.FILES.get("file")
    if file is None or (file.size or 0) > _MAX_FILE:
        error = gettext("Choose a CASE.json of at most 1 MB.")
        return JsonResponse({"error": error}, status=400)
    try:
        opened = open_text(file.read())
    except InputError as problem:
        return JsonResponse({"error": f"{file.name}: {problem}"}, status=400)
    address = f"{reverse('multiplet')}?{urlencode({'case': pack(opened.case)})}"
    if len(address) > _MAX_ADDRESS:
        error = gettext("%(name)s: its matrices hold too many digits for a link.")
        return JsonResponse({"error": error % {"name": file.name}}, status=400)
    return JsonResponse({"address": address})


@permission_required("spectradb.add_calculation", raise_exception=True)
@require_POST
def save(request: HttpRequest) -> HttpResponse:
    """Queue the page's case; its spectrum becomes a draft of the person who asked."""
    found = chosen(request.POST, request.user)
    if found.errors:
        raise BadRequest(" ".join(found.errors.values()))
    if len(found.opened.ions) > 1:
        raise BadRequest(gettext("A site that shares a charge is no single case: it is not saved."))
    assert request.user.is_authenticated  # by the decorator; for the type checker
    try:
        row, _new = queue_case(found.case, request.user)
    except InputError as error:
        raise BadRequest(in_words(error)) from error
    return redirect("job", row.pk)


def _address(name: str, request: HttpRequest) -> str:
    query = request.GET.urlencode()
    return reverse(name) + (f"?{query}" if query else "")


def _answer(found: Chosen, request: HttpRequest) -> dict[str, Any]:
    """What the engine says, or why it says nothing and with which status.

    What is stored is shown as it is stored, whichever version of the engine made it.
    """
    if found.errors:
        return {"error": " ".join(found.errors.values()), "status": 400}
    record = None if found.changed else _record(found, request)
    try:
        result = stored(found.opened, record) if record is not None else solve(found.opened)
    except BusyError as error:
        return {"error": in_words(error), "status": 503}
    except (InputError, ConvergenceError) as error:
        return {"error": in_words(error), "status": 400}
    figure, at = _figure(result)
    asked = request.GET.get("file", "")
    file = find_file(request, asked) if asked else None
    told = (
        lay_under(figure, file, result["parameters"]["element"])
        if file is not None
        else gone()
        if asked
        else ""
    )
    used = result["parameters"]
    return {
        "result": result,
        "record": record,
        "seconds": result["wall"],
        "plot": Plot("plot", figure, gettext("Computed L2,3 spectrum")),
        "peak_at": at,
        "file": file,
        "file_told": told,
        "levels": levels_of(result, used),
        "spin": _spin(result),
        "parameters": multiplet_parameters(used),
        "level_widths": Shape(TABLE).hwhm_ev(used["element"]),
        "sum_rule": _sum_rule(result),
        "nearest": nearest_to_curve(
            used["element"], np.asarray(result["energy_ev"]), np.asarray(result["intensity"])
        ),
    }


def _spin(result: dict[str, Any]) -> str:
    """High, low …; a site that shares a charge has kept it with its ions."""
    s2 = (result.get("expectation") or {}).get("S2")
    label = result.get("spin") or ""
    if not label and s2 is not None and not result.get("mixture"):
        label = spin_label(result["parameters"]["n_d"], float(s2))
    return spin_words(label)


def _record(found: Chosen, request: HttpRequest) -> Spectrum | None:
    """The spectrum of the calculation that was opened, if this person sees one."""
    row = found.calculation
    if row is None:
        return None
    seen = Spectrum.objects.visible_to(request.user).filter(calculation=row)
    return seen.select_related("structure").order_by("-status", "pk").first()


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


def _group(name: str, found: Chosen) -> dict[str, Any]:
    titles = {
        "field": gettext("Crystal field"),
        "transfer": gettext("Charge transfer"),
        "atom": gettext("Atom and broadening"),
        "more": gettext("Temperature, field, polarisation"),
    }
    sliders = [
        {
            "s": slider,
            "value": text_of(found.values[slider.name]),
            "given": found.given[slider.name],
            "error": found.errors.get(slider.name, ""),
        }
        for slider in SLIDERS
        if slider.group == name
    ]
    return {"name": name, "title": titles[name], "sliders": sliders}


def _counts(found: Chosen) -> list[int]:
    """How many configurations can be asked for, and the one that is."""
    most = 11 - int(found.values["n_d"])
    return sorted({*range(2, min(4, most + 1)), found.values["configurations"]})
