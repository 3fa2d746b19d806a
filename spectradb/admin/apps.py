"""The admin site, with our own look."""

from __future__ import annotations

from django.contrib.admin.apps import AdminConfig


class SpectraAdminConfig(AdminConfig):
    default_site = "spectradb.admin.site.SpectraAdminSite"

    def ready(self) -> None:
        super().ready()
        # Autodiscovery finds this very package, imported before there were models.
        from spectradb.admin import catalogue, spectra  # noqa: F401
