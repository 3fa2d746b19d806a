"""What the database is at: whether anything was stored since, what is on its way, its tables."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from itertools import count

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

_thread = threading.local()  # as connections are
# A snapshot of a standby does not name what is in progress: there the replayed log tells.
_POSTGRESQL = (
    "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()::text"
    " ELSE pg_current_snapshot()::text END"
)
# Of those that have written: one that has not will stamp its rows later than this look. A standby
# does not know them.
_OLDEST = (
    "SELECT CASE WHEN pg_is_in_recovery() THEN 3600 ELSE coalesce(extract(epoch FROM"
    " clock_timestamp() - min(xact_start)), 0) END FROM pg_stat_activity"
    " WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid()"
)
# SQLite has one writer at a time, which may have its stamps before it waits for the one before.
_SQLITE_WAIT = timedelta(seconds=30)
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


def oldest_open() -> datetime:
    """No row that is committed after this look was stamped before, whatever runs now.

    That is when the oldest transaction that is still open began; now, if there is none. Of
    PostgreSQL's transactions it knows those of the site's own role. Clocks of hosts may differ:
    whoever compares stamps allows for that.
    """
    now = timezone.now()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(_OLDEST)
            (seconds,) = cursor.fetchone()
        return now - timedelta(seconds=float(seconds))
    return now - _SQLITE_WAIT if connection.vendor == "sqlite" else now


def is_migrated() -> bool:
    """Whether the tables are those of this code.

    Raises
    ------
    DatabaseError
        If the database does not answer.
    """
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())
