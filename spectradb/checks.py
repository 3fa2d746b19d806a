"""Bad settings, told by ``manage.py check``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register("spectradb")
def queue_retries_after_timeout(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """A retry that comes before the timeout runs a job twice."""
    if settings.Q_CLUSTER["retry"] <= settings.Q_CLUSTER["timeout"]:
        return [
            Error(
                f"Q_CLUSTER retry ({settings.Q_CLUSTER['retry']} s) is not above timeout "
                f"({settings.Q_CLUSTER['timeout']} s).",
                hint="Raise retry, or a running job is handed out a second time.",
                id="spectradb.E001",
            )
        ]
    return []
