"""Sending measured files: read, told what was understood, kept as drafts, sent for review."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from compute.errors import InputError
from spectradb.forms import UploadForm
from spectradb.models import Spectrum, Upload
from spectradb.services.accounts.roles import may_contribute
from spectradb.services.curation.drafts import may_edit
from spectradb.services.curation.workflow import CurationError, IncompleteError, submit
from spectradb.services.imports.at_hand import send
from spectradb.services.imports.questions import answer, keep_open, kept_open, take_over
from spectradb.services.imports.spectra import ImportedFile, import_file
from spectradb.views.accounts.signed_in import login_required
from spectradb.views.curation.draft import not_sent
from spectradb.views.imports.notes import told_of
from spectradb.views.imports.questions import options_of, questions_of
from spectradb.views.site.brought import File, named_file
from spectradb.views.site.throttle import throttled_posts
from spectradb.views.site.turns import in_turn
from spectradb.words import in_words

if TYPE_CHECKING:
    from django.contrib.auth.models import User

_WAITING = "uploads_waiting"  # tokens, in the session of who has to sign in
_MOST_WAITING = 20
FORMATS = (
    ("XDI", ".xdi"), ("9809", "KEK-PF, SPring-8"), ("EMSA/MAS", ".msa"), ("Athena", ".prj"),
    ("HDF5/NXdata", ".h5 .nxs"), ("DM3/DM4", ".dm3 .dm4"), ("columns", ".dat .txt .csv"),
)  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
@throttled_posts("upload")
@in_turn
def upload(request: HttpRequest) -> HttpResponse:
    form = UploadForm(request.POST or None, request.FILES or None)
    if not request.user.is_authenticated:
        return _after_sign_in(request, form)
    if not may_contribute(request.user):
        raise PermissionDenied(
            gettext("Only contributors send spectra. A curator can make you one.")
        )
    user = request.user
    sent: list[tuple[str, bytes, dict[str, str]]] = []
    for kept in take_over(request.session.pop(_WAITING, []), user):
        sent.append((kept.name, bytes(kept.data), kept.told["columns"]["given"]))
        kept.delete()
    if request.method == "POST" and form.is_valid():
        given = {name: form.cleaned_data[name] for name in ("element", "edge")}
        sent += [(file.name or "upload", file.read(), given) for file in form.cleaned_data["files"]]
    results: list[dict[str, Any]] = []
    asked: list[Upload] = []
    file = named_file(request)
    if file is not None and request.POST.get("file"):
        results.append(_result(send(file.upload, user)))
        file = None
    for name, data, given in sent:
        done = import_file(
            name,
            data,
            element=given["element"] or None,
            edge=given["edge"] or None,
            contributor=user,
        )
        if done.question is not None:
            asked.append(keep_open(name, data, user, given=given, options={}))
        results.append(_result(done))
    shown = form if request.method == "POST" and not results else UploadForm()
    return _page(request, shown, results, asked, file)


def _after_sign_in(request: HttpRequest, form: UploadForm) -> HttpResponse:
    """Nobody is signed in (any more): what was sent waits a day for who signs in."""
    if request.method == "POST" and form.is_valid():
        given = {name: form.cleaned_data[name] for name in ("element", "edge")}
        files = form.cleaned_data["files"][:_MOST_WAITING]
        request.session[_WAITING] = [
            keep_open(file.name or "upload", file.read(), None, given=given, options={}).token
            for file in files
        ]
        text = gettext("Sign in to go on: what you sent is kept until then, for a day at most.")
        messages.info(request, text)
    return redirect_to_login(request.get_full_path())


@login_required
@require_POST
@in_turn
def answer_question(request: HttpRequest) -> HttpResponse:
    """Import the files that waited for an answer, with the columns now named."""
    if not may_contribute(request.user):
        raise PermissionDenied(
            gettext("Only contributors send spectra. A curator can make you one.")
        )
    user = cast("User", request.user)
    uploads = kept_open(request.POST.getlist("file"), user)
    if not uploads:
        messages.error(request, gettext("These files are no longer kept: upload them again."))
        return redirect("upload")
    try:
        results = [_result(one) for one in answer(uploads, options_of(request, uploads[0]), user)]
    except InputError as error:
        messages.error(request, in_words(error))
        results = []
    waiting = kept_open([upload.token for upload in uploads if upload.pk], user)
    return _page(request, UploadForm(), results, waiting)


def _page(
    request: HttpRequest,
    form: UploadForm,
    results: list[dict[str, Any]],
    asked: list[Upload],
    file: File | None = None,
) -> HttpResponse:
    status = 400 if request.method == "POST" and not results else 200
    context = {
        "form": form,
        "file": file,
        "results": results,
        "questions": questions_of(asked),
        "formats": FORMATS,
        "limit_mb": settings.SPECTRUM_MAX_MB,
    }
    return render(request, "imports/upload.html", context, status=status)


@login_required
@require_POST
def submit_spectrum(request: HttpRequest, pk: int) -> HttpResponse:
    """Send a draft for review; where something is missing, to the page that asks for it."""
    row = get_object_or_404(Spectrum.objects.visible_to(request.user), pk=pk)
    if row.contributor_id != request.user.pk:
        raise PermissionDenied(gettext("Only its contributor can send a draft for review."))
    try:
        submit(row, request.user)
    except IncompleteError:
        return not_sent(request, "spectrum-draft", pk)
    except CurationError as error:
        messages.error(request, in_words(error))
        return redirect("spectrum-draft" if may_edit(request.user, row) else "spectrum", pk)
    words = gettext("Sent for review: SDB-%d. A curator will look at it.") % pk
    messages.success(request, words)
    return redirect("spectrum", pk)


def _result(done: ImportedFile) -> dict[str, Any]:
    """One file for the page: its spectra with their rows where they were stored."""
    ids = [one["id"] for one in done.spectra if one.get("id")]
    rows = Spectrum.objects.in_bulk(ids)
    return {
        "file": done,
        "notes": told_of(done.warnings, next(iter(rows.values()), None)),
        "spectra": [{"told": one, "row": rows.get(one.get("id"))} for one in done.spectra],
        "asks": [one for one in done.spectra if not one.get("element") or not one.get("edge")],
    }
