"""Rows for tests: each call makes one valid row; name only what the test is about."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from spectradb.models import (
    Calculation,
    JobStatus,
    Kind,
    Measurement,
    Peak,
    PeakFit,
    Series,
    SeriesAnalysis,
    Site,
    Spectrum,
    Status,
    Structure,
    StructureElement,
)

if TYPE_CHECKING:
    from django.contrib.auth.models import User

_numbers = itertools.count(1)
ROCKSALT = {"NiO": 4.177, "MnO": 4.445, "CoO": 4.26, "FeO": 4.33}


def rocksalt(formula: str = "NiO", a: float | None = None) -> Any:
    """The primitive rocksalt cell as pymatgen knows it."""
    from pymatgen.core import Lattice
    from pymatgen.core import Structure as PymatgenStructure

    metal = formula[:-1]
    half = (a or ROCKSALT[formula]) / 2
    lattice = Lattice([[0, half, half], [half, 0, half], [half, half, 0]])
    return PymatgenStructure(lattice, [metal, "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def make_structure(formula: str = "NiO", **fields: Any) -> Structure:
    """A rocksalt-like structure of a binary formula, its elements joined."""
    from pymatgen.core import Composition

    n = next(_numbers)
    composition = Composition(formula)
    symbols = sorted(str(element) for element in composition.elements)
    values: dict[str, Any] = {
        "formula": composition.reduced_formula,
        "formula_anonymous": composition.anonymized_formula,
        "chemical_system": "-".join(symbols),
        "n_elements": len(symbols),
        "n_sites": 2,
        "space_group_number": 225,
        "space_group_symbol": "Fm-3m",
        "crystal_system": "cubic",
        **dict.fromkeys(("a", "b", "c"), 2.95),
        **dict.fromkeys(("alpha", "beta", "gamma"), 60.0),
        "volume": 18.2,
        "density": 6.8,
        "source": "mp",
        "source_id": f"mp-{n}",
        "content_hash": f"structure-{n}",
    }
    if "data" not in fields:
        values["data"] = rocksalt(formula if formula in ROCKSALT else "NiO").as_dict()
    structure = Structure.objects.create(**{**values, **fields})
    StructureElement.objects.bulk_create(
        StructureElement(
            structure=structure, element=str(one), fraction=composition.get_atomic_fraction(one)
        )
        for one in composition.elements
    )
    return structure


def make_site(structure: Structure | None = None, **fields: Any) -> Site:
    """An octahedral metal site."""
    structure = structure or make_structure()
    values: dict[str, Any] = {
        "index": 0,
        "element": "Ni",
        "oxidation_state": 2.0,
        "oxidation_method": "bond valence",
        "coordination_number": 6,
        "geometry": "octahedron",
        "ligands": "O",
        "site_symmetry": "m-3m",
        "mean_bond_length": 2.09,
    }
    return Site.objects.create(structure=structure, **{**values, **fields})


def lorentzians(energy: np.ndarray, peaks: tuple[tuple[float, float, float], ...]) -> np.ndarray:
    """Sum of Lorentzians (position eV, HWHM eV, area)."""
    return sum(
        area * hwhm / np.pi / ((energy - position) ** 2 + hwhm**2) for position, hwhm, area in peaks
    ) * np.ones_like(energy)


def make_spectrum(
    kind: str = Kind.THEORY,
    *,
    structure: Structure | None = None,
    site: Site | None = None,
    status: str = Status.PUBLISHED,
    contributor: User | None = None,
    energy: Any = None,
    intensity: Any = None,
    **fields: Any,
) -> Spectrum:
    """A published Ni L2,3 theory spectrum unless told otherwise; arrays differ every time.

    ``measurement_*`` and ``calculation_*`` fields go to the provenance row.
    """
    n = next(_numbers)
    provenance = {
        name: {
            key.removeprefix(f"{name}_"): fields.pop(key)
            for key in list(fields)
            if key.startswith(f"{name}_")
        }
        for name in ("measurement", "calculation")
    }
    values: dict[str, Any] = {"absorber": "Ni", "edge": "L23", "technique": "XANES"}
    values |= {"structure": structure, "site": site, "status": status, "contributor": contributor}
    values["formula"] = structure.formula if structure else "NiO"
    if kind == Kind.THEORY:
        given = {
            "engine": "spectradb.multiplet",
            "input_hash": f"calculation-{n}",
            "job_status": JobStatus.DONE,
            "absorber": fields.get("absorber", "Ni"),
            "edge": fields.get("edge", "L23"),
            "structure": structure,
            "site": site,
        }
        calculation = Calculation.objects.create(**{**given, **provenance["calculation"]})
        values["calculation"] = calculation
    else:
        given = {"sample_name": "NiO powder", "facility": "Photon Factory", "mode": "TEY"}
        values["measurement"] = Measurement.objects.create(**{**given, **provenance["measurement"]})
    spectrum = Spectrum(kind=kind, **{**values, **fields})
    if energy is None:
        energy = np.linspace(845.0, 885.0, 401)
        intensity = lorentzians(energy, ((853.0 + 1e-6 * n, 0.3, 1.0), (870.5, 0.5, 0.5)))
    spectrum.set_arrays(energy, intensity)
    if not spectrum.content_hash:
        spectrum.content_hash = spectrum.hash_content(n)
    spectrum.save()
    return spectrum


def make_peak_fit(spectrum: Spectrum, *peaks: tuple[float, float, float], **fields: Any) -> PeakFit:
    """A finished fit with peaks (position eV, HWHM eV, area)."""
    values = {"input_hash": f"fit-{next(_numbers)}", "job_status": JobStatus.DONE}
    fit = PeakFit.objects.create(spectrum=spectrum, n_peaks=len(peaks), **{**values, **fields})
    Peak.objects.bulk_create(
        Peak(
            fit=fit,
            index=index,
            position_ev=position,
            position_err=0.01,
            hwhm_ev=hwhm,
            hwhm_err=0.01,
            area=area,
            area_err=0.01,
        )
        for index, (position, hwhm, area) in enumerate(peaks)
    )
    return fit


def make_series(shape: tuple[int, ...] = (3, 4), **fields: Any) -> Series:
    """A published map of counts of two Mn L2,3 lines on 60 channels, with its file."""
    from compute.series.io import RawSeries
    from compute.series.io.raw import Axis
    from spectradb.services.series.store import store_series

    energy = 640 + 0.5 * np.arange(60)
    lines = [
        lorentzians(energy, ((place, 1.0, 1.0), (place + 11, 1.5, 0.5))) for place in (645, 648)
    ]
    share = np.linspace(0, 1, int(np.prod(shape)))[:, None]
    counts = 500 * (0.1 + share * lines[0] + (1 - share) * lines[1])
    values = np.random.default_rng(next(_numbers)).poisson(counts).astype("<f4")
    axes = tuple(
        Axis(name, "nm", 2.0 * np.arange(size))
        for name, size in zip("zyx"[-len(shape) :], shape, strict=True)
    )
    raw = RawSeries(
        axes, energy, lambda: iter([values]), "made", "<f4", "Mn", "L23", "counts", "EELS"
    )
    row = Series.objects.get(pk=store_series(raw, "made", ["made.h5"]).id)
    given = {"status": Status.PUBLISHED, "formula": "MnO", "licence": "CC BY 4.0"}
    for name, value in {**given, **fields}.items():
        setattr(row, name, value)
    row.save()
    return row


def make_series_analysis(series: Series, **fields: Any) -> SeriesAnalysis:
    """A finished analysis with its maps: two factors, unless told otherwise."""
    from dataclasses import asdict

    from spectradb.services.queue import jobs
    from spectradb.services.series.analyses import keep_maps, work
    from spectradb.services.series.writing import Asked

    asked = fields.pop("asked", Asked("nmf", components=2))
    given = {"public": True, "input_hash": f"analysis-{next(_numbers)}"}
    row = SeriesAnalysis.objects.create(
        series=series, method=asked.method, options=asdict(asked), **{**given, **fields}
    )
    assert jobs.run(SeriesAnalysis, row.pk, work, keep_maps), row.error
    row.refresh_from_db()
    return row


def make_user(name: str = "", role: str = "", **fields: Any) -> User:
    """A person, in a role when one is named."""
    from django.contrib.auth import get_user_model

    from spectradb.services.accounts.roles import give_role

    user: User = get_user_model().objects.create_user(
        name or f"person{next(_numbers)}", password="password", **fields
    )
    if role:
        give_role(user, role)
    return get_user_model().objects.get(pk=user.pk)
