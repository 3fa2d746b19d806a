"""What the owner of a collection changes, and where it goes from there."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from spectradb.models import Collection
from spectradb.services.collections import lists
from spectradb.services.collections.lists import CollectionError
from spectradb.services.curation.workflow import CurationError, decide
from spectradb.services.imports.share import DAYS, ENDED, revoke, share
from spectradb.views.accounts.signed_in import login_required
from spectradb.views.collections.page import visible
from spectradb.words import in_words


@login_required
@require_POST
def head(request: HttpRequest, pk: int) -> HttpResponse:
    """Title, description, authors."""
    row = _own(request, pk)
    try:
        lists.change(row, request.user, {name: request.POST.get(name, "") for name in lists.HEAD})
    except CollectionError as error:
        messages.error(request, in_words(error))
    else:
        messages.success(request, gettext("Saved."))
    return redirect("collection", pk)


@login_required
@require_POST
def entry(request: HttpRequest, pk: int) -> HttpResponse:
    """Move, remove or annotate one spectrum of it."""
    row = _own(request, pk)
    number, do = request.POST.get("spectrum", ""), request.POST.get("do", "note")
    spectrum = int(number) if number.isdecimal() and len(number) < 18 else 0
    try:
        if do == "up":
            lists.move(row, request.user, spectrum, -1)
        elif do == "down":
            lists.move(row, request.user, spectrum, 1)
        elif do == "remove":
            lists.remove(row, request.user, spectrum)
        else:
            lists.annotate(row, request.user, spectrum, request.POST.get("note", ""))
    except CollectionError as error:
        messages.error(request, in_words(error))
    return redirect("collection", pk)


@login_required
@require_POST
def step(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for it to be public; for curators also what becomes of that."""
    row = visible(request, pk)
    try:
        row = decide(row, request.POST.get("step", ""), request.user, request.POST.get("note", ""))
    except CurationError as error:
        messages.error(request, in_words(error))
    else:
        words = gettext("SDB-C%(n)d: %(status)s.")
        messages.success(request, words % {"n": pk, "status": gettext(row.get_status_display())})
    return redirect("collection", pk)


@login_required
@require_POST
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    row = visible(request, pk)
    try:
        lists.discard(row, request.user)
    except CollectionError as error:
        messages.error(request, in_words(error))
        return redirect("collection", pk)
    messages.success(request, gettext("Deleted: SDB-C%d.") % pk)
    return redirect("collections")


@login_required
@require_POST
def revise(request: HttpRequest, pk: int) -> HttpResponse:
    """Begin the next version of one's own public collection."""
    row = visible(request, pk)
    assert request.user.is_authenticated  # by the decorator; for the type checker
    try:
        new = lists.revise(row, request.user)
    except CollectionError as error:
        messages.error(request, in_words(error))
        return redirect("collection", pk)
    messages.success(
        request, gettext("This draft takes the place of SDB-C%d once it is published.") % pk
    )
    return redirect("collection", new.pk)


@login_required
@require_POST
def share_it(request: HttpRequest, pk: int) -> HttpResponse:
    """Make a link; with ``link``, take that one back."""
    row = visible(request, pk)
    if not lists.owns(request.user, row) or row.status in ENDED:
        raise PermissionDenied(gettext("Only its owner changes a collection."))
    if link := request.POST.get("link", ""):
        if revoke(row, link):
            messages.success(request, gettext("The link no longer works."))
        return redirect("collection", pk)
    days = request.POST.get("days", "")
    share(row, int(days) if days in {str(n) for n in DAYS} else DAYS[0])
    messages.success(request, gettext("Whoever has the link sees this until it ends."))
    return redirect("collection", pk)


def _own(request: HttpRequest, pk: int) -> Collection:
    row = visible(request, pk)
    if not lists.owns(request.user, row):
        raise PermissionDenied(gettext("Only its owner changes a collection."))
    if not lists.may_change(request.user, row):
        raise PermissionDenied(gettext("It is no draft any more: make a new version of it."))
    return row
