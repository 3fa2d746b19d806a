"""What a curator looks up beside spectra. Nothing here is edited but a structure's names."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from compute.errors import InputError
from spectradb.admin.forms import SiteForm
from spectradb.admin.lists import Listed
from spectradb.admin.page import with_story
from spectradb.admin.values import readable
from spectradb.forms import SeenForm
from spectradb.models import (
    ApiKey,
    Calculation,
    PeakFit,
    Site,
    SourceFile,
    Structure,
    TrainedModel,
)
from spectradb.services.structures.cells import make_primary
from spectradb.templatetags.science import edge, formula, spacegroup, valence
from spectradb.words import in_words


class Values(admin.AllValuesFieldListFilter):
    """The values of a column; the empty one has a name too."""

    def choices(self, changelist: Any) -> Any:
        for choice in super().choices(changelist):
            yield choice | {"display": choice["display"] or gettext("none")}


class LookUp(Listed):
    """Rows that are made by services, never by hand."""

    form = SeenForm
    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().history_view(request, object_id, with_story(self, request, object_id))

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        return [readable(field) for field in self._held()]

    def get_form(
        self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Hints of columns are for who writes code; those of the form itself stay."""
        own = getattr(getattr(self.form, "Meta", None), "help_texts", {})
        hints = {field.name: "" for field in self.model._meta.concrete_fields}
        return super().get_form(request, obj, change, **kwargs, help_texts=hints | own)

    def get_exclude(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return [*(self.exclude or ()), *(field.name for field in self._held())]  # of the form

    def _held(self) -> list[Any]:
        """Columns that are shown and not edited."""
        left_out = {*getattr(self, "editable", ()), *(self.exclude or ())}
        return [
            field
            for field in self.model._meta.concrete_fields
            if field.editable and field.name not in left_out
        ]


class DoubtFilter(admin.SimpleListFilter):
    """Structures that something speaks against, and whether a curator has said otherwise."""

    title = _("doubts")
    parameter_name = "doubts"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", gettext("doubted")), ("overruled", gettext("overruled"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "open":
            return queryset.filter(findings__icontains='"doubt"', overruled_at=None)
        if self.value() == "overruled":
            return queryset.exclude(overruled_at=None)
        return queryset


@admin.register(Structure)
class StructureAdmin(LookUp):
    list_display = ("source_id", "written", "name", "space_group", "n_sites", "hypothetical")
    list_filter = (DoubtFilter, "crystal_system", "source", "hypothetical")
    search_fields = ("=source_id", "formula", "name")
    editable = ("name", "citation", "doi", "hypothetical", "energy_above_hull")
    exclude = ("data",)

    actions = ("answer_for_id",)

    @admin.display(description=_("Formula"), ordering="formula")
    def written(self, row: Structure) -> str:
        return formula(row.formula)

    @admin.display(description=_("Space group"), ordering="space_group_symbol")
    def space_group(self, row: Structure) -> str:
        return spacegroup(row.space_group_symbol)

    @admin.action(description=_("Let it answer for its source id"), permissions=["change"])
    def answer_for_id(self, request: HttpRequest, rows: QuerySet[Structure]) -> None:
        for row in rows:
            try:
                make_primary(row)
            except InputError as error:
                self.message_user(request, in_words(error), messages.ERROR)
            else:
                words = gettext("SDB-S%(id)d answers for %(source)s.")
                self.message_user(request, words % {"id": row.pk, "source": row.source_id})

    def get_queryset(self, request: HttpRequest) -> QuerySet[Structure]:
        return super().get_queryset(request).defer("data")


@admin.register(Site)
class SiteAdmin(LookUp):
    list_display = (
        "structure", "index", "element", "valence", "coordination_number", "ligands",
        "site_symmetry",
    )  # fmt: skip
    list_filter = ("element", "coordination_number")
    list_select_related = ("structure",)
    search_fields = ("=structure__source_id", "structure__formula", "=element")
    form = SiteForm
    editable = ("oxidation_state",)

    @admin.display(description=_("Oxidation state"), ordering="oxidation_state")
    def valence(self, row: Site) -> str:
        return valence(row.oxidation_state) or "–"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Site]:
        return super().get_queryset(request).select_related("structure").defer("structure__data")

    def save_model(self, request: HttpRequest, obj: Site, form: Any, change: bool) -> None:
        """Keep the valence as stated by this person, and tell what follows from it."""
        from spectradb.services.structures.sites import state_valence

        if not form.changed_data:
            return
        valence, reason = form.cleaned_data["oxidation_state"], form.cleaned_data["reason"]
        try:
            done = state_valence(obj, valence, user=request.user, reason=reason)  # type: ignore[arg-type]
        except InputError as error:
            self.message_user(request, in_words(error), messages.ERROR)
            return
        finally:
            obj.refresh_from_db()
        for text in done.warnings:
            told = in_words(text)
            self.message_user(request, f"{told[:1].upper()}{told[1:]}.", messages.WARNING)
        for other in done.changed:
            name = f"{other.element}{other.index}"
            text = gettext("%(site)s is now %(valence)s.") % {
                "site": name,
                "valence": f"{other.oxidation_state:+g}",
            }
            self.message_user(request, text, messages.INFO)
        if done.withdrawn:
            found = ", ".join(f"SDB-{pk}" for pk in done.withdrawn)
            text = gettext("Withdrawn, since computed for another valence: %s.") % found
            self.message_user(request, text, messages.INFO)

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        names = [*self.get_readonly_fields(request, obj)]  # type: ignore[arg-type]
        return [(None, {"fields": ["oxidation_state", "reason", "seen", *names]})]


@admin.register(Calculation)
class CalculationAdmin(LookUp):
    list_display = ("id", "engine", "route", "absorber", "edge_name", "job_status", "error_cause")
    list_filter = ("job_status", ("engine", Values), ("route", Values), ("error_cause", Values))
    search_fields = ("=id", "=absorber", "=input_hash")
    exclude = ("requesters",)

    @admin.display(description=_("Edge"), ordering="edge")
    def edge_name(self, row: Calculation) -> str:
        return edge(row.edge)


@admin.register(PeakFit)
class PeakFitAdmin(LookUp):
    list_display = ("id", "spectrum", "n_peaks", "residual_rms", "accepted", "job_status")
    list_filter = ("job_status", "accepted")
    raw_id_fields = ("spectrum",)
    editable = ("accepted",)


@admin.register(TrainedModel)
class TrainedModelAdmin(LookUp):
    list_display = ("name", "kind", "absorber", "edge", "job_status", "is_default")
    editable = ("is_default",)


@admin.register(SourceFile)
class SourceFileAdmin(LookUp):
    list_display = ("name", "n_bytes", "sha256", "created")
    search_fields = ("name", "=sha256")
    exclude = ("data",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[SourceFile]:
        return super().get_queryset(request).defer("data")


@admin.register(ApiKey)
class ApiKeyAdmin(LookUp):
    """Administrators revoke keys here; nobody sees one."""

    list_display = ("prefix", "name", "user", "created", "last_used", "revoked")
    exclude = ("key_hash",)
    editable = ("revoked",)
