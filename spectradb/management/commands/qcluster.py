"""django-q's workers, in a cluster that outlives processes that are killed."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django_q.management.commands import qcluster

from spectradb.management.before import refuse_other_key, refuse_other_tables
from spectradb.services.queue import qcluster as sturdy_cluster
from spectradb.services.queue.keys import take_new_key


class Command(qcluster.Command):  # type: ignore[misc]
    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--new-key",
            action="store_true",
            help="SECRET_KEY was changed on purpose: it is the site's from now on",
        )

    def handle(self, *args: Any, new_key: bool = False, **options: Any) -> None:
        refuse_other_tables()
        if new_key:
            take_new_key()
        refuse_other_key()
        sturdy_cluster.install()
        super().handle(*args, **options)
