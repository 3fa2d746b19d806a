"""Write the library's published spectra as a release."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compute.crystals.prototypes import VALENCES, Variant, variants
from compute.l23.spectrum import BELOW_L3_EV
from compute.packing import pack_curve, rounded
from compute.thinning import near_duplicates
from spectradb.models import JobStatus, Site, Spectrum, Structure
from spectradb.services.imports.same_crystal import content_hash
from spectradb.services.library.build import library_structures
from spectradb.services.library.release import Release, write_release

ABOUT = (
    "source", "source_id", "name", "citation", "doi", "hypothetical", "licence", "read_from",
    "read_sha256", "findings",
)  # fmt: skip
COLUMNS = (
    "formula", "formula_anonymous", "chemical_system", "n_elements", "n_sites",
    "space_group_number", "space_group_symbol", "crystal_system", "a", "b", "c", "alpha", "beta",
    "gamma", "volume", "density",
)  # fmt: skip
SITE = (
    "index", "element", "multiplicity", "occupancy", "equivalent_indices", "oxidation_state",
    "oxidation_method", "oxidation_confidence", "spin_state", "coordination_number", "geometry",
    "ligands", "site_symmetry", "mean_bond_length",
)  # fmt: skip
CALCULATION = ("engine", "version", "route", "absorber", "edge", "parameters", "results")
_GRID = np.arange(-5.0, 30.0, 0.1)  # eV about the L3 maximum
_Key = tuple[str, int, str, str, str, str]
DIGITS = 7  # significant, of parameters and results


def publish(
    folder: Path,
    version: str,
    *,
    distance: float = 0.0,
    routes: Collection[str] = (),
    also: Iterable[Structure] = (),
    beyond: Sequence[Release] = (),
) -> dict[str, Any]:
    """Write the published spectra of the library's structures; the manifest.

    Parameters
    ----------
    routes : collection of str
        Only spectra of these; all when empty.
    also : iterable of Structure
        Written whether they have spectra or not.
    distance : float
        Spectra of hypothetical crystals that lie so near to another of the same ion and route are
        left out (:func:`compute.thinning.near_duplicates`, energies from the L3 maximum).
    beyond : sequence of Release
        A release and its supplements: what these have (sites of a structure by a version of a
        route) is left out, so that the folder supplements the first of them.
    """
    held = frozenset[_Key]().union(*map(_held, beyond))
    left_out = _left_out(distance) if distance else set()
    found = (
        Spectrum.objects.published()
        .filter(structure__in=library_structures(), calculation__job_status=JobStatus.DONE)
        .select_related("site", "calculation", "structure")
        .defer("structure__data", "calculation__sticks", "calculation__trace")
        .order_by("structure__hypothetical", "structure_id", "absorber", "pk")
    )
    if routes:
        found = found.filter(calculation__route__in=routes)
    structures: list[dict[str, Any]] = []
    places: dict[int, tuple[int, dict[int, int]]] = {}
    rows = []
    engines: dict[str, Counter[str]] = {}

    def place(row: Structure) -> None:
        sites = list(row.sites.order_by("pk"))
        places[row.pk] = len(structures), {site.pk: n for n, site in enumerate(sites)}
        structures.append(structure_row(row, sites))

    for structure in also:
        place(structure)
    for spectrum in found.iterator(chunk_size=200):
        if spectrum.pk in left_out or (held and _key(spectrum) in held):
            continue
        key = spectrum.structure_id or 0
        if key not in places:
            place(Structure.objects.get(pk=key))
        row = _spectrum_row(spectrum, *places[key])
        engines.setdefault(row["route"], Counter())[row["version"]] += 1
        rows.append(row)
    about = {
        **({"supplements": beyond[0].manifest["version"]} if beyond else {}),
        "near_duplicates": {"distance": distance, "left_out": len(left_out)},
        "engines": {route: seen.most_common(1)[0][0] for route, seen in sorted(engines.items())},
        "counts": {
            "structures": len(structures),
            "real_crystals": sum(not one["about"]["hypothetical"] for one in structures),
            "spectra": len(rows),
            **{route: sum(seen.values()) for route, seen in sorted(engines.items())},
        },
    }
    return write_release(folder, version, structures, rows, about)


def _held(release: Release) -> frozenset[_Key]:
    """What a release has, in the terms of :func:`_key`."""
    found = set()
    for row in release.spectra:
        structure = release.structures[row["structure"]]
        site = dict(zip(SITE, structure["sites"][row["site"]], strict=True))
        found.add(
            (
                structure["digest"],
                site["index"],
                row["absorber"],
                row["edge"],
                row["route"],
                row["version"],
            )
        )
    return frozenset(found)


def _key(spectrum: Spectrum) -> _Key:
    calculation, site, structure = spectrum.calculation, spectrum.site, spectrum.structure
    if calculation is None or site is None or structure is None:
        raise ValueError(f"{spectrum} lacks its structure, site or calculation")
    return (
        structure.content_hash, site.index, calculation.absorber, calculation.edge,
        calculation.route, calculation.version,
    )  # fmt: skip


def _left_out(distance: float) -> set[int]:
    """Spectra of hypothetical crystals that add nothing to those of the same ion and route."""
    rows = (
        Spectrum.objects.published()
        .filter(structure__in=library_structures(), calculation__job_status=JobStatus.DONE)
        .order_by("structure__hypothetical", "structure_id", "pk")
    )
    groups: dict[tuple[Any, ...], list[tuple[int, bool]]] = {}
    names = ("absorber", "edge", "calculation__route", "site__oxidation_state")
    for pk, hypothetical, *key, state in rows.values_list("pk", "structure__hypothetical", *names):
        ion = None if state is None else round(state, 2)
        groups.setdefault((*key, ion), []).append((pk, bool(hypothetical)))
    found: set[int] = set()
    for members in groups.values():
        held = Spectrum.objects.in_bulk([pk for pk, _ in members])
        curves = np.array([_about_maximum(held[pk]) for pk, _ in members])
        real = np.array([not hypothetical for _, hypothetical in members])
        gone = near_duplicates(curves, distance, keep=real)
        found.update(pk for (pk, _), out in zip(members, gone, strict=True) if out)
    return found


def _about_maximum(spectrum: Spectrum) -> NDArray[np.float64]:
    energy, intensity = np.asarray(spectrum.energy), np.asarray(spectrum.intensity)
    start = float(energy[0]) + BELOW_L3_EV  # the window of a spectrum is about its L3 maximum
    shown = np.interp(start + _GRID, energy, intensity, left=0.0, right=0.0)
    return np.asarray(shown, dtype=float)


def structure_row(row: Structure, sites: list[Site]) -> dict[str, Any]:
    """A structure with all that was derived of it; of a prototype its recipe and no cell."""
    recipe = recipe_of(row)
    return {
        "digest": row.content_hash,
        "recipe": recipe,
        "cell": {} if recipe else bare(row.data),
        "about": {name: getattr(row, name) for name in ABOUT},
        "columns": {name: getattr(row, name) for name in COLUMNS},
        "elements": list(row.element_rows.order_by("pk").values_list("element", "fraction")),
        "sites": [[getattr(site, name) for name in SITE] for site in sites],
    }


def recipe_of(row: Structure) -> str:
    """The variant that a stored cell is; empty where it is none, or no longer the same."""
    if not row.hypothetical:
        return ""
    variant = variant_of(row.source_id)
    same = variant is not None and content_hash(variant.structure()) == row.content_hash
    return row.source_id if same else ""


def variant_of(recipe: str) -> Variant | None:
    """The variant of this name."""
    element = next((one for one in VALENCES if recipe.startswith(one)), "")
    return _variants(element).get(recipe) if element else None


@cache
def _variants(element: str) -> dict[str, Variant]:
    return {one.id: one for one in variants(element)}


def bare(data: dict[str, Any]) -> dict[str, Any]:
    """A pymatgen dictionary without what follows from the rest of it."""
    lattice = {key: data["lattice"][key] for key in ("matrix", "pbc") if key in data["lattice"]}
    sites = [
        {key: value for key, value in site.items() if key not in ("xyz", "properties")}
        for site in data["sites"]
    ]
    return data | {"lattice": lattice, "sites": sites}


def whole(cell: dict[str, Any]) -> dict[str, Any]:
    """The pymatgen dictionary of a bare one."""
    from pymatgen.core import Lattice

    matrix = np.asarray(cell["lattice"]["matrix"], dtype=float)
    lattice = Lattice(matrix).as_dict() | cell["lattice"]
    sites = [
        site | {"xyz": (np.asarray(site["abc"]) @ matrix).tolist(), "properties": {}}
        for site in cell["sites"]
    ]
    return cell | {"lattice": lattice, "sites": sites}


def _spectrum_row(spectrum: Spectrum, structure: int, sites: dict[int, int]) -> dict[str, Any]:
    calculation = spectrum.calculation
    if calculation is None or spectrum.site_id is None:
        raise ValueError(f"{spectrum} lacks its site or calculation")
    energy = np.asarray(spectrum.energy)
    largest, curve = pack_curve(np.asarray(spectrum.intensity))
    values = {name: getattr(calculation, name) for name in CALCULATION}
    values |= {name: rounded(values[name], DIGITS) for name in ("parameters", "results")}
    return {
        "structure": structure,
        "site": sites[spectrum.site_id],
        **values,
        "seconds": calculation.seconds,
        "offset_ev": spectrum.energy_offset_ev,
        "offset_err": spectrum.energy_offset_err,
        "first_ev": float(energy[0]),
        "last_ev": float(energy[-1]),
        "n": energy.size,
        "energy": b"" if is_regular(energy) else energy.astype("<f8").tobytes(),
        "largest": largest,
        "curve": curve,
    }


def is_regular(energy: NDArray[np.float64]) -> bool:
    """Whether the ends and the number of points say it all, to a millionth of an eV."""
    return bool(np.allclose(energy, np.linspace(energy[0], energy[-1], energy.size), atol=1e-6))
