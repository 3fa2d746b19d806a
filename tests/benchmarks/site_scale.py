"""Fills the PostgreSQL that ``DATABASE_URL`` names with rows of real size, quickly.

    python -m tests.benchmarks.site_scale --spectra 1000000 --structures 150000

Some thousands of rows are made as the site makes them (:mod:`tests.benchmarks.site_rows`); the
database then copies them to numbers of their own: curves and formulas repeat, nothing else does.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.db.models import Model  # noqa: E402

from spectradb.models import (  # noqa: E402
    Calculation,
    Measurement,
    Site,
    Spectrum,
    Structure,
    StructureElement,
)
from tests.benchmarks.site_rows import fill  # noqa: E402

_MADE = 10_000
_TABLES: tuple[type[Model], ...] = (
    Structure, StructureElement, Site, Calculation, Measurement, Spectrum,
)  # fmt: skip
_OWN_TEXT = {"content_hash", "input_hash", "source_id"}
_NEXT = "||'-'||k"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spectra", type=int, required=True)
    parser.add_argument("--structures", type=int, required=True)
    given = parser.parse_args()
    if connection.vendor != "postgresql":
        parser.error("DATABASE_URL has to name a PostgreSQL")
    call_command("migrate", verbosity=0)
    if Spectrum.objects.exists():
        parser.error("the database has spectra already")
    began = time.monotonic()
    copies = max(1, given.spectra // _MADE)
    fill(given.spectra // copies, given.structures // copies)
    if copies > 1:
        _copy(copies)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("SELECT pg_database_size(current_database())")
        (size,) = cursor.fetchone()
    sys.stdout.write(
        f"{Spectrum.objects.count()} spectra of {Structure.objects.count()} structures in "
        f"{time.monotonic() - began:.0f} s, {size / 1e9:.1f} GB\n"
    )


def _copy(copies: int) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # rows refer to copies
        step = {model: _last(model) for model in _TABLES}
        for model in _TABLES:
            table = model._meta.db_table
            names, values = [], []
            for field in model._meta.concrete_fields:
                names.append(f'"{field.column}"')
                of = model if field.primary_key else field.related_model
                value = f'"{field.column}"'
                if of in step:
                    value += f" + k * {step[of]}"  # type: ignore[index]
                elif field.name in _OWN_TEXT:
                    value += _NEXT
                elif field.name in ("updated", "published_at"):
                    value += " - k * interval '1 minute'"
                values.append(value)
            cursor.execute(
                f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(values)} "
                f"FROM {table}, generate_series(1, {copies - 1}) AS k"
            )
            cursor.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}"
            )


def _last(model: type[Model]) -> int:
    last = model._default_manager.order_by("pk").values_list("pk", flat=True).last()
    return int(last or 0)


if __name__ == "__main__":
    main()
