"""Workers have the signing key of the site's others, or do not start."""

from __future__ import annotations

from django.core.management.base import CommandError


def refuse_other_key() -> None:
    """Before workers start; those beside a command say nothing themselves.

    Raises
    ------
    CommandError
        What to do, where this host has another key.
    """
    from spectradb.services.queue.keys import OtherKeyError, check_key

    try:
        check_key()
    except OtherKeyError as error:
        raise CommandError(str(error)) from error
