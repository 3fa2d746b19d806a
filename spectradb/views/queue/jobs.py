"""The job page: what is queued, running, failed and why, done."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_POST, require_safe

from spectradb.models import (
    Calculation,
    Export,
    ImportRun,
    JobStatus,
    PeakFit,
    SeriesAnalysis,
    TrainedModel,
)
from spectradb.models.visibility import CURATE
from spectradb.services.accounts.roles import may_curate
from spectradb.services.exports.jobs import download_name
from spectradb.services.queue import jobs as service
from spectradb.services.queue.summary import summarise
from spectradb.views.spectra.provenance import route_words

KINDS: dict[str, tuple[type, str]] = {
    "calculations": (Calculation, "Calculations"),
    "fits": (PeakFit, "Peak fits"),
    "exports": (Export, "Exports"),
    "analyses": (SeriesAnalysis, "Analyses of series"),
    "imports": (ImportRun, "Imports"),
    "trainings": (TrainedModel, "Trainings"),
}
PAGE_SIZE = 40
_BARS = 60


@require_safe
def jobs(request: HttpRequest) -> HttpResponse:
    kind = request.GET.get("kind", "calculations")
    if kind not in KINDS:
        raise Http404
    status = request.GET.get("status", "")
    text = request.GET.get("q", "").strip()
    rows = _rows(kind, request)
    summary = summarise(rows)
    listed = rows.filter(job_status=status) if status in JobStatus.values else rows
    if text:
        listed = _with_text(kind, listed, text)
    if status == "queued":
        listed = listed.order_by("created", "pk")
    elif status in JobStatus.values:  # of one status they are indexed by time, not by number
        listed = listed.order_by("-created", "-pk")
    else:
        listed = listed.order_by("-pk")
    # Numbers first: a page far down would read and join all rows before it.
    numbers = listed.values_list("pk", flat=True)
    page = Paginator(numbers, PAGE_SIZE).get_page(request.GET.get("page"))
    of_page = list(page.object_list)
    found = rows.in_bulk(of_page)
    total = summary.total
    shares = []
    start = 0.0
    for name in ("done", "running", "failed", "cancelled"):
        width = 100 * summary.counts[name] / total if total else 0.0
        shares.append({"name": name, "x": f"{start:.3f}", "width": f"{width:.3f}"})
        start += width
    return render(
        request,
        "queue/jobs.html",
        {
            "kind": kind,
            "kinds": [(key, gettext(words)) for key, (_, words) in KINDS.items()],
            "status": status,
            "q": text,
            "summary": summary,
            "states": [
                (name, gettext(JobStatus(name).label), summary.counts[name])
                for name in ("done", "running", "queued", "failed")
            ],
            "tabs": [("", gettext("All"), total)]
            + [
                (name, gettext(JobStatus(name).label), summary.counts[name])
                for name in ("running", "failed", "done", "queued", "cancelled")
                if summary.counts[name] or name in ("running", "failed")
            ],
            "shares": shares,
            "minutes_left": round(summary.seconds_left / 60) if summary.seconds_left else None,
            "rate": f"{summary.per_minute:.3g}" if summary.per_minute else "",
            "bars": _per_minute(rows),
            "page": page,
            "rows": [_described(kind, found[pk]) for pk in of_page if pk in found],
            "may_curate": may_curate(request.user),
            "open": summary.open,
            "updated": timezone.now(),
        },
    )


@require_safe
def calculation(request: HttpRequest, pk: int) -> HttpResponse:
    """One calculation: its parameters, its result or why there is none."""
    rows = Calculation.objects.visible_to(request.user).with_record(request.user)
    row = get_object_or_404(
        rows.select_related("structure", "site").defer("structure__data", "sticks"), pk=pk
    )
    return render(
        request,
        "queue/calculation.html",
        {
            "row": row,
            "d": _described("", row),
            "route": route_words(row) or "–",
            "may_curate": may_curate(request.user),
        },
    )


@require_safe
def case(request: HttpRequest, pk: int) -> HttpResponse:
    """The parameters as ``CASE.json`` for ``run_multiplet``."""
    rows = Calculation.objects.visible_to(request.user)
    row = get_object_or_404(rows.only("parameters"), pk=pk)
    response = JsonResponse(row.parameters, json_dumps_params={"indent": 1})
    response["Content-Disposition"] = f'attachment; filename="CASE-{pk}.json"'
    return response


@permission_required(CURATE, raise_exception=True)
@require_POST
def act(request: HttpRequest) -> HttpResponse:
    """Cancel what is open or retry what failed; of one cause when one is named."""
    kind = request.POST.get("kind", "calculations")
    if kind not in KINDS:
        raise Http404
    rows = KINDS[kind][0]._default_manager.all()  # type: ignore[attr-defined]
    pk, cause = request.POST.get("pk"), request.POST.get("cause")
    if pk:
        rows = rows.filter(pk=int(pk)) if pk.isdecimal() else rows.none()
    if cause:
        rows = rows.filter(error_cause=cause)
    if request.POST.get("do") == "cancel":
        n = service.cancel(rows)
        messages.success(
            request, ngettext("%(n)d job cancelled.", "%(n)d jobs cancelled.", n) % {"n": n}
        )
    else:
        failed = rows.filter(job_status=JobStatus.FAILED)
        # What would fail again is tried again only when it is asked for by number or cause.
        n = service.retry(failed, hopeless=bool(pk or cause))
        messages.success(
            request, ngettext("%(n)d job queued again.", "%(n)d jobs queued again.", n) % {"n": n}
        )
    return redirect(f"/jobs/?kind={kind}")


def _rows(kind: str, request: HttpRequest) -> QuerySet[Any]:
    """Imports and trainings are public; the others follow the rule of visibility."""
    model = KINDS[kind][0]
    rows: QuerySet[Any] = model._default_manager.all()  # type: ignore[attr-defined]
    if kind == "calculations":
        seen = Calculation.objects.visible_to(request.user).with_record(request.user)
        rows = seen.select_related("structure", "site").defer(
            "structure__data", "results", "sticks", "trace"
        )
    if kind == "fits":
        seen_fits = PeakFit.objects.visible_to(request.user)
        rows = seen_fits.select_related("spectrum").defer(
            "residual", "spectrum__energy", "spectrum__intensity"
        )
    if kind == "trainings":
        rows = rows.defer("held_out", "request", "metrics", "hyperparameters")
    if kind == "analyses":
        seen_analyses = SeriesAnalysis.objects.visible_to(request.user).select_related("series")
        rows = seen_analyses.defer(
            "told", "series__energy", "series__summed", "series__counted", "series__preview"
        )
    if kind == "exports":
        rows = Export.objects.visible_to(request.user)
    return rows


def _with_text(kind: str, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
    if kind == "calculations":
        return rows.filter(
            Q(absorber__iexact=text)
            | Q(structure__source_id__iexact=text)
            | Q(structure__formula__iexact=text)
            | Q(error__icontains=text)
        )
    return rows.filter(error__icontains=text)


def _described(kind: str, row: Any) -> dict[str, Any]:
    """Site, sizes and outcome of one job, for its row."""
    words: dict[str, Any] = {"row": row, "site": "", "sizes": "", "record": None, "formula": ""}
    if isinstance(row, Calculation):
        words["site"] = row.site
        words["structure"] = row.structure
        words["record"] = getattr(row, "record_id", None)
    elif isinstance(row, SeriesAnalysis):
        words["series"] = row.series_id
    elif isinstance(row, PeakFit):
        words["record"], words["formula"] = row.spectrum_id, row.spectrum.formula
    elif isinstance(row, Export):
        words["file"] = download_name(row)
    return words


def _per_minute(rows: QuerySet[Any]) -> dict[str, Any] | None:
    """Jobs finished in each of the last 60 slices of two hours, as bars of an SVG."""
    now = timezone.now()
    start = now - timedelta(hours=2)
    finished = list(
        rows.order_by("-finished")
        .filter(finished__gte=start, job_status__in=[JobStatus.DONE, JobStatus.FAILED])
        .values_list("finished", flat=True)[:20_000]
    )
    if len(finished) < 2:
        return None
    counts = [0] * _BARS
    for moment in finished:
        place = int((moment - start) / timedelta(hours=2) * _BARS)
        counts[min(max(place, 0), _BARS - 1)] += 1
    minutes = 120 / _BARS
    top = _round_up(max(counts) / minutes) * minutes
    return {
        "bars": [
            {"x": k * 10 + 1, "y": f"{100 - 100 * n / top:.1f}", "h": f"{100 * n / top:.1f}"}
            for k, n in enumerate(counts)
        ],
        "top": f"{top / minutes:g}",
        "half": f"{top / minutes / 2:g}",
    }


def _round_up(value: float) -> float:
    """The next of 1, 2, 4, 6, 8, 10, 20 …: a top whose half reads well too."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 4, 6, 8, 10) if step * power >= value)
