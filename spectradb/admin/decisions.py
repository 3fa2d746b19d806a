"""The queue and its decisions, the same for spectra and series."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from spectradb.admin.lists import Listed
from spectradb.models import Status
from spectradb.services.accounts.roles import may_curate
from spectradb.services.curation import workflow as curation
from spectradb.words import in_words


class NoteForm(ActionForm):
    """A bulk decision with its reason."""

    note = forms.CharField(
        label=_("Note"),
        required=False,
        max_length=2000,
        widget=forms.TextInput(attrs={"placeholder": _("Comment; needed to send back or reject")}),
    )


class QueueFilter(admin.SimpleListFilter):
    """By status; what waits for a decision comes first and unasked."""

    title = _("queue")
    parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            (one.value, gettext(str(one.label))) for one in Status if one != Status.SUBMITTED
        ] + [("all", gettext("All"))]

    def choices(self, changelist: Any) -> Any:
        for choice in super().choices(changelist):
            unasked = changelist.get_query_string(remove=[self.parameter_name])
            if choice["query_string"] == unasked:
                choice["display"] = gettext(str(Status.SUBMITTED.label))
            yield choice

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        asked = self.value()
        if asked == "all":
            return queryset
        status = asked if asked in Status.values else Status.SUBMITTED
        return queryset.filter(status=status)


class Decided(Listed):
    """Rows that go from draft to published: curators look, decide, and make or delete none."""

    action_form = NoteForm
    actions = ("publish", "send_back", "reject", "withdraw")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may_curate(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return may_curate(request.user)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return may_curate(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @admin.display(description=_("Status"), ordering="status")
    def state(self, row: Any) -> SafeString:
        return format_html(
            '<span class="badge {}">{}</span>', row.status, gettext(row.get_status_display())
        )

    @admin.action(description=_("Publish"), permissions=["change"])
    def publish(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        self._decide_all(request, rows, "publish")

    @admin.action(description=_("Send back"), permissions=["change"])
    def send_back(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        self._decide_all(request, rows, "send_back")

    @admin.action(description=_("Reject"), permissions=["change"])
    def reject(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        self._decide_all(request, rows, "reject")

    @admin.action(description=_("Withdraw"), permissions=["change"])
    def withdraw(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        self._decide_all(request, rows, "withdraw")

    def _decide_all(self, request: HttpRequest, rows: QuerySet[Any], action: str) -> None:
        note = request.POST.get("note", "")
        result = curation.decide_all(rows, action, request.user, note)
        if result.done:
            text = f"{gettext(curation.STEPS[action].done)}: {len(result.done)}."
            self.message_user(request, text, messages.SUCCESS)
        for reason in list(result.refused.values())[:20]:
            self.message_user(request, in_words(reason), messages.ERROR)
