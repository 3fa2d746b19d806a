"""What is done as soon as the database can be reached: a host that is cut off stores nothing twice,
and forgets nothing that it has computed meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection

R = TypeVar("R")
AWAY_SECONDS = 600.0
"""So long an end of a job is tried; then its row is taken up as that of a silent worker."""
_PAUSE_SECONDS = 5.0


class DatabaseAwayError(Exception):
    """Of a job that needed the database while it could not be reached."""

    cause = "Database away"
    permanent = False

    def __init__(self, why: Exception) -> None:
        super().__init__("The database could not be reached while this ran.")
        self.__cause__ = why


def once_reachable(write: Callable[[], R]) -> R:
    """Do it, over new connections where one is gone; whatever else goes wrong is raised.

    ``write`` is done again from its beginning, also where only the answer to its commit was lost:
    it has to see by itself that it was done.
    """
    end = time.monotonic() + AWAY_SECONDS
    while True:
        try:
            return write()
        except (OperationalError, InterfaceError):
            if not is_away() or time.monotonic() > end:
                raise
            connection.close()
        time.sleep(_PAUSE_SECONDS)


def is_away() -> bool:
    """After an error of the database: whether it was the connection's."""
    if connection.in_atomic_block:
        return False
    return connection.connection is None or not connection.is_usable()
