"""One's own draft: everything that its file could not say, then to a curator, or away."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from spectradb.forms import MEASURED, DraftForm
from spectradb.models import Spectrum
from spectradb.services.curation.drafts import discard, may_edit, suggested_structures
from spectradb.services.curation.quality import keep_checks, missing
from spectradb.services.curation.workflow import (
    CurationError,
    IncompleteError,
    save_with_reason,
    submit,
)
from spectradb.views.accounts.signed_in import login_required
from spectradb.views.imports.notes import told_of
from spectradb.views.spectra.describe import name_of
from spectradb.views.spectra.figures import Plot
from spectradb.views.spectra.spectrum_figure import Options, caption, spectrum_figure
from spectradb.words import in_words

_GROUPS = (
    (
        "sample",
        ("formula", "structure", "m_sample_name", "m_sample_formula", "m_sample_preparation"),
    ),
    ("edge", ("absorber", "edge", "title", "quantity")),
    ("measurement", tuple(f"m_{n}" for n in MEASURED if not n.startswith("sample"))),
    ("use", ("licence", "citation", "doi", "embargo_until")),
)  # fmt: skip
_NEEDED = ("absorber", "edge", "formula", "licence", "m_mode")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def draft(request: HttpRequest, pk: int) -> HttpResponse:
    """GET shows every field; POST keeps them, and sends the draft for review if asked to."""
    row = _own(request, pk)
    form = DraftForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        told = [name.removeprefix("m_") for name in form.changed_data if name != "seen"]
        row.structure = form.cleaned_data["structure"]
        if row.site is not None and row.site.structure_id != row.structure_id:
            row.site = None
        form.save_measurement()
        keep_checks(row)
        save_with_reason(row, request.user, f"Edited {', '.join(told) or 'nothing'}.")
        if request.POST.get("then") != "submit":
            messages.success(request, gettext("Saved."))
            return redirect("spectrum-draft", pk)
        try:
            submit(row, request.user)
        except IncompleteError:
            return not_sent(request, "spectrum-draft", pk)
        except CurationError as error:
            messages.error(request, in_words(error))
            return redirect("spectrum-draft", pk)
        words = gettext("Sent for review: SDB-%d. A curator will look at it.") % pk
        messages.success(request, words)
        return redirect("spectrum", pk)
    stored = row if not form.is_bound else _own(request, pk)
    options = Options("raw", lines=False)
    figure = spectrum_figure(stored, options, None, None)
    return render(
        request,
        "curation/draft.html",
        {
            "spectrum": stored,
            "name": name_of(stored),
            "form": form,
            "groups": _groups(form),
            "missing": missing(stored),
            "suggested": suggested_structures(stored),
            "notes": told_of(stored.measurement.warnings if stored.measurement else [], stored),
            "plot": Plot("plot", figure, caption(stored, figure)),
        },
        status=400 if form.is_bound else 200,
    )


@login_required
@require_POST
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    row = _own(request, pk)
    discard(row, request.user)
    messages.success(request, gettext("Deleted: SDB-%d.") % pk)
    return redirect("account")


def not_sent(request: HttpRequest, page: str, pk: int) -> HttpResponse:
    """To the page of a draft, which tells itself what is still needed."""
    messages.warning(request, gettext("Kept as a draft: it does not say everything yet."))
    return HttpResponseRedirect(f"{reverse(page, args=[pk])}#missing")


def _own(request: HttpRequest, pk: int) -> Spectrum:
    rows = Spectrum.objects.visible_to(request.user).select_related(
        "measurement__file", "structure", "site"
    )
    row = get_object_or_404(rows.defer("measurement__file__data", "structure__data"), pk=pk)
    if not may_edit(request.user, row):
        raise PermissionDenied(gettext("Only its contributor edits a draft, before it is sent."))
    return row


def _groups(form: DraftForm) -> list[dict[str, Any]]:
    words = {
        "sample": gettext("Sample"),
        "edge": gettext("Spectrum"),
        "measurement": gettext("Measurement"),
        "use": gettext("Licence and source"),
    }
    return [
        {
            "title": words[name],
            "fields": [(form[one], one in _NEEDED) for one in names if one in form.fields],
        }
        for name, names in _GROUPS
    ]
