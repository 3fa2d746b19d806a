"""Asking for analyses of a series, stopping, repeating and removing them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from compute.errors import ComputeError, InputError
from spectradb.models import Series, SeriesAnalysis
from spectradb.services.accounts.quotas import QuotaError
from spectradb.services.accounts.roles import may_contribute
from spectradb.services.queue import jobs
from spectradb.services.series import analyses as service
from spectradb.services.series.spectrum import spectrum_of
from spectradb.services.series.values import Region
from spectradb.services.series.writing import Asked
from spectradb.views.accounts.signed_in import login_required
from spectradb.views.series.asked import analysis_of, region_of, series_of
from spectradb.views.series.page import page
from spectradb.words import in_words

if TYPE_CHECKING:
    from django.contrib.auth.models import User

_REFERENCE = re.compile(r"@[\d*,\-]+|\S+")
_FREE = ("shift", "width")
_SECONDS, _DEGREES = "is a number of seconds, such as 1e-6", "is a number of degrees, such as 45"
_CORRECTIONS = (
    "dead_tau", "dead_per", "spikes", "i0", "drift", "calibrate", "power_low", "power_high",
    "low_loss", "formula", "angle_in", "angle_out", "bin",
)  # fmt: skip


@login_required
@require_POST
def analyse(request: HttpRequest, pk: int) -> HttpResponse:
    """Queue what the form asks for; refused, the page comes back with the form as it was."""
    row = series_of(request, pk)
    if not may_contribute(request.user):
        raise PermissionDenied(gettext("Only contributors ask for analyses."))
    user = cast("User", request.user)
    try:
        made = service.request_analysis(row, _asked(request.POST, row, user), user)
    except (ComputeError, QuotaError) as error:
        return page(request, row, _given(request.POST), in_words(error))
    messages.success(request, gettext("Queued: analysis %d.") % made.pk)
    return redirect(f"{reverse('series', args=[pk])}#analyses")


@login_required
@require_POST
def act(request: HttpRequest, pk: int, analysis_pk: int) -> HttpResponse:
    """Cancel, retry or remove an analysis (who asked for it, and curators)."""
    row = analysis_of(request, pk, analysis_pk, done=False)
    if not service.may_change(row, request.user):
        raise PermissionDenied(gettext("Only who asked for an analysis changes it."))
    do = request.POST.get("do", "")
    if do == "cancel" and service.cancel(row):
        messages.success(request, gettext("Cancelled."))
    elif do == "retry" and jobs.retry(SeriesAnalysis.objects.filter(pk=row.pk)):
        messages.success(request, gettext("Queued again."))
    elif do == "remove" and not row.is_open:
        service.discard([row])
        messages.success(request, gettext("Removed."))
    return redirect(f"{reverse('series', args=[pk])}#analyses")


@login_required
@require_POST
def make_spectrum(request: HttpRequest, pk: int) -> HttpResponse:
    """The region ``at`` as a draft of this person's, with its page."""
    row = series_of(request, pk)
    if not may_contribute(request.user):
        raise PermissionDenied(gettext("Only contributors keep spectra."))
    region = region_of(request.POST.get("at", ""), row)
    try:
        made = spectrum_of(row, region.cut, contributor=cast("User", request.user))
    except ComputeError as error:
        return page(request, row, error=in_words(error))
    messages.success(request, gettext("Kept as SDB-%d.") % made.pk)
    return redirect("spectrum", made.pk)


