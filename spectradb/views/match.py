"""Upload and match: which substance is it, how surely, and why."""

from __future__ import annotations

import math
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import AnonymousUser
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from compute.errors import InputError, ReadError, SkipFile
from spectradb.filters import SearchError, filterset
from spectradb.models import JobStatus, Match, MatchRun, Spectrum, Upload
from spectradb.services.facets import search
from spectradb.services.import_spectra import import_file
from spectradb.services.match_groups import groups
from spectradb.services.match_report import report_of
from spectradb.services.match_runs import Request, default_request, match_now
from spectradb.services.match_spectrum import MatchOptions
from spectradb.services.roles import may_contribute
from spectradb.services.uploads import keep_spectrum_file
from spectradb.templatetags.science import edge_text
from spectradb.views.describe import name_of
from spectradb.views.match_figure import match_plot, shared_peaks, transformed
from spectradb.views.match_words import verdict
from spectradb.views.throttle import throttled
from spectradb.views.upload import FORMATS

LIMIT_MB = 10
MAX_BYTES = LIMIT_MB * 1024 * 1024
MAX_SHIFT = 20.0
_ABOUT_SITES = ("oxidation_state", "coordination_number", "ligands")


@require_http_methods(["GET", "POST"])
@throttled
def match(request: HttpRequest) -> HttpResponse:
    """The way in: a file, or the number of a stored spectrum."""
    if request.method == "POST":
        return _asked(request)
    number = request.GET.get("spectrum", "")
    chosen = None
    if number:
        chosen = _stored(request, number)
        if chosen is None:
            return _landing(request, gettext("%s: no such public spectrum.") % number, 404)
    return _landing(request, chosen=chosen)


@require_http_methods(["GET", "POST"])
@throttled
def match_run(request: HttpRequest, token: str) -> HttpResponse:
    """One match; posting asks again with other choices."""
    run = _run(request, token)
    if request.method == "POST":
        asked, errors = _request_of(request.POST, run)
        if not errors:
            query = run.query or run.upload
            assert query is not None  # one of the two, says the table
            user = request.user if request.user.is_authenticated else None
            new = match_now(query, asked, requested_by=user)  # type: ignore[arg-type]
            return redirect("match-run", new.token)
        return _answer(request, run, errors, asked)
    return _answer(request, run, {}, Request.from_json(run.options))


@require_GET
def report(request: HttpRequest, token: str) -> HttpResponse:
    """The whole answer as JSON."""
    run = _run(request, token)
    response = JsonResponse(report_of(run), json_dumps_params={"indent": 1})
    response["Content-Disposition"] = f'attachment; filename="match-{token}.json"'
    return response


@permission_required("spectradb.add_spectrum", raise_exception=True)
@require_POST
def submit(request: HttpRequest, token: str) -> HttpResponse:
    """Keep the uploaded file for good, as drafts of the person who asks."""
    run = _run(request, token)
    if run.upload is None:
        raise Http404
    done = import_file(run.upload.name, bytes(run.upload.data), contributor=request.user)  # type: ignore[arg-type]
    ids = [one["id"] for one in done.spectra if one.get("id")]
    if not ids:
        messages.error(request, " ".join(done.errors) or gettext("Nothing could be stored."))
        return redirect("match-run", token)
    part = Request.from_json(run.options).part
    messages.success(request, gettext("Kept as a draft. Send it for review when it is complete."))
    return redirect("spectrum", ids[min(part, len(ids) - 1)])


