"""The one Django app."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class SpectraConfig(AppConfig):
    name = "spectradb"
    verbose_name = "Spectra"

    def ready(self) -> None:
        from spectradb import checks  # noqa: F401  (registers the system checks)

        # After auth's own receiver, which makes the permissions that roles are given.
        post_migrate.connect(_make_roles, sender=self)


def _make_roles(**kwargs: Any) -> None:
    from spectradb.services.roles import make_roles

    make_roles()
