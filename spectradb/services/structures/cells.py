"""Several cells of one material: which of them answers for its source id."""

from __future__ import annotations

from django.db import transaction

from compute.errors import InputError
from spectradb.models import Structure


def make_primary(structure: Structure) -> None:
    """Let this cell answer for its source id in searches, splits and scales.

    Raises
    ------
    InputError
        If it is of a file, whose name is no id.
    """
    if structure.source == "file" or not structure.source_id:
        raise InputError("structure", str(structure), "has no id of a database")
    with transaction.atomic():
        cells = Structure.objects.select_for_update().filter(
            source=structure.source, source_id=structure.source_id
        )
        for other in cells.filter(is_primary=True).exclude(pk=structure.pk).defer("data"):
            other.is_primary = False
            other.save(update_fields=["is_primary", "updated"])
        structure.is_primary = True
        structure.save(update_fields=["is_primary", "updated"])
