"""django-q's workers, in a cluster that outlives processes that are killed."""

from __future__ import annotations

from typing import Any

from django_q.management.commands import qcluster

from spectradb.services.queue import qcluster as sturdy_cluster


class Command(qcluster.Command):  # type: ignore[misc]
    def handle(self, *args: Any, **options: Any) -> None:
        sturdy_cluster.install()
        super().handle(*args, **options)
