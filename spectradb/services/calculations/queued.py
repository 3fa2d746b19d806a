"""A queued calculation of any kind: what decides it, and where its result is kept."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from compute import routes
from compute.tasks import Task
from spectradb.models import Calculation
from spectradb.services.calculations import explicit, structures


def carried(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Those of these rows that a worker can do who knows ``compute`` alone."""
    return rows.filter(route__in=[*routes.ROUTES, explicit.ROUTE])


def task_of(row: Calculation) -> Task:
    """What is to be computed, as plain data.

    Raises
    ------
    InputError
        If it is not any more what was asked for.
    """
    return explicit.task_of(row) if _is_case(row) else structures.task_of(row)


def store(row: Calculation, result: Any) -> None:
    """Keep a result, in the transaction that ends the job."""
    if _is_case(row):
        explicit.store(row, result)
    else:
        structures.store(row, result)


def run(pk: int) -> bool:
    """Run one here, if it is still to be had; whether this call finished it."""
    case = Calculation.objects.filter(pk=pk, route=explicit.ROUTE).exists()
    return explicit.run_case(pk) if case else structures.run_calculation(pk)


def _is_case(row: Calculation) -> bool:
    return row.route == explicit.ROUTE
