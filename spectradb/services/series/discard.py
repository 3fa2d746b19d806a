"""A series is deleted with its analyses, and its file if no other row is of it."""

from __future__ import annotations

from django.core.files.storage import storages
from django.db import transaction

from spectradb.models import Series


def discard(row: Series) -> None:
    """Delete a series. Files go once the transaction holds.

    Raises
    ------
    ProtectedError
        If a stored spectrum was cut from it.
    """
    name = row.file_name
    with transaction.atomic():
        removed = list(row.analyses.exclude(file_name="").values_list("file_name", flat=True))
        row.delete()
        transaction.on_commit(lambda: _remove(name, removed))


def _remove(name: str, maps: list[str]) -> None:
    for one in maps:
        storages["series"].delete(one)
    if not Series.objects.filter(file_name=name).exists():  # the same, brought by somebody else
        storages["series"].delete(name)
