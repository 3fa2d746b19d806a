"""All collections that a person sees, and the page by which records are added to one's own."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_http_methods, require_safe

from spectradb.models import Collection, Spectrum, Status
from spectradb.services.collections.lists import CollectionError, create
from spectradb.services.collections.lists import add as add_to
from spectradb.views.accounts.signed_in import login_required

_PAGE = 50


@require_safe
def collections(request: HttpRequest) -> HttpResponse:
    """One's own, then the public ones, the newest first."""
    rows = Collection.objects.select_related("contributor").annotate(n=Count("entries"))
    mine = []
    if request.user.is_authenticated:
        mine = list(rows.filter(contributor_id=request.user.pk).order_by("-updated"))
    public = rows.filter(status=Status.PUBLISHED).order_by("-published_at", "-pk")
    page = Paginator(public, _PAGE).get_page(request.GET.get("page"))
    return render(request, "collections/collections.html", {"mine": mine, "page": page})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    """GET asks which collection the records named by ``ids`` go to; POST puts them there."""
    assert request.user.is_authenticated  # by the decorator; for the type checker
    sent = request.POST if request.method == "POST" else request.GET
    wanted = _numbers(sent.getlist("ids"))
    rows = Spectrum.objects.visible_to(request.user).without_arrays()
    found = {one.pk: one for one in rows.filter(pk__in=wanted[:1000])}
    spectra = [found[pk] for pk in wanted if pk in found]
    mine = Collection.objects.filter(contributor_id=request.user.pk, status=Status.DRAFT)
    error = ""
    if request.method == "POST":
        try:
            if number := sent.get("collection", ""):
                row = get_object_or_404(mine, pk=int(number) if number.isdecimal() else 0)
            else:
                row = create(request.user, sent.get("title", ""))
            n = add_to(row, request.user, [one.pk for one in spectra])
        except CollectionError as refused:
            error = str(refused)
        else:
            told = ngettext("%(n)d spectrum added.", "%(n)d spectra added.", n) % {"n": n}
            messages.success(request, told if spectra else gettext("Made."))
            return redirect("collection", row.pk)
    context = {
        "spectra": spectra,
        "ids": ",".join(str(one.pk) for one in spectra),
        "mine": mine.order_by("-updated"),
        "error": error,
        "title": sent.get("title", ""),
    }
    return render(request, "collections/add.html", context, status=400 if error else 200)


def _numbers(texts: list[str]) -> list[int]:
    """Numbers of ``ids=1,2&ids=3``, each once; what is none is left out."""
    parts = [part.strip() for text in texts for part in text.split(",")]
    found = [int(part) for part in parts if part.isascii() and part.isdecimal() and len(part) < 18]
    return list(dict.fromkeys(found))