def _asked(request: HttpRequest) -> HttpResponse:
    """A file or a number was sent: match it, and go to the answer's own address."""
    user = request.user if request.user.is_authenticated else None
    number = request.POST.get("spectrum", "").strip()
    file = request.FILES.get("file")
    query: Spectrum | Upload | None
    if file is not None:
        size = file.size or 0
        if size > MAX_BYTES:
            words = gettext("%(name)s has %(size).1f MB; a file may have %(limit)d MB.")
            told = {"name": file.name, "size": size / 1e6, "limit": LIMIT_MB}
            return _landing(request, words % told, 413)
        try:
            query = keep_spectrum_file(file.name or "file", file.read(), request.user)
        except (ReadError, SkipFile, InputError) as error:
            words = gettext("Can’t read %(name)s: %(why)s")
            return _landing(request, words % {"name": file.name, "why": error}, 400)
    elif number:
        query = _stored(request, number)
        if query is None:
            return _landing(request, gettext("%s: no such public spectrum.") % number, 404)
    else:
        return _landing(request, gettext("Choose a file, or write the number of a spectrum."), 400)
    run = match_now(query, requested_by=user)  # type: ignore[arg-type]
    return redirect("match-run", run.token)


def _landing(
    request: HttpRequest, error: str = "", status: int = 200, chosen: Spectrum | None = None
) -> HttpResponse:
    measured = Spectrum.objects.published().filter(kind="experiment").exclude(absorber="")
    examples = list(measured.filter(edge="L23").without_arrays().order_by("pk")[:3])
    if len(examples) < 3:
        rest = measured.exclude(edge="L23").without_arrays().order_by("pk")
        examples += list(rest[: 3 - len(examples)])
    context = {
        "error": error,
        "chosen": chosen,
        "formats": FORMATS,
        "limit_mb": LIMIT_MB,
        "examples": examples,
        "libraries": groups(),
    }
    return render(request, "match/match.html", context, status=status)


def _answer(
    request: HttpRequest, run: MatchRun, errors: dict[str, str], asked: Request
) -> HttpResponse:
    candidates = list(run.matches.all())
    rank = request.GET.get("c", "1")
    shown = candidates[0] if candidates else None
    for one in candidates:
        if rank == str(one.rank):
            shown = one
    band = "shown" not in request.GET or request.GET.get("band") == "1"
    done = run.job_status == JobStatus.DONE
    context = {
        "run": run,
        "waiting": run.job_status in (JobStatus.QUEUED, JobStatus.RUNNING),
        "done": done,
        "source": _source(run, asked),
        "form": _form(request, run, asked),
        "errors": errors,
        "rows": _rows(run, candidates),
        "shown": shown,
        "moved": transformed(shown) if shown else "",
        "shown_kind": shown.candidate.kind if shown else "",
        "band": band,
        "plot": match_plot(run, shown, band=band) if done else None,
        "peaks": shared_peaks(shown) if shown and done else [],
        "warnings": [
            text for text in run.details.get("warnings", []) if "known pairs" not in text
        ],
        "verdict": verdict(run, candidates) if done else None,
        "mixture": _mixture(run, candidates),
        "compare_ids": ",".join(
            str(pk) for pk in ([run.query_id] if run.query_id else [])
            + [one.candidate_id for one in candidates[:4]]
        ),
        "may_submit": may_contribute(request.user),
    }  # fmt: skip
    return render(request, "match/run.html", context, status=400 if errors else 200)


def _rows(run: MatchRun, candidates: list[Match]) -> list[dict[str, Any]]:
    """Candidates as the table shows them; none of these is a row, and first when it wins."""
    calibrated = bool(run.details.get("calibrated"))
    best = max((one.score for one in candidates), default=0.0)
    rows: list[dict[str, Any]] = [
        {
            "match": one,
            "spectrum": one.candidate,
            "probability": one.probability,
            "percent": None if one.probability is None else round(100 * one.probability),
            "behind": best - one.score,
            "at_limit": abs(one.shift_ev)
            > 0.995 * Request.from_json(run.options).options.max_shift_ev,
        }
        for one in candidates
    ]
    if rows:
        none = run.none_of_these if calibrated else None
        row = {"match": None, "percent": None if none is None else round(100 * none)}
        if none is not None and none > max((r["probability"] or 0.0) for r in rows):
            rows.insert(0, row)
        else:
            rows.append(row)
    return rows


