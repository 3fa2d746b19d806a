"""What people send to the curators beside records: comments, and collections to be public."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from spectradb.admin.catalogue import LookUp
from spectradb.admin.decisions import Decided, QueueFilter
from spectradb.admin.page import with_story
from spectradb.forms import SeenForm
from spectradb.models import Collection, Comment
from spectradb.services.curation import comments
from spectradb.services.curation.comments import CommentError
from spectradb.words import in_words


class AnsweredFilter(admin.SimpleListFilter):
    """What waits for an answer comes first and unasked."""

    title = _("answer")
    parameter_name = "answer"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("given", gettext("answered")), ("all", gettext("All"))]

    def choices(self, changelist: Any) -> Any:
        for n, choice in enumerate(super().choices(changelist)):
            yield choice | {"display": gettext("open")} if n == 0 else choice

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "all":
            return queryset
        return queryset.filter(answered_at__isnull=self.value() != "given")


@admin.register(Comment)
class CommentAdmin(LookUp):
    """Comments on records; an answer is given once and told to the author."""

    list_display = ("short", "record", "author", "created", "answered_at")
    list_filter = (AnsweredFilter,)
    list_select_related = ("author", "spectrum")
    search_fields = ("=spectrum__id", "text", "=author__username")
    ordering = ("created", "pk")
    editable = ("answer",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Comment]:
        rows = super().get_queryset(request).select_related("spectrum")
        return rows.defer("spectrum__energy", "spectrum__intensity")

    @admin.display(description=_("Comment"))
    def short(self, row: Comment) -> str:
        return row.text if len(row.text) <= 80 else f"{row.text[:79]}…"

    @admin.display(description=_("Record"))
    def record(self, row: Comment) -> SafeString:
        address = reverse("admin:spectradb_spectrum_change", args=[row.spectrum_id])
        return format_html('<a href="{}">SDB-{}</a>', address, row.spectrum_id)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        shown = ["record", "author", "text", "created", "answered_by", "answered_at"]
        answered = isinstance(obj, Comment) and obj.answered_at is not None
        return [*shown, "answer"] if answered else shown

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        shown = self.get_readonly_fields(request, obj)
        fields = [*shown[:4], "answer", "answered_by", "answered_at"]
        return [(None, {"fields": [*fields, *([] if "answer" in shown else ["seen"])]})]

    def save_model(self, request: HttpRequest, obj: Comment, form: Any, change: bool) -> None:
        given = form.cleaned_data.get("answer", "")
        try:
            comments.answer(obj, request.user, given)  # type: ignore[arg-type]  # signed in
        except CommentError as error:
            self.message_user(request, in_words(error), messages.ERROR)
        finally:
            obj.refresh_from_db()


@admin.register(Collection)
class CollectionAdmin(Decided):
    """Collections, decided as records are; their text is their owners'."""

    form = SeenForm
    list_display = ("number", "title", "state", "contributor", "version", "updated")
    list_display_links = ("number",)
    list_filter = (QueueFilter,)
    list_select_related = ("contributor",)
    search_fields = ("=id", "title", "authors")
    ordering = ("submitted_at", "pk")
    readonly_fields = ("on_the_site", "title", "description", "authors", "status", "status_note")
    fields = (*readonly_fields, "seen")

    @admin.display(description="ID", ordering="pk")
    def number(self, row: Collection) -> str:
        return f"SDB-C{row.pk}"

    @admin.display(description=_("Page"))
    def on_the_site(self, row: Collection) -> SafeString:
        return format_html('<a href="{}">SDB-C{}</a>', reverse("collection", args=[row.pk]), row.pk)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().history_view(request, object_id, with_story(self, request, object_id))