def _asked(post: QueryDict, row: Series, user: User) -> Asked:
    """Only what the chosen method takes. A region as a reference becomes a draft of this person.

    Raises
    ------
    InputError
        Naming the field that cannot be read.
    """
    method = post.get("method", "")
    uses_references = method in ("references", "mcr")
    windows: list[tuple[float, float]] = []
    if method == "parameters":
        for k in (1, 2):
            low, high = post.get(f"low{k}", "").strip(), post.get(f"high{k}", "").strip()
            if low or high:
                windows.append((_number("window", low), _number("window", high)))
    components = post.get("components", "").strip() if method in ("nmf", "mcr") else ""
    if components and not (components.isdecimal() and len(components) < 4):
        raise InputError("components", components, "is a whole number")
    noise = post.get("noise") or None
    smooth = "none" if method == "library" and not post.get("smooth") else "alike"
    return Asked(
        method,
        references=_references(post.get("references", ""), row, user) if uses_references else (),
        components=int(components) if components else None,
        free=tuple(one for one in _FREE if one in post.getlist("free"))
        if method == "references" else (),
        noise=noise if noise in ("poisson", "gaussian") else None,
        quantities=tuple(post.getlist("quantity")) if method == "parameters" else (),
        windows=tuple(windows),
        corrections=tuple(_corrections(post)),
        select=method == "references" and post.get("select") == "1",
        smooth=smooth,
    )  # fmt: skip


def _corrections(post: QueryDict) -> Iterator[tuple[str, Any]]:
    """Those of the form, in the order of their work."""
    given = {name: post.get(name, "").strip() for name in _CORRECTIONS}
    if given["dead_tau"] or given["dead_per"]:
        pair = [_number("dead_time", given[name], _SECONDS) for name in ("dead_tau", "dead_per")]
        yield "dead_time", tuple(pair)
    if given["spikes"]:
        yield "spikes", _number("spikes", given["spikes"], "is a number, such as 8")
    if post.get("dead"):
        yield "dead", True
    if given["i0"]:
        yield "i0", _series_number(given["i0"])
    if given["drift"]:
        yield "drift", "self" if given["drift"] == "self" else _series_number(given["drift"])
    if given["calibrate"]:
        yield "calibrate", _number("calibrate", given["calibrate"])
    if given["power_low"] or given["power_high"]:
        window = [_number("power_law", given[name]) for name in ("power_low", "power_high")]
        yield "power_law", tuple(window)
    if given["low_loss"]:
        yield "low_loss", given["low_loss"].upper().removeprefix("SDB-")
    if given["formula"]:
        angles = [given[name] or "45" for name in ("angle_in", "angle_out")]
        degrees = [_number("angle", one, _DEGREES) for one in angles]
        yield "over_absorption", (given["formula"], *degrees)
    if given["bin"]:
        if not (given["bin"].isdecimal() and len(given["bin"]) < 6):
            raise InputError("bin", given["bin"], "is a whole number of channels")
        yield "bin", int(given["bin"])


def _series_number(text: str) -> str:
    return text.upper().removeprefix("SDB-M")


def _references(text: str, row: Series, user: User) -> tuple[str, ...]:
    """Numbers (``12``, ``SDB-12``) and regions of the series itself (``@3,5-8``)."""
    found = []
    for word in _REFERENCE.findall(text.replace(";", " ")):
        if word.startswith("@"):
            region = Region.parse(word[1:].rstrip(","), row)
            found.append(str(spectrum_of(row, region.cut, contributor=user).pk))
            continue
        for part in word.split(","):
            number = part.strip().upper().removeprefix("SDB-")
            if number:
                found.append(number)
    return tuple(dict.fromkeys(found))


def _number(field: str, text: str, wanted: str = "is a number in eV, such as 706.5") -> float:
    try:
        value = float(text)
    except ValueError:
        raise InputError(field, text, wanted) from None
    if not abs(value) < 1e6:
        raise InputError(field, text, wanted)
    return value


def _given(post: QueryDict) -> dict[str, Any]:
    """The form's own words, to be shown again."""
    names = ("method", "references", "components", "noise", "low1", "high1", "low2", "high2")
    found: dict[str, Any] = {name: post.get(name, "") for name in names}
    found |= {name: post.get(name, "") for name in (*_CORRECTIONS, "dead", "select", "smooth")}
    return found | {"free": post.getlist("free"), "quantity": post.getlist("quantity")}
