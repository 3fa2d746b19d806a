"""The one Django app."""

from __future__ import annotations

from django.apps import AppConfig


class SpectraConfig(AppConfig):
    name = "spectradb"
    verbose_name = "Spectra"

    def ready(self) -> None:
        from spectradb import checks  # noqa: F401  (registers the system checks)
