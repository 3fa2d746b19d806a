"""Series in the admin: what they say of themselves, decided as spectra are; their analyses."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from spectradb.admin.catalogue import LookUp
from spectradb.admin.decisions import Decided, QueueFilter
from spectradb.admin.page import with_story
from spectradb.forms import SeriesForm
from spectradb.models import Series, SeriesAnalysis
from spectradb.services.curation import workflow as curation


@admin.register(Series)
class SeriesAdmin(Decided):
    form = SeriesForm
    list_display = ("number", "title", "absorber", "edge", "n_spectra", "state", "contributor")
    list_display_links = ("number",)
    list_filter = (QueueFilter, "technique")
    list_select_related = ("contributor",)
    ordering = ("submitted_at", "pk")
    search_fields = ("=id", "formula", "title", "=absorber")
    readonly_fields = ("on_the_site", "status", "status_note", "n_spectra", "n_channels")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Series]:
        rows: QuerySet[Series] = super().get_queryset(request)
        return rows.defer("energy", "summed", "counted", "preview")

    @admin.display(description="ID", ordering="pk")
    def number(self, row: Series) -> str:
        return f"SDB-M{row.pk}"

    @admin.display(description=_("Page"))
    def on_the_site(self, row: Series) -> SafeString:
        return format_html('<a href="/series/{}/">SDB-M{}</a>', row.pk, row.pk)

    def save_model(
        self, request: HttpRequest, obj: Series, form: forms.ModelForm[Series], change: bool
    ) -> None:
        edited = [name for name in form.changed_data if name != "seen"]
        if edited:
            curation.save_with_reason(obj, request.user, f"Edited {', '.join(edited)}.")

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().history_view(request, object_id, with_story(self, request, object_id))


@admin.register(SeriesAnalysis)
class SeriesAnalysisAdmin(LookUp):
    list_display = ("id", "series", "method", "job_status", "requested_by", "created")
    list_filter = ("job_status", "method")
