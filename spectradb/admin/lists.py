"""Lists of the admin: what Django does anew for each of their rows, done once or plainly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import ChangeList
from django.db.models import Model
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = admin.ModelAdmin  # not generic at run time


class Rows(ChangeList):
    """Addresses of rows with the filters that one comes back to.

    Django resolves each address among all of the site to learn that it is no list.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._kept, self.preserved_filters = self.preserved_filters, ""

    def url_for_result(self, result: Model) -> str:
        address = super().url_for_result(result)
        return f"{address}?{self._kept}" if self._kept else address


_LABEL = "Select this object for an action - {}"  # Django's words, which its catalogues translate


class Listed(_ModelAdmin):
    """A page of the admin whose list is long."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return Rows

    def action_checkbox(self, obj: Model) -> SafeString:
        """As Django's, without a template a row."""
        label = format_html(gettext(_LABEL), str(obj))
        return format_html(
            '<input type="checkbox" name="{}" value="{}" class="action-select" aria-label="{}">',
            ACTION_CHECKBOX_NAME,
            str(obj.pk),
            label,
        )
