"""Whether anything was stored since: a look-up that reads no table."""

from __future__ import annotations

import threading
from itertools import count

from django.db import connection

_thread = threading.local()  # as connections are
# A snapshot of a standby does not name what is in progress: there the replayed log tells.
_POSTGRESQL = (
    "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()::text"
    " ELSE pg_current_snapshot()::text END"
)
_numbers = count()  # of connections: each counts changes from its own beginning


def database_state() -> str | None:
    """Text that differs from before once anything was committed; None where that is not known.

    PostgreSQL's snapshot, or SQLite's counts of the changes of this connection and of others.
    Whatever anybody writes changes it, so that equal texts mean equal tables. Inside a transaction
    there is none: what it sees is its own.
    """
    if connection.in_atomic_block:
        return None
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(_POSTGRESQL)
            return str(cursor.fetchone()[0])
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA data_version")  # what other connections changed
            (others,) = cursor.fetchone()
        own = connection.connection
        if getattr(_thread, "connection", None) is not own:
            _thread.connection, _thread.number = own, next(_numbers)
        return f"{_thread.number}:{others}:{own.total_changes}"
    return None