def _source(run: MatchRun, asked: Request) -> dict[str, Any]:
    """What is matched, in words."""
    if run.query is not None:
        row = run.query
        return {
            "name": name_of(row),
            "spectrum": row,
            "element": row.absorber,
            "edge": row.edge,
            "points": row.n_points,
            "low": row.energy_min,
            "high": row.energy_max,
            "warnings": [],
            "parts": [],
        }
    assert run.upload is not None
    parts = run.upload.told.get("parts") or [{}]
    part = parts[min(asked.part, len(parts) - 1)]
    return {
        "name": run.upload.name,
        "bytes": run.upload.n_bytes,
        "format": part.get("format", ""),
        "element": part.get("element", ""),
        "edge": part.get("edge", ""),
        "points": part.get("n_points"),
        "low": part.get("low_ev"),
        "high": part.get("high_ev"),
        "warnings": part.get("warnings", []),
        "parts": [
            {"number": k, "label": one["label"] or gettext("spectrum %d") % (k + 1)}
            for k, one in enumerate(parts)
        ],
    }


def _form(request: HttpRequest, run: MatchRun, asked: Request) -> dict[str, Any]:
    """Choices of the search with their values; the counts of site facets are of this edge."""
    options = asked.options
    chosen = f"{options.absorber}-{options.edge}" if options.absorber and options.edge else ""
    edges: dict[str, dict[str, Any]] = {}
    for group, low, high in groups():
        key = f"{group.absorber}-{group.edge}"
        one = edges.setdefault(
            key, {"key": key, "words": f"{group.absorber} {edge_text(group.edge)}", "near": False}
        )
        source = _source(run, asked)
        if source["low"] is not None:
            shared = min(source["high"], high) - max(source["low"], low)
            one["near"] = one["near"] or shared >= 0.5 * (high - low)
    listed = [one for one in edges.values() if one["near"] or one["key"] == chosen]
    facets: dict[str, list[Any]] = {}
    if chosen:
        query = {"absorber": [options.absorber or ""], "edge": [options.edge or ""]}
        try:
            counted = search(query, AnonymousUser()).facets
            facets = {name: counted.get(name, []) for name in _ABOUT_SITES}
        except SearchError:
            facets = {}
    return {
        "edges": listed,
        "chosen": chosen,
        "kind": options.kind or "",
        "lo": _text(options.energy_range[0]) if options.energy_range else "",
        "hi": _text(options.energy_range[1]) if options.energy_range else "",
        "max_shift": _text(options.max_shift_ev),
        "part": asked.part,
        "holding": ",".join(asked.where.get("elements", [])),
        "facets": [
            {
                "name": name,
                "label": label,
                "choices": facets.get(name, []),
                "chosen": [str(value) for value in asked.where.get(name, [])],
            }
            for name, label in (
                ("oxidation_state", gettext("Valence")),
                ("coordination_number", gettext("Coordination")),
                ("ligands", gettext("Ligands")),
            )
        ],
        "words": _searched(options, asked),
    }


def _searched(options: MatchOptions, asked: Request) -> str:
    """Where it was searched: ``Mn L2,3, theory, contains O``."""
    parts = []
    if options.absorber and options.edge:
        parts.append(f"{options.absorber} {edge_text(options.edge)}")
    else:
        parts.append(gettext("every edge in its range"))
    if options.kind:
        parts.append(gettext("theory") if options.kind == "theory" else gettext("experiment"))
    if states := asked.where.get("oxidation_state"):
        parts.append(gettext("valence %s") % ", ".join(f"{float(s):g}" for s in states))
    if numbers := asked.where.get("coordination_number"):
        parts.append(gettext("coordination %s") % ", ".join(numbers))
    if ligands := asked.where.get("ligands"):
        parts.append(gettext("ligands %s") % ", ".join(ligands))
    if held := asked.where.get("elements"):
        parts.append(gettext("contains %s") % ", ".join(held))
    return ", ".join(parts)


