"""Compute spectra of structures: one calculation a site, queued or at once.

A calculation is known by the hash of what goes into it (structure, valences of its sites, edge,
versions of route and engine), so that asking twice runs once. Valences are those of the Site rows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db import transaction
from django.db.models import QuerySet

from compute.errors import InputError, OutOfRangeError
from compute.l23.lineshape import PLAIN, Shape
from compute.tasks import SiteTask, run
from spectradb.models import Calculation, JobStatus, Site
from spectradb.services.accounts.quotas import check_jobs
from spectradb.services.calculations import records, routes
from spectradb.services.calculations.files import ComputedSite, check_request
from spectradb.services.calculations.inputs import (
    input_hash,
    present_versions,
    shape_of,
    valences,
)
from spectradb.services.imports.structures import SYMPREC, refuse_doubted
from spectradb.services.queue import jobs
from spectradb.services.structures.sites import known_valences

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from compute.feff.spectrum import FeffSpectrum
    from compute.l23.spectrum import SiteSpectrum

_KEPT = (
    "total_intensity", "initial_eigenvalues_ev", "n_initial_states", "dimension", "l3_fraction",
    "branching_ratio", "mean_d_holes", "expectation", "method", "seconds",
    "mixture", "warnings", "spin", "geometry", "local_axes", "edges", "sigma", "model",
)  # fmt: skip
_FALLBACK = "fallback"
"""Of a calculation's results: the route that answers where its own does not."""


def queue_sites(
    sites: QuerySet[Site],
    edge: str = "L23",
    route: str = "cheap",
    *,
    order: Mapping[int, int] | None = None,
    send: bool = True,
    requested_by: User | None = None,
    shape: Shape = PLAIN,
    fallback: str = "",
) -> list[Calculation]:
    """A calculation for each site, made and queued where there is none yet.

    Parameters
    ----------
    order : mapping, optional
        Site number to rank, if the jobs are to run in another order than the sites'.
    send : bool
        False makes the rows only: the caller runs them (:func:`run_calculation`).
    requested_by : User, optional
        Who asked; None for the operator's commands. It decides what becomes of the spectrum
        (:mod:`spectradb.services.calculations.records`).
    fallback : str
        Where route ``learned`` has seen no site like one, that one is asked for by this route: a
        calculation of its own, which says so.

    Raises
    ------
    QuotaError
        If this person has too many jobs waiting.
    """
    wanted: dict[str, Site] = {}
    found = list(sites.select_related("structure").defer("structure__data"))
    if order is not None:
        found.sort(key=lambda site: order[site.pk])
    known_valences = _valences({site.structure_id for site in found})
    for site in found:
        check_request(site.element, edge, route, fallback=fallback)
        known_here = known_valences[site.structure_id]
        digest = input_hash(site, known_here, edge, route, shape=shape.chosen)
        wanted.setdefault(digest, site)  # two rows may stand for one orbit
    with transaction.atomic():
        known = {
            row.input_hash: row
            for row in Calculation.objects.filter(input_hash__in=wanted)
            .select_for_update(of=("self",))
            .select_related("structure", "site")
            .defer("structure__data", "sticks", "trace")
        }
        check_jobs(requested_by, len(wanted) - len(known))
        for digest, site in wanted.items():
            if digest in known:
                continue
            made = Calculation.objects.create(
                engine=routes.engine(route),
                version=present_versions(route),
                route=route,
                structure=site.structure,
                site=site,
                absorber=site.element,
                edge=edge,
                input_hash=digest,
                results={
                    **({"shape": shape.chosen} if shape.chosen else {}),
                    **({_FALLBACK: fallback} if fallback else {}),
                },
                public=requested_by is None,
            )
            if requested_by is not None:
                made.requesters.add(requested_by)
        records.ask(known.values(), requested_by)
        if fallback:
            _name_fallback(known.values(), fallback, send=send)
        rows = {
            row.input_hash: row
            for row in Calculation.objects.filter(input_hash__in=wanted).select_related(
                "site", "structure"
            )
        }
        if send:
            fresh = [rows[digest].pk for digest in wanted if digest not in known]
            jobs.enqueue(Calculation, fresh)
    return [rows[digest] for digest in wanted]


def _name_fallback(rows: Iterable[Calculation], fallback: str, *, send: bool) -> None:
    """Of what was asked before, perhaps without a fallback or with another one."""
    for row in rows:
        if row.job_status == JobStatus.DONE:
            continue
        results = row.results | {_FALLBACK: fallback}
        Calculation.objects.filter(pk=row.pk).update(results=results)
        if send:
            _fall_back(row.pk)


def _valences(structures: Collection[int]) -> dict[int, dict[int | str, float]]:
    """Valence of every orbit of these structures."""
    rows: dict[int, list[Site]] = {pk: [] for pk in structures}
    for site in Site.objects.filter(structure__in=structures).order_by("pk"):
        rows[site.structure_id].append(site)
    return {pk: valences(sites) for pk, sites in rows.items()}


def run_calculation(pk: int) -> bool:
    """Run a queued calculation of ours, if it is still to be had; whether this call finished it."""
    finished = jobs.run(Calculation, pk, _work, store)
    if not finished:
        _fall_back(pk)
    return finished


def _fall_back(pk: int) -> Calculation | None:
    """Ask for a site by the route that was named for it, if its own has seen none like it."""
    row = Calculation.objects.select_related("site").filter(pk=pk).first()
    if row is None:  # deleted meanwhile
        return None
    named = row.results.get(_FALLBACK, "")
    unanswered = row.job_status == JobStatus.FAILED and row.error_cause == OutOfRangeError.cause
    if not (named and unanswered and row.site_id is not None):
        return None
    chosen, shape = Site.objects.filter(pk=row.site_id), shape_of(row)
    made = [
        queue_sites(chosen, row.edge, named, requested_by=user, shape=shape)
        for user in [*([None] if row.public else []), *row.requesters.all()]
    ]
    return made[0][0] if made else None


