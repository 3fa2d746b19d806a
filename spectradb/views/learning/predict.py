"""Predict spectra from a structure: with error bars, and with how far to trust them."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import BadRequest
from django.db.models import Exists, OuterRef, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from compute.errors import InputError, ReadError
from compute.io.question import Question, QuestionError
from ml.errors import LearningError
from spectradb.formulae import edge_text
from spectradb.models import JobStatus, Prediction, Site, Structure, TrainedModel, Upload
from spectradb.services.imports.structures import StructureConflict
from spectradb.services.imports.uploads import keep
from spectradb.services.learning import predictions as service
from spectradb.views.learning.predict_figure import known_spectrum, prediction_plot, trust_of
from spectradb.views.site.brought import own, remember
from spectradb.views.site.throttle import throttled
from spectradb.views.site.turns import in_turn, status_of
from spectradb.words import in_words


@dataclass
class SiteChoice:
    """One row of the list of sites: what it is, and the models that can predict it."""

    index: int
    element: str
    label: str
    words: dict[str, Any]
    models: list[TrainedModel] = field(default_factory=list)


@require_http_methods(["GET", "HEAD", "POST"])
@throttled
@in_turn
def predict(request: HttpRequest) -> HttpResponse:
    """The way in: a structure file, or a structure of the library."""
    if request.method == "POST":
        return _asked(request)
    number = request.GET.get("structure", "").strip()
    if not number:
        return _landing(request)
    row = _structure(number)
    if row is None:
        return _landing(request, gettext("%s: no such structure here.") % number, 404)
    return redirect("predict-structure", row.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@throttled
@in_turn
def predict_upload(request: HttpRequest, token: str) -> HttpResponse:
    """What was predicted of a file; posting predicts with a further model."""
    return _subject(request, get_object_or_404(Upload.objects.defer("data"), token=token))


@require_http_methods(["GET", "HEAD", "POST"])
@throttled
@in_turn
def predict_structure(request: HttpRequest, pk: int) -> HttpResponse:
    """The same of a stored structure, where predictions stay."""
    return _subject(request, get_object_or_404(Structure, pk=pk))


@permission_required("spectradb.add_structure", raise_exception=True)
@require_POST
def save(request: HttpRequest, token: str) -> HttpResponse:
    """Keep an uploaded structure and its predictions for good."""
    upload = get_object_or_404(Upload.objects.defer("data"), token=token)
    if "structure" not in upload.told:
        raise Http404
    try:
        row = service.save_upload(upload)
    except (InputError, StructureConflict, LearningError) as error:
        messages.error(request, in_words(error))
        return redirect("predict-upload", token)
    messages.success(request, gettext("Saved. Structure and predictions are in the library."))
    return redirect("predict-structure", row.pk)


@require_safe
def table(request: HttpRequest) -> HttpResponse:
    """One prediction as CSV: energy, intensity, sigma."""
    rows = Prediction.objects.select_related("model", "structure", "upload").defer("upload__data")
    number, token = request.GET.get("id", ""), request.GET.get("token", "")
    if not number.isdecimal() or len(number) > 17:
        raise Http404
    # That of a file is seen by those who know its address.
    row = get_object_or_404(rows.filter(Q(upload=None) | Q(upload__token=token)), pk=int(number))
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    formula = row.structure.formula if row.structure else row.upload.told["formula"]  # type: ignore[union-attr]
    name = f"{formula}-{row.absorber}-{row.edge}-{row.site_index}-{row.model.name}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    writer = csv.writer(response)
    writer.writerow(["energy_ev", "intensity", "sigma"])
    writer.writerows(zip(row.energy, row.intensity, row.sigma, strict=True))
    return response


def _asked(request: HttpRequest) -> HttpResponse:
    if token := request.POST.get("token", ""):
        return _answered(request, token)
    file = request.FILES.get("file")
    number = request.POST.get("structure", "").strip()
    subject: Structure | Upload | None
    if file is not None:
        size = file.size or 0
        if size > settings.STRUCTURE_MAX_MB * 1e6:
            words = gettext("%(name)s has %(size).1f MB; a structure file may have %(limit)d MB.")
            told = {"name": file.name, "size": size / 1e6, "limit": settings.STRUCTURE_MAX_MB}
            return _landing(request, words % told, 413)
        try:
            data = file.read()
            subject = service.keep_structure_file(file.name or "file.cif", data, request.user)
            remember(request, subject)
        except QuestionError as error:
            kept = keep(file.name or "file.cif", data, {}, request.user)
            return _landing(request, status=400, question=error.question, kept=kept)
        except ReadError as error:
            return _landing(request, in_words(error), status_of(error))
        except InputError as error:
            return _landing(request, f"{file.name}: {error}", 400)
    elif number:
        subject = _structure(number)
        if subject is None:
            return _landing(request, gettext("%s: no such structure here.") % number, 404)
    else:
        return _landing(request, gettext("Choose a file, or write the number of a structure."), 400)
    _, errors = service.predict_with(subject)
    for text in errors:
        messages.error(request, text)
    return redirect(_address(subject))


def _answered(request: HttpRequest, token: str) -> HttpResponse:
    """The file that a question was about, read with the answer."""
    kept = get_object_or_404(Upload, token=token)
    answer = request.POST.get("space-group", "")
    try:
        subject = service.keep_structure_file(
            kept.name, bytes(kept.data), request.user, space_group=answer
        )
    except QuestionError as error:
        return _landing(request, status=400, question=error.question, kept=kept)
    except (ReadError, InputError) as error:
        return _landing(request, in_words(error), status_of(error))
    _, errors = service.predict_with(subject)
    for text in errors:
        messages.error(request, text)
    return redirect(_address(subject))


def _subject(request: HttpRequest, subject: Structure | Upload) -> HttpResponse:
    if isinstance(subject, Upload) and "structure" not in subject.told:
        raise Http404
    sites = _sites(subject)
    models = service.models_for({site.element for site in sites})
    for site in sites:
        site.models = [
            one for (element, _), ones in models.items() if element == site.element for one in ones
        ]
    sites.sort(key=lambda one: not one.models)  # those that can be predicted first
    asked = request.POST if request.method == "POST" else request.GET
    chosen = _chosen_site(sites, asked.get("site", ""))
    model = next(
        (one for one in (chosen.models if chosen else []) if one.name == asked.get("model")), None
    )
    if request.method == "POST":
        for text in service.predict_with(subject, model.name if model else None)[1]:
            messages.error(request, text)
        query = f"?site={chosen.index}&model={model.name}" if chosen and model else ""
        return redirect(_address(subject) + query)
    done = list(service.predictions_of(subject))
    model = model or _predicted_with(chosen, done)
    shown = next(
        (
            p
            for p in done
            if chosen and model and p.site_index == chosen.index and p.model_id == model.pk
        ),
        None,
    )
    known = _known(subject)
    sigma2 = "shown" not in request.GET or request.GET.get("two") == "1"
    reference = known_spectrum(known, sites, shown) if shown else None
    compared = "shown" not in request.GET or request.GET.get("known") == "1"
    context = {
        "subject": subject,
        "is_upload": isinstance(subject, Upload),
        "at_hand": isinstance(subject, Upload) and own(request).filter(pk=subject.pk).exists(),
        "told": _told(subject),
        "known": known,
        "address": _address(subject),
        "sites": sites,
        "site": chosen,
        "model": model,
        "edge": edge_text(model.edge) if model else "",
        "covered": sorted({f"{a} {edge_text(e)}" for a, e in _covered()}),
        "prediction": shown,
        "predicted_sites": {p.site_index for p in done},
        "reference": reference,
        "two": sigma2,
        "compared": compared,
        "plot": prediction_plot(shown, reference if compared else None, two=sigma2)
        if shown
        else None,
        "trust": trust_of(shown) if shown else None,
        "tests": _tests(model),
        "may_save": request.user.has_perm("spectradb.add_structure"),
    }
    return render(request, "learning/subject.html", context)


def _chosen_site(sites: list[SiteChoice], text: str) -> SiteChoice | None:
    """The site of the address, else the first that a model covers."""
    for site in sites:
        if text == str(site.index) and site.models:
            return site
    return next((site for site in sites if site.models), None)


def _predicted_with(site: SiteChoice | None, done: list[Prediction]) -> TrainedModel | None:
    if site is None:
        return None
    known = {p.model_id for p in done if p.site_index == site.index}
    return next((one for one in site.models if one.pk in known), site.models[0])


def _sites(subject: Structure | Upload) -> list[SiteChoice]:
    if isinstance(subject, Upload):
        return [
            SiteChoice(site["index"], site["element"], site["label"], site)
            for site in subject.told["sites"]
        ]
    seen: dict[str, int] = {}
    rows = []
    for site in subject.sites.order_by("index"):
        seen[site.element] = seen.get(site.element, 0) + 1
        words = {
            "oxidation_state": site.oxidation_state,
            "coordination_number": site.coordination_number,
            "geometry": site.geometry,
            "ligands": site.ligands,
            "multiplicity": site.multiplicity,
        }
        rows.append(
            SiteChoice(site.index, site.element, f"{site.element}{seen[site.element]}", words)
        )
    return rows


def _told(subject: Structure | Upload) -> dict[str, Any]:
    if isinstance(subject, Upload):
        return {**{k: v for k, v in subject.told.items() if k != "structure"}, "file": subject.name}
    return {
        "formula": subject.formula,
        "space_group_symbol": subject.space_group_symbol,
        "space_group_number": subject.space_group_number,
        "n_atoms": subject.n_sites,
        "source_id": subject.source_id,
        "n_structures": 1,
    }


def _known(subject: Structure | Upload) -> Structure | None:
    if isinstance(subject, Structure):
        return subject
    pk = subject.told.get("known")
    return Structure.objects.defer("data").filter(pk=pk).first() if pk else None


def _address(subject: Structure | Upload) -> str:
    if isinstance(subject, Upload):
        return reverse("predict-upload", args=[subject.token])
    return reverse("predict-structure", args=[subject.pk])


def _tests(model: TrainedModel | None) -> list[dict[str, Any]]:
    """The model card's rows: each part of the data that was held out, with its metrics."""
    if model is None:
        return []
    names = {
        "val": gettext("Held-out materials, validation"),
        "test": gettext("Held-out materials, test"),
    }
    return [
        {"name": words, **model.metrics[part]}
        for part, words in names.items()
        if isinstance(model.metrics.get(part), dict)
    ]


