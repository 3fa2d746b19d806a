"""Upload and match: which substance is it, how surely, and why."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from compute.errors import InputError, ReadError, SkipFile
from compute.io import QuestionError
from spectradb.models import Match, MatchRun, Spectrum, Upload
from spectradb.models.visibility import as_condition, public_spectra
from spectradb.services.imports.at_hand import send
from spectradb.services.imports.uploads import keep_spectrum_file
from spectradb.services.matching.as_values import report_of
from spectradb.services.matching.groups import groups
from spectradb.services.matching.runs import Request, default_request, match_now
from spectradb.views.imports.bring import ask_columns
from spectradb.views.imports.upload import FORMATS
from spectradb.views.matching.answer import answer_context
from spectradb.views.matching.form import request_of
from spectradb.views.site.brought import File, named_file, remember
from spectradb.views.site.throttle import throttled
from spectradb.views.site.turns import in_turn, status_of
from spectradb.words import in_words


@require_http_methods(["GET", "HEAD", "POST"])
@throttled
@in_turn
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
    return _landing(request, chosen=chosen, file=named_file(request))


@require_http_methods(["GET", "HEAD", "POST"])
@throttled
@in_turn
def match_run(request: HttpRequest, token: str) -> HttpResponse:
    """One match; posting asks again with other choices."""
    run = _run(request, token)
    if request.method == "POST":
        asked, errors = request_of(request.POST, run)
        if not errors:
            query = run.query or run.upload
            assert query is not None  # one of the two, says the table
            user = request.user if request.user.is_authenticated else None
            new = match_now(query, asked, requested_by=user)  # type: ignore[arg-type]
            return redirect("match-run", new.token)
        context = answer_context(request, run, errors, asked)
        return render(request, "matching/run.html", context, status=400)
    context = answer_context(request, run, {}, Request.from_json(run.options))
    return render(request, "matching/run.html", context)


@require_safe
def report(request: HttpRequest, token: str) -> HttpResponse:
    """The whole answer as JSON."""
    run = _run(request, token)
    response = JsonResponse(report_of(run), json_dumps_params={"indent": 1})
    response["Content-Disposition"] = f'attachment; filename="match-{token}.json"'
    return response


@permission_required("spectradb.add_spectrum", raise_exception=True)
@require_POST
@in_turn
def submit(request: HttpRequest, token: str) -> HttpResponse:
    """Keep the uploaded file for good, as drafts of the person who asks."""
    run = _run(request, token)
    if run.upload is None:
        raise Http404
    done = send(run.upload, request.user)  # type: ignore[arg-type]
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
    if (brought := named_file(request)) is not None:
        part = brought.upload.told["parts"][brought.part]
        asked = default_request(part["element"], part["edge"], brought.part)
        run = match_now(brought.upload, asked, requested_by=user)  # type: ignore[arg-type]
        return redirect("match-run", run.token)
    if file is not None:
        size = file.size or 0
        if size > settings.SPECTRUM_MAX_MB * 1e6:
            words = gettext("%(name)s has %(size).1f MB; a file may have %(limit)d MB.")
            told = {"name": file.name, "size": size / 1e6, "limit": settings.SPECTRUM_MAX_MB}
            return _landing(request, words % told, 413)
        data = file.read()
        try:
            query = keep_spectrum_file(file.name or "file", data, request.user)
            remember(request, query)
        except QuestionError:
            return ask_columns(request, file.name or "file", data, then=reverse("match"))
        except (ReadError, SkipFile, InputError) as error:
            words = gettext("Can’t read %(name)s: %(why)s")
            return _landing(
                request, words % {"name": file.name, "why": in_words(error)}, status_of(error)
            )
    elif number:
        query = _stored(request, number)
        if query is None:
            return _landing(request, gettext("%s: no such public spectrum.") % number, 404)
    else:
        return _landing(request, gettext("Choose a file, or write the number of a spectrum."), 400)
    run = match_now(query, requested_by=user)  # type: ignore[arg-type]
    return redirect("match-run", run.token)


def _landing(
    request: HttpRequest,
    error: str = "",
    status: int = 200,
    chosen: Spectrum | None = None,
    file: File | None = None,
) -> HttpResponse:
    measured = Spectrum.objects.published().filter(kind="experiment").exclude(absorber="")
    examples = list(measured.filter(edge="L23").without_arrays().order_by("pk")[:3])
    if len(examples) < 3:
        rest = measured.exclude(edge="L23").without_arrays().order_by("pk")
        examples += list(rest[: 3 - len(examples)])
    context = {
        "error": error,
        "chosen": chosen,
        "file": file,
        "formats": FORMATS,
        "limit_mb": settings.SPECTRUM_MAX_MB,
        "examples": examples,
        "libraries": groups(),
    }
    return render(request, "matching/match.html", context, status=status)


def _run(request: HttpRequest, token: str) -> MatchRun:
    """The run of an address, if this person may see what it asks about."""
    published = Match.objects.filter(as_condition([public_spectra()], "candidate__"))
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
