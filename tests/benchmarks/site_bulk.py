"""What takes all rows of a large site: an export of many spectra, and the indexes for matching.

    SPECTRADB_POSTGRES=/var/tmp/sizes .ci/postgres python -m tests.benchmarks.site_bulk export
    SPECTRADB_POSTGRES=/var/tmp/sizes .ci/postgres python -m tests.benchmarks.site_bulk index

In a database of :mod:`tests.benchmarks.site_sizes` (made if it is not there). Told are seconds,
seconds of CPU (of this process: PostgreSQL has its own) and the largest resident memory, at the
beginning and at the end.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.site_sizes import database_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("export", "index"))
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the database")
    parser.add_argument("--spectra", type=int, default=100_000, help="that are exported")
    parser.add_argument("--format", default="parquet")
    for name in ("absorber", "edge", "kind"):
        parser.add_argument(f"--{name}", help="of the indexes that are made; all if not given")
    given = parser.parse_args()
    os.environ["DATABASE_URL"] = database_of(os.environ["DATABASE_URL"], given.rows)
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    with tempfile.TemporaryDirectory(prefix="spectradb-bench-") as folder:
        os.environ["SPECTRADB_VAR"] = folder
        import django

        django.setup()
        first, wall, cpu = _peak_mb(), time.monotonic(), time.process_time()
        if given.what == "export":
            told = _export(Path(folder), given.format, given.spectra)
        else:
            told = _index(Path(folder), given.absorber, given.edge, given.kind)
        sys.stdout.write(
            f"{told}: {time.monotonic() - wall:.0f} s, {time.process_time() - cpu:.0f} s of CPU, "
            f"{first:.0f} MB resident before, {_peak_mb():.0f} MB at most; "
            f"load {os.getloadavg()[0]:.1f}\n"
        )


def _export(folder: Path, format: str, most: int) -> str:
    from spectradb.models import Spectrum
    from spectradb.services.exports.write import export_spectra

    rows = Spectrum.objects.published().order_by("pk")
    last = list(rows.values_list("pk", flat=True)[most - 1 : most])
    chosen = rows.filter(pk__lte=last[0]) if last else rows
    done = export_spectra(chosen, format, folder / f"spectra.{format}")
    return f"{done.n_rows} spectra, {format}, {done.n_bytes / 1e6:.0f} MB"


def _index(folder: Path, absorber: str | None, edge: str | None, kind: str | None) -> str:
    from compute.errors import InputError
    from spectradb.services.matching.groups import groups
    from spectradb.services.matching.index import refresh

    sizes = []
    for group, _, _ in groups(absorber=absorber, edge=edge, kind=kind):
        began = time.process_time()
        try:
            sizes.append(len(refresh(group)))
        except InputError as error:  # made curves that nothing is measured like
            sys.stderr.write(f"{group.path.name}: {error}\n")
            continue
        sys.stderr.write(
            f"{group.path.name}: {sizes[-1]} spectra, {time.process_time() - began:.0f} s of CPU, "
            f"{_peak_mb():.0f} MB at most so far\n"
        )
    n_bytes = sum(one.stat().st_size for one in (folder / "match").rglob("*") if one.is_file())
    return (
        f"{len(sizes)} indexes of {sum(sizes)} spectra, {max(sizes, default=0)} in the largest, "
        f"{n_bytes / 1e6:.0f} MB"
    )


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


if __name__ == "__main__":
    main()