def _covered() -> set[tuple[str, str]]:
    done = (
        TrainedModel.objects.filter(job_status=JobStatus.DONE).exclude(absorber="").exclude(edge="")
    )
    return set(done.values_list("absorber", "edge").distinct())


def _structure(text: str) -> Structure | None:
    if text.isdecimal() and len(text) < 18:
        return Structure.objects.filter(pk=int(text)).first()
    found = list(Structure.objects.filter(source_id__iexact=text, is_primary=True)[:2])
    if len(found) > 1:
        raise BadRequest(
            gettext("%(id)s fits two structures, %(one)d and %(other)d: write a number.")
            % {"id": text, "one": found[0].pk, "other": found[1].pk}
        )
    return found[0] if found else None


def _landing(
    request: HttpRequest,
    error: str = "",
    status: int = 200,
    *,
    question: Question | None = None,
    kept: Upload | None = None,
) -> HttpResponse:
    models = list(
        TrainedModel.objects.filter(job_status=JobStatus.DONE)
        .exclude(absorber="")
        .defer("curves", "held_out", "request")
        .order_by("absorber", "edge", "-is_default", "-finished")[:50]
    )
    absorbers = {one.absorber for one in models}
    holding = Site.objects.filter(structure=OuterRef("pk"), element__in=absorbers)
    examples = Structure.objects.filter(Exists(holding)).defer("data")
    context = {
        "error": error,
        "question": question,
        "kept": kept,
        "answers": [(one.label, *one.options[0]) for one in question.choices] if question else [],
        "limit_mb": settings.STRUCTURE_MAX_MB,
        "limit_atoms": service.MAX_ATOMS,
        "models": models,
        "examples": list(examples.order_by("n_sites", "pk")[:4]) if absorbers else [],
    }
    return render(request, "learning/predict.html", context, status=status)