def task_of(row: Calculation) -> SiteTask:
    """What decides a queued calculation, as it is sent to whoever does it.

    Raises
    ------
    InputError
        If it has changed since it was asked for, or is not to be computed.
    """
    if row.structure is None or row.site is None:
        raise InputError("calculation", row.pk, "has no structure or site")
    known = valences(row.structure.sites.all())
    shape = shape_of(row)
    digest = input_hash(row.site, known, row.edge, row.route, shape=shape.chosen)
    if digest != row.input_hash:
        raise InputError(
            "site",
            str(row.site),
            "has other valences than when this was asked, or the engine is another; ask again",
        )
    refuse_doubted(row.structure, row.structure.to_pymatgen())
    return SiteTask(
        structure=row.structure.data,
        symprec=SYMPREC,
        valences=known_valences(row.structure),
        element=row.site.element,
        index=row.site.index,
        edge=row.edge,
        route=row.route,
        shape=shape,
    )


def _work(row: Calculation) -> SiteSpectrum | FeffSpectrum:
    found: SiteSpectrum | FeffSpectrum = run(
        task_of(row), progress=partial(_tell, row), spectrum=routes.site_spectrum
    )
    return found


def _tell(row: Calculation, stage: str, number: int, total: int) -> None:
    """Keep on the row which of its stages a running calculation is at."""
    at = f"{stage} ({number}/{total})"
    Calculation.objects.filter(pk=row.pk, worker=row.worker).update(stage=at)


def kept(found: SiteSpectrum | FeffSpectrum) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters and results of a computed spectrum, as calculations hold them."""
    results = {key: _plain(found.result[key]) for key in _KEPT if key in found.result}
    return _plain(found.result["parameters"]), results | {"ten_dq": found.ten_dq}


def store(row: Calculation, found: SiteSpectrum | FeffSpectrum) -> None:
    """Keep the result of a calculation, with a record for each who asked."""
    row.parameters, results = kept(found)
    chosen = shape_of(row).chosen
    row.results = results | ({"shape": chosen} if chosen else {})
    sticks = found.result.get("sticks")
    if sticks is not None:
        row.sticks = np.stack(
            [sticks["energy_ev"] + found.energy_offset_ev, sticks["intensity"]], 1
        )
    row.version = present_versions(row.route)
    row.save(update_fields=["parameters", "results", "sticks", "version"])
    records.store_records(
        row,
        records.Curve(
            found.energy_ev, found.intensity, found.energy_offset_ev, found.energy_offset_err
        ),
    )


def as_computed(row: Calculation) -> ComputedSite:
    """A calculation row in the words of the command; loads its spectrum if there is one."""
    structure, site = row.structure, row.site
    spectrum = row.spectra.order_by("pk").first()
    return ComputedSite(
        source_id=(structure.source_id or f"SDB-S{structure.pk}") if structure else "",
        formula=structure.formula if structure else "",
        site_index=site.index if site else None,
        element=row.absorber,
        oxidation_state=site.oxidation_state if site else None,
        multiplicity=site.multiplicity if site else None,
        route=row.route,
        status=row.job_status,
        energy_ev=spectrum.energy if spectrum else None,
        intensity=spectrum.intensity if spectrum else None,
        energy_offset_ev=spectrum.energy_offset_ev if spectrum else None,
        energy_offset_err=spectrum.energy_offset_err if spectrum else None,
        ten_dq=row.results.get("ten_dq"),
        parameters=row.parameters,
        seconds=row.seconds,
        error=row.error or None,
        valence_confidence=site.oxidation_confidence if site else None,
        s_squared=(row.results.get("expectation") or {}).get("S2"),
        spin=row.results.get("spin"),
        geometry=row.results.get("geometry") or (site.geometry if site else None),
        local_axes=row.results.get("local_axes"),
        branching_ratio=row.results.get("branching_ratio"),
        sigma=row.results.get("sigma"),
        model=row.results.get("model"),
        warnings=list(
            dict.fromkeys(
                [
                    *(one.text for one in (structure.told if structure else [])),
                    *row.results.get("warnings", []),
                ]
            )
        ),
    )


def run_here(rows: Iterable[Calculation]) -> Iterator[ComputedSite]:
    """Run what is not done yet in this process, one after the other."""
    for row in rows:
        if row.job_status in (JobStatus.FAILED, JobStatus.CANCELLED):
            jobs.retry(Calculation.objects.filter(pk=row.pk))
        run_calculation(row.pk)
        yield _answered(row.pk, lambda other: next(run_here([other])))


def how_far(rows: Iterable[Calculation]) -> Iterator[ComputedSite]:
    """What has become of queued calculations, each answered by its fallback where that is so."""
    for row in rows:
        yield _answered(row.pk, as_computed)


def _answered(pk: int, by: Callable[[Calculation], ComputedSite]) -> ComputedSite:
    found = Calculation.objects.select_related("site", "structure").get(pk=pk)
    if (other := _fall_back(pk)) is None:
        return as_computed(found)
    answer = by(other)
    words = f"{found.error}; answered by route {other.route}"
    return replace(answer, warnings=[words, *answer.warnings])


def _plain(value: Any) -> Any:
    """Arrays as lists, numpy numbers as Python's, for JSON columns."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.item() if isinstance(value, np.generic) else value
