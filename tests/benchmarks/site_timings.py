"""Times pages and queries of a filled database; one JSON row a line. Run by ``bench site``."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection, reset_queries  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from spectradb.models import Spectrum  # noqa: E402
from tests.benchmarks.rows import Row  # noqa: E402
from tests.benchmarks.site_rows import N_POINTS, fill  # noqa: E402
from tests.benchmarks.site_words import METALS, OTHERS, SYSTEMS  # noqa: E402

N_SPECTRA, N_STRUCTURES = 150_000, 20_000
LIMIT_MS = 100.0


def main() -> None:
    call_command("migrate", verbosity=0)
    start = time.process_time()
    if not Spectrum.objects.exists():
        fill(N_SPECTRA, N_STRUCTURES)
    _tell(Row("make the rows", time.process_time() - start, detail={"spectra": N_SPECTRA}))
    for name, paths in requests().items():
        _tell(_timed(name, list(paths)))
    _tell(_streamed("intensity"))
    _tell(_streamed("energy", "intensity"))


def _tell(row: Row) -> None:
    sys.stdout.write(json.dumps(asdict(row)) + "\n")
    sys.stdout.flush()


def requests() -> dict[str, Iterator[str]]:
    """Addresses of each kind of page, all of them different."""
    spectra = range(1000, N_SPECTRA, N_SPECTRA // 40)
    structures = range(10, N_STRUCTURES, N_STRUCTURES // 40)
    kinds = ("theory", "experiment")
    return {
        "home page": iter(["/"] * 15),
        "list page": (f"/spectra/?page={n}" for n in range(1, 31)),
        "list page, deep": (f"/spectra/?page={n}" for n in range(3000, 3030)),
        "search: absorber and edge": (
            f"/spectra/?absorber={m}&edge={e}" for m in METALS for e in ("L23", "L3", "K")
        ),
        "search: element in common": (
            f"/spectra/?elements=O&absorber={m}&kind={k}" for m in METALS for k in kinds
        ),
        "search: contains O": (f"/spectra/?elements=O&elements={o}" for o in OTHERS),
        "search: most rows": (
            f"/spectra/?elements=O&energy_above_hull_max={n / 100}" for n in range(8, 28)
        ),
        "search: facets and hull": (
            f"/spectra/?coordination_number=6&crystal_system={s}&energy_above_hull_max=0.{n}"
            for s in SYSTEMS
            for n in (1, 2, 3)
        ),
        "search: text": (f"/spectra/?q={m}+L3" for m in METALS),
        "search: by formula": (f"/spectra/?q={o}{m}O3" for o in OTHERS[:5] for m in METALS[:4]),
        "search: a word": (f"/spectra/?q=word{n}" for n in range(10)),
        "ordered by hull": (f"/spectra/?absorber={m}&ordering=energy_above_hull" for m in METALS),
        "spectrum page": (f"/spectra/{n}/" for n in spectra),
        "structure page": (f"/structures/{n}/" for n in structures),
        "API list": (f"/api/v1/spectra/?page_size={n}" for n in range(20, 40)),
        "API search": (
            f"/api/v1/spectra/?absorber={m}&edge=L23&oxidation_state={n}"
            for m in METALS
            for n in (2, 3)
        ),
        "API contains": (f"/api/v1/spectra/?elements=O&elements={o}" for o in OTHERS),
        "API spectrum": (f"/api/v1/spectra/{n}/" for n in spectra),
        "API with arrays": (
            f"/api/v1/spectra/?fields=id,energy,intensity&absorber={m}" for m in METALS
        ),
        "OPTIMADE": (
            f'/optimade/v1/structures?filter=elements HAS ALL "O","{o}"&page_limit=10'
            for o in OTHERS
        ),
    }


def _timed(name: str, paths: list[str]) -> Row:
    """Median wall time of the requests in ms, and the most queries that one of them needs."""
    client = Client()
    client.get(paths[0])
    times, cpu, counts = [], [], []
    for path in paths:
        start, start_cpu = time.perf_counter(), time.process_time()
        response = client.get(path)
        times.append(1e3 * (time.perf_counter() - start))
        cpu.append(1e3 * (time.process_time() - start_cpu))
        if response.status_code != 200:
            raise RuntimeError(f"{path}: {response.status_code}")
    for path in paths[:3]:
        reset_queries()
        with CaptureQueriesContext(connection) as captured:
            client.get(path)
        counts.append(len(captured))
    # The verdict is on CPU time: the machine may be shared, and nothing here waits for a disk.
    return Row(
        name,
        statistics.median(cpu),
        "ms CPU",
        limit=LIMIT_MS,
        detail={
            "wall_ms": round(statistics.median(times), 1),
            "worst_ms": round(max(cpu), 1),
            "queries": max(counts),
            "requests": len(paths),
        },
    )


def _streamed(*names: str) -> Row:
    def read() -> int:
        rows = Spectrum.objects.order_by("pk").values_list(*names).iterator(chunk_size=2000)
        return sum(1 for row in rows if row[-1].size == N_POINTS)

    seconds, found = _clock(read)
    if found != N_SPECTRA:
        raise RuntimeError(f"{found} spectra read, {N_SPECTRA} stored")
    limit = 10.0 if len(names) == 1 else None
    return Row(f"stream all: {' and '.join(names)}", seconds, "s wall", limit=limit)


def _clock(work: Callable[[], int]) -> tuple[float, int]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


if __name__ == "__main__":
    main()