def _request_of(post: QueryDict, run: MatchRun) -> tuple[Request, dict[str, str]]:
    """What the form asks, and what in it cannot be read, by field."""
    errors: dict[str, str] = {}
    absorber, _, edge = post.get("where", "").partition("-")
    kind = post.get("kind") if post.get("kind") in ("theory", "experiment") else None
    numbers: dict[str, float] = {}
    for name in ("lo", "hi", "max_shift"):
        text = post.get(name, "").strip()
        if not text:
            continue
        try:
            numbers[name] = float(text)
            if not math.isfinite(numbers[name]):
                raise ValueError
        except ValueError:
            errors[name] = gettext("%s is no number; write eV with a point.") % text
    energy_range = None
    if "lo" in numbers or "hi" in numbers:
        energy_range = (numbers.get("lo", 0.0), numbers.get("hi", 1e6))
        if energy_range[0] >= energy_range[1]:
            errors["hi"] = gettext("The range must end above its start.")
    shift = numbers.get("max_shift", 5.0)
    if not 0 <= shift <= MAX_SHIFT:
        errors["max_shift"] = gettext("Write a shift from 0 to %d eV.") % MAX_SHIFT
        shift = 5.0
    where = {name: [v for v in post.getlist(name) if v] for name in _ABOUT_SITES}
    where["elements"] = [part.strip() for part in post.get("holding", "").split(",")]
    where = {name: kept for name, values in where.items() if (kept := [v for v in values if v])}
    try:
        bound = filterset(Spectrum, where)
        if not bound.is_valid():
            errors["holding"] = " ".join(t for ts in bound.search_errors().values() for t in ts)
    except SearchError as error:
        errors["holding"] = str(error)
    part = post.get("part", "0")
    n_parts = len(run.upload.told.get("parts", [])) if run.upload else 1
    number = int(part) if part.isdecimal() and int(part) < n_parts else 0
    options = MatchOptions(
        absorber=absorber or None,
        edge=edge or None,
        kind=kind,
        energy_range=energy_range,
        max_shift_ev=shift,
    )
    if absorber and not edge:
        options = default_request("", "").options
    return Request(options, where, number), errors


def _mixture(run: MatchRun, candidates: list[Match]) -> dict[str, Any] | None:
    """The mixture with its spectra; only where more than one is really in it."""
    told = run.details.get("mixture")
    if not told or len(told["components"]) < 2:
        return None
    rows = (
        Spectrum.objects.published()
        .without_arrays()
        .in_bulk([one["spectrum_id"] for one in told["components"]])
    )
    parts = [
        {
            "spectrum": rows.get(one["spectrum_id"]),
            "percent": 100 * one["share"],
            "error": 100 * one["share_err"],
        }
        for one in told["components"]
    ]
    return {**told, "parts": parts, "gain": told["log_evidence_gain"]}


def _run(request: HttpRequest, token: str) -> MatchRun:
    """The run of an address, if this person may see what it asks about."""
    published = Match.objects.filter(candidate__status="published")
    matches: QuerySet[Match] = published.select_related(
        "candidate__structure", "candidate__site", "candidate__measurement"
    ).defer("candidate__energy", "candidate__intensity", "candidate__structure__data")
    run = get_object_or_404(
        MatchRun.objects.select_related("query", "upload")
        .defer("query__energy", "query__intensity", "upload__data")
        .prefetch_related(Prefetch("matches", matches.order_by("rank"))),
        token=token,
    )
    if run.query_id and not Spectrum.objects.visible_to(request.user).filter(pk=run.query_id):
        raise Http404
    return run


def _stored(request: HttpRequest, number: str) -> Spectrum | None:
    text = number.strip().upper().removeprefix("SDB-")
    if not text.isdecimal() or len(text) > 17:
        return None
    return Spectrum.objects.visible_to(request.user).filter(pk=int(text)).first()


def _text(value: float) -> str:
    return f"{value:.10g}"


assert MAX_BYTES <= settings.UPLOAD_MAX_BYTES
