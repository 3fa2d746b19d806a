"""Links to a file at hand, made and taken back by its owner; what any link shows."""

from __future__ import annotations

from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from spectradb.models import Brought, Collection, Upload
from spectradb.services.imports.share import DAYS, revoke, share, shared
from spectradb.views.calculations.crystal import crystal_context
from spectradb.views.collections.page import file_of, show_linked, to_one_reader
from spectradb.views.imports.bring import file_plot
from spectradb.views.imports.notes import notes_of
from spectradb.views.site.brought import File, own
from spectradb.views.site.ended import Ended


@require_POST
def make(request: HttpRequest, token: str) -> HttpResponse:
    """A link to one's own file."""
    upload = get_object_or_404(own(request), token=token)
    days = request.POST.get("days", "")
    share(upload, int(days) if days in {str(n) for n in DAYS} else DAYS[0])
    messages.success(request, gettext("Whoever has the link sees this until it ends."))
    return redirect(_page(upload), token)


@require_POST
def take_back(request: HttpRequest, token: str) -> HttpResponse:
    upload = get_object_or_404(own(request), token=token)
    if revoke(upload, request.POST.get("link", "")):
        messages.success(request, gettext("The link no longer works."))
    return redirect(_page(upload), token)


@require_safe
def follow(request: HttpRequest, token: str) -> HttpResponse:
    """What a link shows: read only, kept out of search engines, told to no other site."""
    upload = shared(token)
    if upload is None:
        raise Ended(gettext("This link has ended."))
    if isinstance(upload, Collection):
        return to_one_reader(show_linked(request, upload, token))
    if upload.kind == Brought.STRUCTURE:
        context = crystal_context(request, upload) | {"own": False}
        response = render(request, "calculations/crystal.html", context)
    else:
        found = File(upload, 0)
        told = upload.told["parts"][0]
        context = {
            "file": found, "told": told, "spectrum": found.spectrum, "plot": file_plot(found),
            "own": False, "notes": notes_of(found, own=False),
        }  # fmt: skip
        response = render(request, "imports/file.html", context)
    return to_one_reader(response)


@require_safe
def download(request: HttpRequest, token: str, format: str) -> HttpResponse | FileResponse:
    """The records of a collection that a link shows, as a file."""
    collection = shared(token)
    if not isinstance(collection, Collection):
        raise Ended(gettext("This link has ended."))
    return to_one_reader(file_of(request, collection, format))


def _page(upload: Upload) -> str:
    return "crystal" if upload.kind == Brought.STRUCTURE else "brought-file"
