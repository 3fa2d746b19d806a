"""What pages ask of large tables is read by an index; as SQLite plans it without statistics."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from spectradb.models import Calculation, JobStatus, Site, Spectrum, Structure
from spectradb.services.matching.groups import groups

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "sqlite", reason="of SQLite's plans"),
]


def _ended() -> QuerySet[Calculation]:
    lately = timezone.now() - timedelta(hours=1)
    ended = [JobStatus.DONE, JobStatus.FAILED]
    rows: QuerySet[Calculation] = Calculation.objects.order_by()
    return rows.filter(finished__gte=lately, job_status__in=ended)


def _smallest() -> QuerySet[Structure]:
    holding = Site.objects.filter(structure=OuterRef("pk"), element__in=["Ti"])
    return Structure.objects.filter(Exists(holding)).order_by("n_sites", "pk")[:4]


ASKED: dict[str, tuple[Callable[[], QuerySet[Any, Any]], str]] = {
    "other spectra of a compound": (
        lambda: Spectrum.objects.filter(
            Q(formula="NiO") | Q(structure=1), absorber="Ni", edge="L23"
        ),
        "spectrum_compound",
    ),
    "the queue of every status": (
        lambda: Spectrum.objects.order_by("submitted_at", "pk")[:50], "spectrum_submitted",
    ),
    "jobs that ended lately": (_ended, "calculation_finished"),
    "engines": (
        lambda: Calculation.objects.order_by("engine").values_list("engine").distinct(),
        "calculation_engine",
    ),
    "sources of structures": (
        lambda: Structure.objects.order_by("source").values_list("source").distinct(),
        "structure_by_source",
    ),
    "cells of a material": (
        lambda: Structure.objects.filter(source="mp", source_id="mp-19009"), "structure_by_source",
    ),
    "the smallest structures": (_smallest, "structure_size"),
}  # fmt: skip


@pytest.mark.parametrize("asked", ASKED)
def test_no_page_reads_a_table_for_a_few_rows(asked: str) -> None:
    rows, index = ASKED[asked]
    plan = rows().explain()
    assert index in plan
    assert "USE TEMP B-TREE FOR DISTINCT" not in plan


def test_groups_of_spectra_are_counted_in_the_index_alone(django_assert_num_queries) -> None:
    with django_assert_num_queries(1) as asked:
        groups()
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {asked.captured_queries[0]['sql']}")
        plan = " ".join(str(line[-1]) for line in cursor.fetchall())
    assert "COVERING INDEX spectrum_groups" in plan
