"""The admin site, with our own look."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.admin.apps import AdminConfig


class SpectraAdminConfig(AdminConfig):
    default_site = "spectradb.admin.site.SpectraAdminSite"

    def ready(self) -> None:
        super().ready()
        from allauth.account.models import EmailAddress
        from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken

        # Providers are named in the settings, addresses kept on accounts: none of it is edited.
        admin.site.unregister([EmailAddress, SocialAccount, SocialApp, SocialToken])
        # Autodiscovery finds this very package, imported before there were models.
        from spectradb.admin import catalogue, people, series, spectra  # noqa: F401
