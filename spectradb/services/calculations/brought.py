"""L2,3 spectra of a crystal that somebody brought: small ones at once, the rest as jobs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from django.db import transaction

from compute.errors import InputError
from compute.ions import d_electrons
from compute.l23.prepared import no_ion, refuse_undescribed
from compute.sites import Site as FoundSite
from compute.structures.findings import Finding
from spectradb.models import BroughtSpectrum, JobStatus, Upload
from spectradb.services.calculations import routes
from spectradb.services.calculations.inputs import present_versions
from spectradb.services.calculations.solve_now import BusyError, engine, final_states
from spectradb.services.imports.structures import analysed
from spectradb.services.queue import jobs

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User
    from pymatgen.core import Structure as PymatgenStructure

    from compute.l23.spectrum import SiteSpectrum

AT_ONCE, CAREFUL = "cheap", "cluster"
_AT_ONCE_STATES = 9_000  # of two configurations: d5 to d9, d0 and d1, a second at most each
_AT_ONCE_SECONDS = 3.0
MOST_SITES = 24  # of a crystal, that are computed without being asked one by one
_OPEN = (JobStatus.QUEUED, JobStatus.RUNNING)


@dataclass(frozen=True)
class Able:
    """A site as it was read, and whether the engine can do its L2,3 edge (``why`` it cannot)."""

    told: dict[str, Any]
    why: str = ""

    @property
    def key(self) -> str:
        return str(self.told["key"])


def sites_of(upload: Upload) -> list[Able]:
    """Every site of the crystal; those whose L2,3 can be computed have no ``why``."""
    return [Able(one, _why_not(upload, one)) for one in upload.told["sites"]]


def compute_at_once(upload: Upload, user: User | AnonymousUser | None) -> None:
    """Compute what is small and not computed yet; what does not fit a few seconds is queued."""
    able = [one for one in sites_of(upload) if not one.why][:MOST_SITES]
    rows = _rows(upload, able, AT_ONCE, user)
    waiting = [row for row in rows if row.job_status == JobStatus.QUEUED and not row.attempts]
    small = {one.key for one in able if _is_small(one.told)}
    started = time.monotonic()
    crystal: _Crystal | None = None
    late: list[int] = []
    for row in waiting:
        if row.site_key not in small or time.monotonic() - started > _AT_ONCE_SECONDS:
            late.append(row.pk)
            continue
        try:
            with engine():
                crystal = crystal or _Crystal.of(upload)
                jobs.run(BroughtSpectrum, row.pk, crystal.spectrum, _store)
        except BusyError:
            late.append(row.pk)
    if late:
        jobs.enqueue(BroughtSpectrum, late)


def ask(upload: Upload, key: str, route: str, user: User | AnonymousUser | None) -> BroughtSpectrum:
    """Queue one site by one route; what failed or was done by another version is done again.

    Raises
    ------
    InputError
        If the engine cannot do the site, or there is none of this key.
    """
    one = next((site for site in sites_of(upload) if site.key == key), None)
    if one is None or one.why:
        raise InputError("site", key, one.why if one else "is none of this crystal")
    if route not in routes.MULTIPLETS:
        raise InputError("route", route, f"known: {', '.join(routes.MULTIPLETS)}")
    row = _rows(upload, [one], route, user)[0]
    if row.job_status in (JobStatus.FAILED, JobStatus.CANCELLED):
        jobs.retry(BroughtSpectrum.objects.filter(pk=row.pk), hopeless=True)
    else:
        jobs.enqueue(BroughtSpectrum, [row.pk])
    row.refresh_from_db()
    return row


def spectra_of(upload: Upload) -> list[BroughtSpectrum]:
    """What was asked of a crystal, in the order of its sites, by the present versions."""
    order = {one["key"]: k for k, one in enumerate(upload.told["sites"])}
    rows = BroughtSpectrum.objects.filter(upload=upload)
    kept = [row for row in rows if row.version == present_versions(row.route)]
    return sorted(kept, key=lambda row: (order.get(row.site_key, 0), row.route, row.pk))


def is_open(row: BroughtSpectrum) -> bool:
    return row.job_status in _OPEN


def run_brought(pk: int) -> bool:
    """Do one queued spectrum."""
    return jobs.run(BroughtSpectrum, pk, _work, _store)


@dataclass(frozen=True, eq=False)
class _Crystal:
    """A crystal with its sites analysed once for all spectra that follow."""

    structure: PymatgenStructure
    sites: Sequence[FoundSite]
    findings: Sequence[Finding]
    refusal: str

    @classmethod
    def of(cls, upload: Upload) -> _Crystal:
        from pymatgen.core import Structure as PymatgenStructure

        structure = PymatgenStructure.from_dict(upload.told["structure"])
        kept = [Finding.from_json(one) for one in upload.told.get("findings", [])]
        sites, findings = analysed(structure, kept)
        return cls(structure, sites, findings, upload.told.get("refusal", ""))

    def spectrum(self, row: BroughtSpectrum) -> SiteSpectrum:
        if self.refusal:
            raise InputError("structure", "", f"not calculated: {self.refusal}")
        found = [
            one for one in self.sites if str(one.key) == row.site_key and one.element == row.element
        ]
        if not found:
            raise InputError("site", row.site_key, f"is no {row.element} atom of the structure")
        refuse_undescribed(found[0], self.sites)
        computed = routes.site_spectrum(self.structure, self.sites, found[0], "L23", row.route)
        return cast("SiteSpectrum", computed)  # of L2,3 by a route of ours


def _work(row: BroughtSpectrum) -> SiteSpectrum:
    return _Crystal.of(row.upload).spectrum(row)


def _store(row: BroughtSpectrum, found: SiteSpectrum) -> None:
    result = found.result
    row.energy, row.intensity = found.energy_ev, found.intensity
    row.offset_err_ev = found.energy_offset_err
    row.told = {
        "ten_dq": found.ten_dq,
        "spin": result.get("spin") or "",
        "branching_ratio": result.get("branching_ratio"),
        "warnings": list(result.get("warnings", []))[:10],
    }
    row.save(update_fields=["energy", "intensity", "offset_err_ev", "told"])


def _rows(
    upload: Upload, able: Iterable[Able], route: str, user: User | AnonymousUser | None
) -> list[BroughtSpectrum]:
    version = present_versions(route)
    asker = user if user is not None and user.is_authenticated else None
    with transaction.atomic():
        return [
            BroughtSpectrum.objects.get_or_create(
                upload=upload,
                site_key=one.key,
                route=route,
                version=version,
                defaults={"element": one.told["element"], "requested_by": asker},
            )[0]
            for one in able
        ]


def _why_not(upload: Upload, site: dict[str, Any]) -> str:
    if site["element"] not in routes.absorbers(AT_ONCE) and site["element"] != "Zn":
        return "not a 3d ion"
    if upload.told.get("refusal"):
        return f"not calculated: {upload.told['refusal']}"
    if site["oxidation_state"] is None:
        return "its valence is not known"
    return no_ion(site["element"], site["oxidation_state"]) or ""


def _is_small(site: dict[str, Any]) -> bool:
    """Whether a site is computed while its page waits; one of a shared charge is two ions."""
    charge = site["oxidation_state"]
    if charge != round(charge):
        return False
    n_d = d_electrons(site["element"], round(charge))
    return n_d is not None and final_states(n_d, 2) <= _AT_ONCE_STATES
