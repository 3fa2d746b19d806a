"""Valences of a structure's sites: the Site row owns them, whoever needs one reads it there.

A valence is derived when the structure is stored, or stated: by the file, or by a curator. What is
stated wins over what is derived and is never derived again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import TYPE_CHECKING

from django.db import transaction

from compute.errors import InputError
from compute.sites import Site as FoundSite
from compute.sites import analyze_sites
from compute.sites.oxidation import STATED
from compute.structures.valence import valence_findings
from compute.tasks import Valence, known_sites
from spectradb.models import Prediction, Site, Spectrum, Status, Structure
from spectradb.services.calculations.inputs import (
    ENGINE,
    OUTDATED,
    is_of,
    orbit_key,
    valences,
)
from spectradb.services.curation.notices import tell
from spectradb.services.curation.workflow import save_with_reason
from spectradb.services.imports.structures import SYMPREC

if TYPE_CHECKING:
    from django.contrib.auth.models import User

_OF_VALENCES = ("charge", "valence")  # findings that follow from them
_HIGHEST_STATE = 9.0  # iridium's in IrO4+


@dataclass
class Stated:
    """What followed from stating a valence."""

    warnings: list[str] = field(default_factory=list)
    changed: list[Site] = field(default_factory=list)
    """Other sites, whose derived valence is another one beside the stated."""
    withdrawn: list[int] = field(default_factory=list)
    """Published spectra that were computed for the valence before."""
    restored: list[int] = field(default_factory=list)


def check_state(name: str, valence: float) -> None:
    """Refuse what is no oxidation state of any element.

    Raises
    ------
    InputError
    """
    if not (isfinite(valence) and abs(valence) <= _HIGHEST_STATE):
        raise InputError(name, valence, f"must be within ±{_HIGHEST_STATE:g}")


def sites_of(structure: Structure) -> list[FoundSite]:
    """The sites of a stored structure as calculations take them: with the valences of its rows.

    Raises
    ------
    InputError
        If the structure cannot be analysed.
    """
    return known_sites(structure.to_pymatgen(), SYMPREC, known_valences(structure))


def known_valences(structure: Structure) -> dict[int | str, Valence]:
    """Of each orbit of a stored structure, as its rows have them; what is stated goes first."""
    rows = sorted(structure.sites.all(), key=lambda site: site.oxidation_method == STATED)
    states = valences(rows)
    return {
        key: Valence(states.get(key), row.oxidation_method, row.oxidation_confidence or 0.0)
        for row in rows
        for key in [orbit_key(row)]
    }


def total_charge(sites: Iterable[Site]) -> float | None:
    """What the valences of all sites add up to in the cell; None where one is not known."""
    rows = {orbit_key(site): site for site in sites}
    known = valences(rows.values())
    if len(known) < len(rows):
        return None
    return sum(known[key] * row.multiplicity * row.occupancy for key, row in rows.items())


def state_valence(
    site: Site, valence: float | None, *, user: User | None, reason: str = ""
) -> Stated:
    """Keep what a person says of a site's valence, for all its equivalent atoms.

    The other sites are analysed beside it. Published spectra of the site that our engine computed
    for another valence are withdrawn, those that fit again come back.

    Parameters
    ----------
    valence
        None takes back what was stated: the valence is derived again.

    Raises
    ------
    InputError
        If the valence is out of range or the structure cannot be analysed.
    """
    return state_valences(site.structure, {orbit_key(site): valence}, user=user, reason=reason)


def state_valences(
    row: Structure,
    given: Mapping[int | str, float | None],
    *,
    user: User | None,
    reason: str = "",
) -> Stated:
    """As :func:`state_valence`, for several sites by the keys of their orbits."""
    done = Stated()
    with transaction.atomic():
        held = Structure.objects.select_for_update().get(pk=row.pk)
        rows = list(held.sites.all())
        kept = {
            atom: value
            for atom, value in valences(
                row for row in rows if row.oxidation_method == STATED
            ).items()
            if atom not in given
        }
        stated: dict[int | str, float] = dict(kept.items())
        stated |= {atom: value for atom, value in given.items() if value is not None}
        structure = held.to_pymatgen()
        worth = {orbit_key(site): site.oxidation_confidence for site in rows}
        found = [
            replace(site, oxidation_confidence=worth[site.key] or 0.0) if site.key in kept else site
            for site in analyze_sites(structure, symprec=SYMPREC, stated=stated)
        ]
        told = valence_findings(structure, found)
        done.warnings = [one.text for one in told]
        kept_findings = [one for one in held.findings if one["code"] not in _OF_VALENCES]
        held.findings = kept_findings + [one.as_json() for one in told]
        held.save(update_fields=["findings", "updated"])
        by_key = {site.key: site for site in found}
        for site in rows:
            new = by_key.get(orbit_key(site))
            before = site.oxidation_state
            if new is None or not _take(site, new):
                continue
            site._change_reason = reason or (  # type: ignore[attr-defined]  # of simple_history
                "Valence stated." if orbit_key(site) in given else "Beside a stated valence."
            )
            if user is not None:
                site._history_user = user  # type: ignore[attr-defined]
            site.save()
            Spectrum.objects.filter(site=site).update()  # searches find them by their site
            if orbit_key(site) not in given and site.oxidation_state != before:
                done.changed.append(site)
        known = valences(rows)
        for site in rows:
            _sort_out(site, known, user, done)
        Prediction.objects.filter(structure=held).delete()  # made for the valences before
    return done


def _take(row: Site, found: FoundSite) -> bool:
    """Valence, and what follows from it, of an analysis; whether the row is changed."""
    new = {
        "oxidation_state": found.oxidation_state,
        "oxidation_method": found.oxidation_source,
        "oxidation_confidence": found.oxidation_confidence,
        "spin_state": found.spin_state,
    }
    if all(getattr(row, name) == value for name, value in new.items()):
        return False
    for name, value in new.items():
        setattr(row, name, value)
    return True


def _sort_out(
    site: Site, known: Mapping[int | str, float], user: User | None, done: Stated
) -> None:
    """Withdraw published spectra computed for other valences; bring back those that fit."""
    ours = Spectrum.objects.filter(site=site, calculation__engine=ENGINE)
    for row in ours.select_related("calculation__site__structure").order_by("pk"):
        fits = row.calculation is None or is_of(row.calculation, known)
        if row.status == Status.PUBLISHED and not fits:
            row.status = Status.WITHDRAWN
            row.status_note = f"{OUTDATED}; its own is now {site.oxidation_state:+g}."
            save_with_reason(row, user, row.status_note)
            tell(row, user)
            done.withdrawn.append(row.pk)
        elif row.status == Status.WITHDRAWN and fits and row.status_note.startswith(OUTDATED):
            row.status, row.status_note = Status.PUBLISHED, ""
            save_with_reason(row, user, "The valences of its structure are again what they were.")
            tell(row, user)
            done.restored.append(row.pk)
