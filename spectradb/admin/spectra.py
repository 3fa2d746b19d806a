"""Curation: the queue, the page of one spectrum with its checks, and the decision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from spectradb.admin.decisions import Decided, QueueFilter
from spectradb.admin.forms import MEASURED, RecordForm
from spectradb.admin.page import context_of, with_story
from spectradb.models import Kind, Spectrum, Status
from spectradb.services.curation import workflow as curation
from spectradb.services.curation.quality import CHECK, FAIL, keep_checks
from spectradb.services.curation.workflow import CurationError
from spectradb.templatetags.science import edge, formula, sparkline
from spectradb.views.spectra.describe import name_of
from spectradb.words import in_words

if TYPE_CHECKING:
    _SpectrumAdmin = admin.ModelAdmin[Spectrum]
else:
    _SpectrumAdmin = admin.ModelAdmin  # not generic at run time


@admin.register(Spectrum)
class SpectrumAdmin(Decided, _SpectrumAdmin):
    form = RecordForm
    list_display = (
        "number", "picture", "name", "absorber_edge", "kind", "state", "open_checks",
        "contributor", "submitted_at",
    )  # fmt: skip
    list_display_links = ("number",)
    list_filter = (QueueFilter, "kind", "technique")
    list_select_related = ("contributor",)
    ordering = ("submitted_at", "pk")  # the longest waiting first, as previous and next go
    list_per_page = 50
    show_full_result_count = False
    search_fields = ("=id", "formula", "title", "=absorber")
    autocomplete_fields = ("structure", "site")
    change_form_template = "admin/spectradb/spectrum/change_form.html"

    # --- the queue ----------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[Spectrum]:
        rows = super().get_queryset(request)
        resolved = request.resolver_match
        if resolved is not None and resolved.url_name == "spectradb_spectrum_change":
            return rows.select_related("measurement__file", "structure", "site").defer(
                "measurement__file__data", "structure__data"
            )
        return rows.defer("energy", "intensity")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().changelist_view(
            request, {"title": gettext("Curation"), **(extra_context or {})}
        )

    @admin.display(description="ID", ordering="pk")
    def number(self, row: Spectrum) -> str:
        return f"SDB-{row.pk}"

    @admin.display(description=_("Spectrum"))
    def picture(self, row: Spectrum) -> SafeString:
        return sparkline(row.sparkline, row.kind)

    @admin.display(description=_("Edge"), ordering="absorber")
    def absorber_edge(self, row: Spectrum) -> SafeString:
        return format_html("{} {}", row.absorber or "?", edge(row.edge) if row.edge else "?")

    @admin.display(description=_("Formula"), ordering="formula")
    def name(self, row: Spectrum) -> SafeString:
        return formula(name_of(row))

    @admin.display(description=_("Checks"))
    def open_checks(self, row: Spectrum) -> str:
        verdicts = [one.get("verdict") for one in row.checks]
        failed, looked = verdicts.count(FAIL), verdicts.count(CHECK)
        texts = [gettext("%d failed") % failed] * bool(failed)
        texts += [gettext("%d to look at") % looked] * bool(looked)
        return ", ".join(texts) or (gettext("all passed") if verdicts else gettext("not run"))

    # --- one spectrum -------------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: Spectrum | None = None) -> Any:
        identity = (
            ("absorber", "edge"), "structure", "site", "formula", "title",
            ("technique", "quantity"), "licence", ("citation", "doi"), "embargo_until",
        )  # fmt: skip
        sets: list[tuple[str, dict[str, Any]]] = [(gettext("Identity"), {"fields": identity})]
        if obj is not None and obj.kind == Kind.EXPERIMENT:
            shown = [f"m_{name}" for name in MEASURED]
            measured = [(shown[0], shown[1]), *shown[2:]]
            sets.append((gettext("Measurement"), {"fields": measured}))
        return sets

    def get_form(
        self, request: HttpRequest, obj: Spectrum | None = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm[Spectrum]]:
        # The measurement's fields come with the row, in the form's __init__.
        kwargs["fields"] = list(RecordForm.Meta.fields)
        return super().get_form(request, obj, change, **kwargs)

    def save_model(
        self, request: HttpRequest, obj: Spectrum, form: forms.ModelForm[Spectrum], change: bool
    ) -> None:
        """Keep who edited what, and look at the checks again."""
        assert isinstance(form, RecordForm)
        if not form.changed_data:
            return
        measured = form.save_measurement()
        if obj.status == Status.PUBLISHED and "embargo_until" in form.changed_data:
            obj.published_at = curation.shown_from(obj, timezone.now())
        own = [n for n in form.changed_data if not n.startswith("m_") and n != "seen"]
        keep_checks(obj)
        curation.save_with_reason(obj, request.user, f"Edited {', '.join([*own, *measured])}.")

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().history_view(request, object_id, with_story(self, request, object_id))

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """The history of the row itself says more than the admin's log."""
        return None

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        row = kwargs.get("obj")
        if isinstance(row, Spectrum):
            context |= context_of(row, request)
        return super().render_change_form(request, context, *args, **kwargs)

    def response_change(self, request: HttpRequest, obj: Spectrum) -> HttpResponse:
        """After saving: the decision, if a button of it was pressed."""
        action = request.POST.get("_decide", "")
        here = reverse("admin:spectradb_spectrum_change", args=[obj.pk])
        if not action:
            self.message_user(request, gettext("SDB-%d saved.") % obj.pk, messages.SUCCESS)
            return HttpResponseRedirect(here)
        following = curation.place_in_queue(obj).next
        try:
            curation.decide(obj, action, request.user, request.POST.get("decision_note", ""))
        except CurationError as error:
            self.message_user(request, in_words(error), messages.ERROR)
            # Kept, so that nobody has to write a note twice.
            request.session["decision_note"] = request.POST.get("decision_note", "")[:2000]
            return HttpResponseRedirect(here)
        self.message_user(request, f"SDB-{obj.pk}: {gettext(curation.STEPS[action].done).lower()}.")
        if request.POST.get("go_on") and following is not None:
            return HttpResponseRedirect(
                reverse("admin:spectradb_spectrum_change", args=[following])
            )
        if request.POST.get("go_on"):
            return HttpResponseRedirect(reverse("admin:spectradb_spectrum_changelist"))
        return HttpResponseRedirect(here)
