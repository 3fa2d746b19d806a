"""A multiplet of given parameters as a job: one calculation a case, a private draft of it."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np
from django.conf import settings
from django.db import transaction

from compute.multiplet import solve
from compute.multiplet.case import parse_case
from spectradb.models import Calculation, Kind, Quantity, Spectrum, Status
from spectradb.plots import sparkline_path
from spectradb.services.queue import jobs

if TYPE_CHECKING:
    from django.contrib.auth.models import User

ENGINE = "spectradb.multiplet"
ROUTE = "explicit"
_OWN = ("energy_ev", "intensity", "sticks", "parameters")


def queue_case(case: dict[str, Any], user: User) -> tuple[Calculation, bool]:
    """The calculation of this case, and whether it is new and now queued.

    Raises
    ------
    InputError
        Naming the key and the value, before anything is stored.
    """
    parameters = _plain(dict(parse_case(case).parameters))
    key = json.dumps([ENGINE, settings.VERSION, ROUTE, parameters], sort_keys=True)
    digest = hashlib.sha256(key.encode()).hexdigest()
    with transaction.atomic():
        row, new = Calculation.objects.get_or_create(
            input_hash=digest,
            defaults={
                "engine": ENGINE,
                "version": settings.VERSION,
                "route": ROUTE,
                "absorber": parameters["element"],
                "edge": parameters["edge"],
                "parameters": parameters,
                "requested_by": user,
            },
        )
        if new:
            jobs.enqueue(Calculation, [row.pk])
    return row, new


def run_case(pk: int) -> bool:
    """Run one, if it is still to be had; whether this call finished it."""
    return jobs.run(Calculation, pk, lambda row: solve(row.parameters), _store)


def _store(row: Calculation, result: dict[str, Any]) -> None:
    """Results on the calculation; the spectrum, on its relative energy axis, as a draft."""
    row.results = {key: _plain(value) for key, value in result.items() if key not in _OWN}
    if result["sticks"] is not None:
        sticks = result["sticks"]
        row.sticks = np.column_stack([sticks["energy_ev"], sticks["intensity"]])
    row.save()
    p = row.parameters
    spectrum = Spectrum(
        kind=Kind.THEORY,
        absorber=row.absorber,
        edge=row.edge,
        title=f"{p['element']}{p['charge']}+ 3d{p['n_d']}, given parameters",
        quantity=Quantity.RADIAL,
        status=Status.DRAFT,
        contributor=row.requested_by,
        calculation=row,
        sparkline=sparkline_path(result["energy_ev"], result["intensity"]),
    )
    spectrum.set_arrays(result["energy_ev"], result["intensity"])
    spectrum.content_hash = spectrum.hash_content(row.input_hash)
    spectrum.save()


def _plain(value: Any) -> Any:
    """JSON values: arrays as lists."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(one) for one in value]
    return value.item() if isinstance(value, np.generic) else value
