"""Titles of the curation site, and what its first page says."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _


class SpectraAdminSite(AdminSite):
    site_title = _("SpectraDB curation")
    site_header = _("SpectraDB curation")
    index_title = _("Curation")
    enable_nav_sidebar = False

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        from spectradb.services.accounts.sign_in import AdminSignInForm  # after the apps are loaded

        self.login_form = AdminSignInForm
        return super().login(request, extra_context)

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        from spectradb.models import Collection, Comment, Status  # after the apps are loaded
        from spectradb.services.curation import workflow as curation

        more = {
            "waiting": curation.queue().count(),
            "n_comments": Comment.objects.unanswered().count(),
            "n_collections": Collection.objects.filter(status=Status.SUBMITTED).count(),
            **(extra_context or {}),
        }
        return super().index(request, more)
