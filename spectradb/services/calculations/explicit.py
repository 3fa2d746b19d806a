"""A multiplet of given parameters as a job: one calculation a case, a private draft for each."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db import transaction

from compute.atom.version import VERSION as ATOM_VERSION
from compute.errors import InputError
from compute.multiplet.case import parse_case
from compute.multiplet.version import VERSION as ENGINE_VERSION
from compute.tasks import CaseTask, run
from spectradb.models import Calculation
from spectradb.services.calculations import records
from spectradb.services.queue import jobs

if TYPE_CHECKING:
    from django.contrib.auth.models import User

ENGINE = "spectradb.multiplet"
ROUTE = records.EXPLICIT
_VERSIONS = f"{ENGINE_VERSION} {ATOM_VERSION}"
_OWN = ("energy_ev", "intensity", "sticks", "parameters")


def queue_case(case: dict[str, Any], user: User) -> tuple[Calculation, bool]:
    """The calculation of this case, and whether it is now queued for this person.

    Who asks for one that others had before has a record of their own, at once if it is done.

    Raises
    ------
    InputError
        Naming the key and the value, before anything is stored.
    """
    parameters = _plain(dict(parse_case(case).parameters))
    digest = input_hash(parameters)
    with transaction.atomic():
        row, new = Calculation.objects.get_or_create(
            input_hash=digest,
            defaults={
                "engine": ENGINE,
                "version": _VERSIONS,
                "route": ROUTE,
                "absorber": parameters["element"],
                "edge": parameters["edge"],
                "parameters": parameters,
                "public": False,
            },
        )
        row = Calculation.objects.select_for_update().get(pk=row.pk)
        again = records.ask([row], user)
        if new:
            jobs.enqueue(Calculation, [row.pk])
        row.refresh_from_db(fields=["job_status"])
    return row, new or bool(again)


def input_hash(parameters: dict[str, Any]) -> str:
    """SHA-256 of everything that decides the result; the atom's integrals are among the values."""
    key = json.dumps([ENGINE, ENGINE_VERSION, ROUTE, parameters], sort_keys=True)
    return hashlib.sha256(key.encode()).hexdigest()


def run_case(pk: int) -> bool:
    """Run one, if it is still to be had; whether this call finished it."""
    return jobs.run(Calculation, pk, _work, store)


def task_of(row: Calculation) -> CaseTask:
    """What decides a queued calculation, as it is sent to whoever does it.

    Raises
    ------
    InputError
        If the engine is another than when it was asked for.
    """
    if input_hash(row.parameters) != row.input_hash:
        raise InputError("version", ENGINE_VERSION, "is not the engine asked for; ask again")
    return CaseTask(row.parameters)


def _work(row: Calculation) -> dict[str, Any]:
    found: dict[str, Any] = run(task_of(row))
    return found


def store(row: Calculation, result: dict[str, Any]) -> None:
    """Results on the calculation; its spectrum, on a relative energy axis, for all who asked."""
    row.results = {key: _plain(value) for key, value in result.items() if key not in _OWN}
    if result["sticks"] is not None:
        sticks = result["sticks"]
        row.sticks = np.column_stack([sticks["energy_ev"], sticks["intensity"]])
    row.version = _VERSIONS
    row.save()
    records.store_records(row, records.Curve(result["energy_ev"], result["intensity"]))


def _plain(value: Any) -> Any:
    """JSON values: arrays as lists."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(one) for one in value]
    return value.item() if isinstance(value, np.generic) else value
