"""Load a library release in bulk, beside what people have made of the structures here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from django.db import transaction
from django.utils import timezone
from numpy.typing import NDArray
from simple_history.utils import bulk_create_with_history, bulk_update_with_history

from compute.errors import InputError, ReadError
from compute.packing import unpack_curve
from spectradb.models import (
    Calculation,
    JobStatus,
    Site,
    Spectrum,
    Status,
    Structure,
    StructureElement,
)
from spectradb.plots import sparkline_path
from spectradb.services.calculations import records, routes
from spectradb.services.calculations.inputs import (
    input_hash,
    present_versions,
    valences,
    versions_of,
)
from spectradb.services.imports.structures import plain_dict
from spectradb.services.library.publish import CALCULATION, SITE, variant_of, whole
from spectradb.services.library.release import Release, n_rows, older_routes, read_release

T = TypeVar("T")

_CHUNK = 250  # structures a transaction
_BATCH = 500


@dataclass
class Loaded:
    """What became of a release.

    Attributes
    ----------
    new, unchanged : int
        Spectra.
    kept_out : int
        Spectra of other valences than a person has stated here, or older than what is shown.
    withdrawn : int
        Earlier spectra of the library that gave way.
    structures : int
        New ones.
    older : dict
        Routes whose release is of another version than is here: by route, both versions.
    """

    new: int = 0
    unchanged: int = 0
    kept_out: int = 0
    withdrawn: int = 0
    structures: int = 0
    older: dict[str, tuple[str, str]] = field(default_factory=dict)


def n_parts(folder: Path) -> int:
    """How many parts a release is loaded in, each a transaction.

    Raises
    ------
    ReadError
        If there is no manifest that can be read.
    """
    return -(-n_rows(folder, "structures") // _CHUNK)


def load_release(folder: Path) -> Iterator[Loaded]:
    """Load a release; after each few hundred structures how far it is, one object throughout.

    It may be stopped and repeated: what is here stays as it is.

    Raises
    ------
    ReadError
        If a file is missing, cut short or changed; nothing is stored then.
    """
    release = read_release(folder)
    done = Loaded(
        older=older_routes(
            release.manifest, [(route, present_versions(route)) for route in routes.ROUTES]
        )
    )
    curves = [_curve(row, number) for number, row in enumerate(release.spectra)]
    of_structure: dict[int, list[int]] = {}
    for number, row in enumerate(release.spectra):
        of_structure.setdefault(row["structure"], []).append(number)
    for chunk in _chunks(range(len(release.structures)), _CHUNK):
        with transaction.atomic():
            stored = store_structures([release.structures[n] for n in chunk], done)
            wanted = [
                (stored[release.structures[n]["digest"]], release.spectra[k], curves[k])
                for n in chunk
                for k in of_structure.get(n, [])
            ]
            _spectra(release, wanted, done)
        yield done


def energies_of(row: dict[str, Any]) -> NDArray[np.float64]:
    """The energies of a spectrum's row, eV."""
    if row["energy"]:
        return np.frombuffer(row["energy"], "<f8")
    return np.linspace(row["first_ev"], row["last_ev"], row["n"])


def _curve(row: dict[str, Any], number: int) -> records.Curve:
    try:
        energy = energies_of(row)
        intensity = unpack_curve(row["largest"], row["curve"])
    except (InputError, ValueError, TypeError) as error:
        raise ReadError([f"spectra, row {number}: {error}"]) from error
    if energy.size != intensity.size:
        raise ReadError([f"spectra, row {number}: {energy.size} energies, {intensity.size} values"])
    return records.Curve(energy, intensity, row["offset_ev"], row["offset_err"])


def store_structures(
    rows: list[dict[str, Any]], done: Loaded | None = None
) -> dict[str, tuple[Structure, list[Site | None]]]:
    """Row and sites of each structure by its digest, new ones stored and counted in ``done``."""
    digests = [row["digest"] for row in rows]
    here = {
        one.content_hash: one
        for one in Structure.objects.filter(content_hash__in=digests).defer("data")
    }
    fresh = [row for row in rows if row["digest"] not in here]
    ids = [row["about"]["source_id"] for row in fresh]
    taken = set(
        Structure.objects.filter(source_id__in=ids, is_primary=True).values_list(
            "source", "source_id"
        )
    )
    made = [_structure(row, taken) for row in fresh]
    for one in bulk_create_with_history(made, Structure, batch_size=_BATCH):
        here[one.content_hash] = one
    if done is not None:
        done.structures += len(made)
    StructureElement.objects.bulk_create(
        StructureElement(structure=here[row["digest"]], element=element, fraction=fraction)
        for row in fresh
        for element, fraction in row["elements"]
    )
    bulk_create_with_history(
        [
            Site(structure=here[row["digest"]], **dict(zip(SITE, site, strict=True)))
            for row in fresh
            for site in row["sites"]
        ],
        Site,
        batch_size=_BATCH,
    )
    known: dict[int, dict[tuple[str, int], Site]] = {}
    by_pk = {one.pk: one for one in here.values()}
    for site in Site.objects.filter(structure__in=[one.pk for one in here.values()]):
        site.structure = by_pk[site.structure_id]
        for atom in site.equivalent_indices or [site.index]:
            known.setdefault(site.structure_id, {})[site.element, atom] = site
    found = {}
    for row in rows:
        stored = here[row["digest"]]
        atoms = known.get(stored.pk, {})
        named = [dict(zip(SITE, site, strict=True)) for site in row["sites"]]
        found[row["digest"]] = (
            stored,
            [atoms.get((one["element"], one["index"])) for one in named],
        )
    return found


