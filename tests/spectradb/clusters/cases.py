"""Many short calculations: Ti4+ in crystal fields a little apart."""

from __future__ import annotations

import copy
from typing import Any

from compute.multiplet.case import parse_case
from spectradb.models import Calculation
from spectradb.services.calculations import explicit


def queue_cases(n: int, user: Any, *, start: int = 0) -> list[int]:
    """Queue those from a number on for a person, without a message to any worker."""
    given = {"element": "Ti", "charge": 4, "crystal_field": {"ten_dq": 1.0}}
    first = explicit._plain(dict(parse_case(given).parameters))
    rows = []
    for number in range(start, start + n):
        parameters = copy.deepcopy(first)
        parameters["crystal_field"]["ten_dq"] = 1.0 + 1e-4 * number
        rows.append(
            Calculation(
                engine=explicit.ENGINE,
                route=explicit.ROUTE,
                absorber="Ti",
                edge="L23",
                parameters=parameters,
                input_hash=explicit.input_hash(parameters),
                public=False,
            )
        )
    made = Calculation.objects.bulk_create(rows)
    links = Calculation.requesters.through
    links.objects.bulk_create([links(calculation=row, user=user) for row in made])
    return [row.pk for row in made]
