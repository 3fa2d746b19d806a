"""The one Django app."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class SpectraConfig(AppConfig):
    name = "spectradb"
    verbose_name = _("Spectra")

    def ready(self) -> None:
        from spectradb import checks, labels  # noqa: F401  (the first registers system checks)

        labels.name_all()

        if settings.SENTRY_DSN:
            from spectradb.error_reports import start_sentry

            start_sentry(settings.SENTRY_DSN)
        # After auth's own receiver, which makes the permissions that roles are given.
        post_migrate.connect(_make_standing_rows, sender=self)


def _make_standing_rows(**kwargs: Any) -> None:
    """The roles, and the minutely look for jobs whose worker died."""
    from django_q.models import Schedule

    from spectradb.services.accounts.roles import make_roles

    make_roles()
    Schedule.objects.get_or_create(
        func="spectradb.tasks.take_up_again",
        defaults={"name": "take up again", "schedule_type": Schedule.MINUTES, "minutes": 1},
    )
