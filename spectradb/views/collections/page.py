"""A collection: its records, how to cite it, its files; for its owner also its forms."""

from __future__ import annotations

from typing import Any, TypeVar

from django.conf import settings
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.safestring import mark_safe
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from spectradb.models import Collection, Status
from spectradb.services.collections.cite import authors_of, citation, licences_of
from spectradb.services.collections.lists import (
    CITED,
    may_change,
    may_revise,
    may_see_all,
    newer_of,
    owns,
    spectra_in,
)
from spectradb.services.curation.workflow import STEPS, may_take
from spectradb.services.exports.jobs import estimated_bytes
from spectradb.services.exports.write import FORMATS
from spectradb.services.imports.share import DAYS, ENDED, shares_of
from spectradb.views.exports.download import queued, written
from spectradb.views.site.records import collection_dataset
from spectradb.views.spectra.describe import source_line

_PAGE = 100
R = TypeVar("R", bound=HttpResponseBase)


def visible(request: HttpRequest, pk: int) -> Collection:
    """The collection, if this person may see it; 404 otherwise."""
    rows = Collection.objects.visible_to(request.user).select_related("contributor")
    return get_object_or_404(rows, pk=pk)


@require_safe
def collection(request: HttpRequest, pk: int) -> HttpResponse:
    """The collection; of one that was public a word for who followed a citation, or its DOI."""
    row = Collection.objects.filter(pk=pk, status=Status.WITHDRAWN).first()
    if row is not None and not Collection.objects.visible_to(request.user).contains(row):
        newer = newer_of(row)
        public = newer if newer and newer.status == Status.PUBLISHED else None
        context = {"collection": row, "newer": public}
        return render(request, "collections/withdrawn.html", context, status=410)
    row = visible(request, pk)
    return render(request, "collections/collection.html", _context(request, row))


def show_linked(request: HttpRequest, row: Collection, token: str) -> HttpResponse:
    """The same by a link: read only."""
    return render(request, "collections/collection.html", _context(request, row, token))


@require_safe
def download(request: HttpRequest, pk: int, format: str) -> HttpResponse | FileResponse:
    """Its records as a file, those that this person sees."""
    return file_of(request, visible(request, pk), format)


def file_of(request: HttpRequest, row: Collection, format: str) -> HttpResponse | FileResponse:
    """Its records in a format; what is large is written by a job."""
    spectra = spectra_in(row, request.user)
    if format not in FORMATS or not spectra.exists():
        raise Http404
    if estimated_bytes(spectra)[format] > settings.EXPORT_AT_ONCE_MB * 10**6:
        ids = ",".join(str(pk) for pk in spectra.values_list("pk", flat=True))
        return queued(request, {"id": [ids]}, format)
    return written(spectra, format, f"SDB-C{row.pk}")


def to_one_reader(response: R) -> R:
    """An answer to whoever has a link: kept out of search engines, told to no other site."""
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Referrer-Policy"] = "no-referrer"
    response["Cache-Control"] = "private, no-store"
    return response


def _context(request: HttpRequest, row: Collection, token: str = "") -> dict[str, Any]:
    """``token`` is that of the link by which it is seen, if it is."""
    user = request.user
    spectra = spectra_in(row, user).without_arrays()
    pages = Paginator(
        spectra.select_related("structure", "site", "calculation", "measurement").defer(
            "structure__data", "calculation__results", "calculation__sticks",
            "calculation__trace", "measurement__header", "checks",
        ),
        _PAGE,
    )  # fmt: skip
    page = pages.get_page(request.GET.get("page"))
    shown = list(page.object_list)
    notes = dict(
        row.entries.filter(spectrum__in=[one.pk for one in shown]).values_list("spectrum", "note")
    )
    own = may_change(user, row) and not token
    keeps = owns(user, row) and row.status not in ENDED and not token
    newer = newer_of(row)
    path = reverse("shared", args=[token]) if token else reverse("collection", args=[row.pk])
    address = request.build_absolute_uri(path)
    ids = ",".join(str(pk) for pk in spectra.values_list("pk", flat=True))
    return {
        "collection": row,
        "page": page,
        "rows": [(one, source_line(one), notes.get(one.pk, "")) for one in shown],
        "n_hidden": row.entries.count() - pages.count if may_see_all(user, row) else 0,
        "authors": authors_of(row),
        "licences": licences_of(spectra),
        "citation": citation(row, spectra, address),
        "files": [
            (
                key,
                reverse("shared-download", args=[token, key])
                if token
                else reverse("collection-download", args=[row.pk, key]),
            )
            for key in FORMATS
        ],
        "ids": ids,
        "own": own,
        "by_link": bool(token),
        "is_public": row.status == Status.PUBLISHED,
        # Its signs of markup are written as escapes of JSON.
        "dataset": mark_safe(collection_dataset(row, request))  # noqa: S308
        if row.status == Status.PUBLISHED and not token
        else "",
        "steps": []
        if token
        else [
            (name, step.needs_note, step_words(name))
            for name, step in STEPS.items()
            if row.status == step.start and may_take(name, row, user)
        ],
        "may_delete": owns(user, row) and not token and row.status not in CITED,
        "may_revise": may_revise(user, row) and not token,
        "newer": newer if newer and Collection.objects.visible_to(user).contains(newer) else None,
        "keeps": keeps,
        "days": DAYS,
        "shares": [
            (one, request.build_absolute_uri(reverse("shared", args=[one.token])))
            for one in shares_of(row)
        ]
        if keeps
        else [],
    }


def step_words(name: str) -> str:
    """What the button of a step says."""
    return {
        "submit": gettext("Ask for it to be public"),
        "publish": gettext("Publish"),
        "send_back": gettext("Send back"),
        "reject": gettext("Reject"),
        "withdraw": gettext("Withdraw"),
    }[name]
