"""What has to be so before workers start: tables of this code, the signing key of all hosts."""

from __future__ import annotations

from django.core.management.base import CommandError
from django.db import DatabaseError


def refuse_other_tables() -> None:
    """Before workers start that look for jobs.

    Raises
    ------
    CommandError
        What to do, where the tables are missing or older, or no database answers.
    """
    from spectradb.database_state import is_migrated

    try:
        migrated = is_migrated()
    except DatabaseError as error:
        raise CommandError(f"The database does not answer: {error}") from error
    if not migrated:
        raise CommandError(
            "The database has not the tables of this version. Make them with: manage.py migrate"
        )


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
