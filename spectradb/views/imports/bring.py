"""Bringing a file: read once, kept at hand, and the page of a measured one."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from compute.errors import InputError, ReadError, SkipFile
from compute.io.question import QuestionError
from spectradb.models import Brought, Upload
from spectradb.plots import Curve, Figure, nice_range
from spectradb.services.imports import at_hand
from spectradb.services.imports.questions import keep_open, kept_open, read_named
from spectradb.services.imports.share import DAYS, shares_of
from spectradb.services.imports.uploads import keep, keep_spectrum_file
from spectradb.services.learning.predictions import keep_structure_file
from spectradb.views.imports.notes import notes_of
from spectradb.views.imports.questions import options_of, questions_of
from spectradb.views.imports.upload import FORMATS
from spectradb.views.site.brought import File, address_of, find_file, gone, own, remember
from spectradb.views.site.ended import Ended
from spectradb.views.site.throttle import throttled
from spectradb.views.site.turns import in_turn, status_of
from spectradb.views.spectra.figures import (
    Plot,
    arrays,
    edge_markers,
    energy_label,
    intensity_label,
    shown_range,
    table_edge,
)
from spectradb.words import in_words


@require_http_methods(["GET", "HEAD", "POST"])
@throttled
@in_turn
def bring(request: HttpRequest) -> HttpResponse:
    """One door for what people have: a measured file or a crystal, told apart by content."""
    if request.method != "POST":
        return _door(request)
    if token := request.POST.get("token"):
        return _answered(request, token)
    if token := request.POST.get("file"):
        return _named(request, token)
    file = request.FILES.get("file")
    if file is None:
        return _door(request, gettext("Choose a file."), 400)
    name = file.name or "file"
    if (file.size or 0) > settings.SPECTRUM_MAX_MB * 1e6:
        told = {"name": name, "size": (file.size or 0) / 1e6, "limit": settings.SPECTRUM_MAX_MB}
        words = gettext("%(name)s has %(size).1f MB; a file may have %(limit)d MB.")
        return _door(request, words % told, 413)
    data = file.read()
    crystal = at_hand.structure_name(name, data)
    try:
        if crystal:
            row = keep_structure_file(crystal, data, request.user, predicted=False)
        else:
            row = keep_spectrum_file(name, data, request.user)
    except QuestionError as error:
        if not crystal:
            return ask_columns(request, name, data)
        kept = keep(crystal, data, {}, request.user)
        return _door(request, status=400, question=error, kept=kept)
    except (ReadError, SkipFile, InputError) as error:
        return _door(request, _unread(name, error), status_of(error))
    return _brought(request, row)


def _answered(request: HttpRequest, token: str) -> HttpResponse:
    """The crystal that a question was about, read with the answer."""
    kept = get_object_or_404(Upload, token=token, kind="")
    answer = request.POST.get("space-group", "")
    try:
        data = bytes(kept.data)
        row = keep_structure_file(
            kept.name, data, request.user, space_group=answer, predicted=False
        )
    except QuestionError as error:
        return _door(request, status=400, question=error, kept=kept)
    except (ReadError, InputError) as error:
        return _door(request, _unread(kept.name, error), status_of(error))
    kept.delete()  # it is kept as what it was read as
    return _brought(request, row)


def ask_columns(request: HttpRequest, name: str, data: bytes, then: str = "") -> HttpResponse:
    """The question of a measured file that leaves open what its columns hold; it waits for it."""
    kept = keep_open(name, data, request.user, given={}, options={})
    return _door(request, status=400, waits=kept, then=then)


def _named(request: HttpRequest, token: str) -> HttpResponse:
    """A measured file that waited, read with the columns that its person named."""
    kept = next(iter(kept_open([token], request.user)), None)
    if kept is None:
        return _door(request, gone(), 404)
    try:
        row = read_named(kept, options_of(request, kept), request.user)
    except QuestionError:
        return _door(request, status=400, waits=kept)
    except (ReadError, SkipFile, InputError) as error:
        return _door(request, _unread(kept.name, error), status_of(error), waits=kept)
    return _brought(request, row)


def _brought(request: HttpRequest, row: Upload) -> HttpResponse:
    """To its own page, or back to the page that it was dropped on."""
    remember(request, row)
    if row.kind == Brought.STRUCTURE:
        return redirect("crystal", row.token)
    then = request.POST.get("then", "")
    if then and url_has_allowed_host_and_scheme(then, {request.get_host()}, request.is_secure()):
        joint = "&" if "?" in then else "?"
        return redirect(f"{then}{joint}{urlencode({'file': address_of(row.token)})}")
    return redirect("brought-file", row.token)


def _unread(name: str, error: Exception) -> str:
    words = gettext("Can’t read %(name)s: %(why)s")
    return words % {"name": name, "why": in_words(error).removeprefix(f"{name}: ")}


def _door(
    request: HttpRequest,
    error: str = "",
    status: int = 200,
    *,
    question: QuestionError | None = None,
    kept: Upload | None = None,
    waits: Upload | None = None,
    then: str = "",
) -> HttpResponse:
    asked = question.question if question is not None else None
    context = {
        "error": error,
        "question": asked,
        "answers": [(one.label, *one.options[0]) for one in asked.choices] if asked else [],
        "kept": kept,
        "formats": FORMATS,
        "limit_mb": settings.SPECTRUM_MAX_MB,
        "structure_mb": settings.STRUCTURE_MAX_MB,
        "columns": questions_of([waits]) if waits is not None else [],
        "answer_at": reverse("bring"),
        "then": then or request.POST.get("then") or request.GET.get("then") or "",
    }
    return render(request, "imports/bring.html", context, status=status)


@require_safe
def file(request: HttpRequest, token: str) -> HttpResponse:
    """A measured file at hand: drawn as it is, and where it can go."""
    found = _found(request, token)
    parts = [
        {"address": address_of(token, k), "label": one["label"] or str(k + 1), "told": one}
        for k, one in enumerate(found.upload.told["parts"])
    ]
    context = {
        "own": True,
        "days": DAYS,
        "shares": [
            (one, request.build_absolute_uri(reverse("shared", args=[one.token])))
            for one in shares_of(found.upload)
        ],
        "file": found,
        "spectrum": found.spectrum,
        "told": found.upload.told["parts"][found.part],
        "notes": notes_of(found, own=True),
        "parts": parts,
        "plot": file_plot(found),
    }
    return render(request, "imports/file.html", context)


@require_POST
def say(request: HttpRequest, token: str) -> HttpResponse:
    """State which element and edge a file is of, where it does not say so or is wrong."""
    found = _found(request, token)
    element, edge = (request.POST.get(name, "").strip() for name in ("element", "edge"))
    try:
        at_hand.say_absorber(found.upload, found.part, element, edge)
    except InputError as error:
        messages.error(request, in_words(error))
    return redirect(f"{reverse('brought-file', args=[token])}?part={found.part}")


@require_POST
def forget(request: HttpRequest, token: str) -> HttpResponse:
    """Delete a file of one's own with all answers about it."""
    row = get_object_or_404(own(request), token=token)
    at_hand.forget(row)
    messages.success(request, gettext("%s is deleted, with all answers about it.") % row.name)
    return redirect("home")


def file_plot(file: File) -> Plot:
    """The whole curve as it was measured, begun at its edge."""
    row = file.spectrum
    energy, intensity = arrays(row)
    x_range = shown_range(energy, intensity, table_edge(row))
    inside = (energy >= x_range[0]) & (energy <= x_range[1])
    shown = intensity[inside] if inside.sum() > 1 else intensity
    figure = Figure(
        energy_label(row),
        intensity_label(row, "raw"),
        x_range,
        nice_range(float(shown.min()), float(shown.max())),
        [Curve(file.name, energy, intensity, "experiment", "ink", key=file.name)],
        markers=edge_markers(row.absorber, row.edge, x_range),
        x_full=(float(energy[0]), float(energy[-1])),
    )
    return Plot("plot", figure, gettext("%s as measured") % file.name)


def _found(request: HttpRequest, token: str) -> File:
    part: Any = request.GET.get("part") or request.POST.get("part") or "0"
    found = find_file(request, f"{token}:{part}")
    if found is None:
        raise Ended(gone())
    return found