def _structure(row: dict[str, Any], taken: set[tuple[str, str]]) -> Structure:
    about = row["about"]
    if row["recipe"]:
        variant = variant_of(row["recipe"])
        if variant is None:
            raise ReadError([f"structures: no recipe {row['recipe']!r} is known"])
        data = plain_dict(variant.structure())
    else:
        data = whole(row["cell"])
    key = (about["source"], about["source_id"])
    return Structure(
        content_hash=row["digest"],
        data=data,
        is_primary=key not in taken,
        **about,
        **row["columns"],
    )


def _spectra(
    release: Release,
    wanted: list[tuple[tuple[Structure, list[Site | None]], dict[str, Any], records.Curve]],
    done: Loaded,
) -> None:
    digests: dict[str, tuple[Site, dict[str, Any], records.Curve]] = {}
    known: dict[int, dict[int | str, float]] = {}
    for (structure, sites), row, curve in wanted:
        site = sites[row["site"]]
        if site is None:
            done.kept_out += 1
            continue
        if structure.pk not in known:
            known[structure.pk] = valences({one.pk: one for one in sites if one}.values())
        of_release = _valences_of(release.structures[row["structure"]])
        versions = versions_of(row["version"], row["route"])
        place = (row["edge"], row["route"], versions)
        digest = input_hash(site, known[structure.pk], *place)
        if row["route"] in routes.MULTIPLETS and of_release != _sorted(known[structure.pk]):
            done.kept_out += 1  # somebody has stated another valence here
            continue
        digests[digest] = (site, row, curve)
    held = dict(
        Calculation.objects.filter(input_hash__in=digests).values_list("input_hash", "job_status")
    )
    shown = _shown([site.pk for site, *_ in digests.values()])
    fresh, earlier = [], []
    for digest, (site, row, curve) in digests.items():
        before = shown.get((site.pk, row["route"], row["edge"]))
        if held.get(digest) == JobStatus.DONE:
            done.unchanged += 1
        elif before and row["version"] != present_versions(row["route"]):
            done.kept_out += 1  # older than what is shown
        elif digest in held:
            _finish(digest, row, curve, site)
            done.new += 1
        else:
            fresh.append((digest, site, row, curve))
            earlier += before or []
    done.new += len(fresh)
    done.withdrawn += _give_way(earlier)
    made = [Calculation(input_hash=digest, **_values(row, site)) for digest, site, row, _ in fresh]
    by_digest = {
        one.input_hash: one
        for one in bulk_create_with_history(made, Calculation, batch_size=_BATCH)
    }
    told = str(release.manifest.get("citation", ""))
    spectra = [_record(by_digest[digest], curve, told) for digest, _, _, curve in fresh]
    bulk_create_with_history(spectra, Spectrum, batch_size=_BATCH)


def _valences_of(row: dict[str, Any]) -> list[tuple[str, float]]:
    """What the release computed with, in the terms of :func:`_sorted`."""
    sites = [
        Site(**{k: v for k, v in zip(SITE, site, strict=True) if v is not None})
        for site in row["sites"]
    ]
    return _sorted(valences(sites))


def _sorted(states: dict[int | str, float]) -> list[tuple[str, float]]:
    return sorted((str(key), round(float(state), 6)) for key, state in states.items())


def _shown(sites: list[int]) -> dict[tuple[int, str, str], list[Spectrum]]:
    """Published spectra of the library at these sites, by site, route and edge."""
    found: dict[tuple[int, str, str], list[Spectrum]] = {}
    rows = (
        Spectrum.objects.published()
        .filter(site__in=sites, contributor=None, calculation__isnull=False)
        .without_arrays()
        .select_related("calculation")
    )
    for one in rows:
        if one.calculation is not None and one.site_id is not None:
            key = (one.site_id, one.calculation.route, one.edge)
            found.setdefault(key, []).append(one)
    return found


def _give_way(earlier: list[Spectrum]) -> int:
    """Withdraw what a newer version of the library replaces; people's records are not among it."""
    for one in earlier:
        one.status = Status.WITHDRAWN
        one.status_note = "Replaced by a newer release of the library."
        one._change_reason = one.status_note  # type: ignore[attr-defined]  # of simple_history
    bulk_update_with_history(earlier, Spectrum, ["status", "status_note"], batch_size=_BATCH)
    return len(earlier)


def _values(row: dict[str, Any], site: Site) -> dict[str, Any]:
    return {name: row[name] for name in CALCULATION} | {
        "structure": site.structure,
        "site": site,
        "job_status": JobStatus.DONE,
        "seconds": row["seconds"],
        "public": True,
    }


def _finish(digest: str, row: dict[str, Any], curve: records.Curve, site: Site) -> None:
    """A calculation that was queued or failed here is done now, for all who asked for it."""
    held = Calculation.objects.select_for_update().get(input_hash=digest)
    finished = _values(row, site) | {"error": "", "error_cause": "", "error_permanent": False}
    for name, value in finished.items():
        setattr(held, name, value)
    held.save()
    records.store_records(held, curve)


def _record(row: Calculation, curve: records.Curve, citation: str) -> Spectrum:
    now = timezone.now()
    record = records.blank(row)
    record.status = Status.PUBLISHED
    record.submitted_at = record.published_at = now
    record.citation = citation
    record.energy_offset_ev, record.energy_offset_err = curve.offset_ev, curve.offset_err
    record.set_arrays(curve.energy_ev, curve.intensity)
    record.sparkline = sparkline_path(record.energy, record.intensity)
    record.content_hash = record.hash_content(row.input_hash)
    return record


def _chunks(items: range, size: int) -> Iterator[list[int]]:
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
