"""Fills a database with made-up rows of real size: structures, sites, spectra with arrays.

Only their number and spread matter to the benchmark; nobody is meant to look at them.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from django.db import connection, transaction
from django.utils import timezone
from numpy.typing import NDArray

from compute.matching.l23 import white_lines
from spectradb.models import (
    Calculation,
    JobStatus,
    Kind,
    Measurement,
    Quantity,
    Site,
    Spectrum,
    Status,
    Structure,
    StructureElement,
)
from spectradb.plots import sparkline_path
from tests.benchmarks.site_words import METALS, OTHERS, SYSTEMS

LIGANDS = ("O", "O", "O", "O", "S", "F", "Cl", "Br", "N")
SHAPES = ((6, "octahedron"), (6, "octahedron"), (4, "tetrahedron"), (5, "square pyramid"))
N_POINTS = 300


def fill(n_spectra: int, n_structures: int, seed: int = 0) -> None:
    """Rows in bulk: about one spectrum in fifty measured, one in two hundred unpublished."""
    rng = np.random.default_rng(seed)
    with transaction.atomic():
        _structures(n_structures, rng)
        sites = list(Site.objects.order_by("pk").values_list("pk", "structure_id", "element"))
        formulas = dict(Structure.objects.values_list("pk", "formula"))
        curves = [_curve(rng) for _ in range(64)]
        numbers = iter(range(n_spectra))
        while batch := list(itertools.islice(numbers, 2000)):
            _spectra(batch, sites, formulas, curves, rng)
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


def _structures(n: int, rng: np.random.Generator) -> None:
    from pymatgen.core import Lattice
    from pymatgen.core import Structure as Crystal

    crystal = Crystal(Lattice.cubic(4.0), ["Ni", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]]).as_dict()
    rows, elements, sites = [], [], []
    for number in range(n):
        metal, other = METALS[rng.integers(len(METALS))], OTHERS[rng.integers(len(OTHERS))]
        ligand, count = LIGANDS[rng.integers(len(LIGANDS))], int(rng.integers(1, 6))
        symbols = sorted({metal, other, ligand})
        rows.append(
            Structure(
                pk=number + 1,
                formula=f"{other}{metal}{ligand}{count if count > 1 else ''}",
                formula_anonymous="ABC3",
                chemical_system="-".join(symbols),
                n_elements=len(symbols),
                n_sites=int(rng.integers(2, 60)),
                space_group_number=int(rng.integers(1, 231)),
                space_group_symbol="Pm-3m",
                crystal_system=SYSTEMS[rng.integers(len(SYSTEMS))],
                **dict.fromkeys(("a", "b", "c"), 4.0),
                **dict.fromkeys(("alpha", "beta", "gamma"), 90.0),
                volume=64.0,
                density=5.0,
                source="mp",
                source_id=f"mp-{number}",
                energy_above_hull=float(rng.exponential(0.05)),
                hypothetical=bool(rng.random() < 0.3),
                content_hash=f"structure-{number}",
                data=crystal,
            )
        )
        elements += [
            StructureElement(structure_id=number + 1, element=one, fraction=1 / len(symbols))
            for one in symbols
        ]
        for index in range(int(rng.integers(1, 4))):
            coordination, shape = SHAPES[rng.integers(len(SHAPES))]
            sites.append(
                Site(
                    structure_id=number + 1,
                    index=index,
                    element=metal,
                    oxidation_state=float(rng.integers(1, 5)),
                    coordination_number=coordination,
                    geometry=shape,
                    ligands=ligand,
                    site_symmetry="m-3m",
                    mean_bond_length=2.0,
                )
            )
    Structure.objects.bulk_create(rows, batch_size=500)
    StructureElement.objects.bulk_create(elements, batch_size=2000)
    Site.objects.bulk_create(sites, batch_size=1000)


def _curve(rng: np.random.Generator) -> tuple[NDArray[np.float64], str]:
    """One shape and its picture; a few dozen of them are enough for rows that differ by scale."""
    energy = np.linspace(0.0, 30.0, N_POINTS)
    peaks = rng.uniform(5, 25, 4)
    intensity = (0.3 / ((energy[:, None] - peaks) ** 2 + 0.3)).sum(axis=1)
    return intensity, sparkline_path(energy, intensity)


def _spectra(
    batch: list[int], sites: list[tuple[int, int, str]], formulas: dict[int, str],
    curves: list[tuple[NDArray[np.float64], str]],
    rng: np.random.Generator,
) -> None:  # fmt: skip
    rows, calculations, measurements = [], [], []
    now = timezone.now()
    for number in batch:
        site, structure, metal = sites[number % len(sites)]
        edge = "L23" if rng.random() < 0.6 else "K"
        is_measured = number % 50 == 0
        lines = white_lines(metal, edge)
        low = 450.0 + 60.0 * METALS.index(metal) if lines is None else lines.range_ev[0]
        energy = np.linspace(low, low + 30.0, N_POINTS)
        values: dict[str, Any] = {
            "absorber": metal,
            "edge": edge,
            "technique": "XANES" if rng.random() < 0.95 else "EELS",
            "structure_id": structure,
            "site_id": site,
            "formula": formulas[structure],
            "quantity": Quantity.RADIAL,
            "status": Status.SUBMITTED if number % 200 == 7 else Status.PUBLISHED,
            "published_at": now,
            "content_hash": f"spectrum-{number}",
        }
        if is_measured:
            measurements.append(Measurement(pk=number + 1, facility="SSRL", beamline="4-3"))
            row = Spectrum(kind=Kind.EXPERIMENT, measurement_id=number + 1, **values)
        else:
            calculations.append(
                Calculation(
                    pk=number + 1,
                    engine="spectradb.multiplet",
                    absorber=metal,
                    edge=edge,
                    structure_id=structure,
                    site_id=site,
                    parameters={"ten_dq": 1.0},
                    input_hash=f"calculation-{number}",
                    job_status=JobStatus.DONE,
                )
            )
            row = Spectrum(kind=Kind.THEORY, calculation_id=number + 1, **values)
        shape, row.sparkline = curves[number % len(curves)]
        row.set_arrays(energy, shape * (1 + 1e-6 * number))
        rows.append(row)
    Calculation.objects.bulk_create(calculations, batch_size=1000)
    Measurement.objects.bulk_create(measurements, batch_size=1000)
    Spectrum.objects.bulk_create(rows, batch_size=500)
