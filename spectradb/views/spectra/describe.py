"""Rows in words: where a spectrum comes from, what it is called."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from django.utils.translation import gettext, ngettext

from spectradb.formulae import as_written
from spectradb.models import Calculation, Kind, Measurement, Site, Spectrum


def name_of(spectrum: Spectrum) -> str:
    """Formula as chemists write it, else title, else number."""
    return as_written(spectrum.formula) or spectrum.title or f"SDB-{spectrum.pk}"


def source_line(spectrum: Spectrum, labels: dict[int, str] | None = None) -> str:
    """One line of provenance; reads the related rows, so select them.

    ``labels`` name sites (:func:`site_labels`); a site without one goes unnamed.
    """
    if spectrum.kind == Kind.THEORY and spectrum.calculation is not None:
        parts = [engine_line(spectrum.calculation)]
        if label := (labels or {}).get(spectrum.site_id or 0):
            parts.append(gettext("site %s") % label)
        if (structure := spectrum.structure) is not None:
            # Of prototypes that were made for the library the name says more than their key.
            named = structure.name if structure.source == "library" else ""
            parts.append(named or structure.source_id)
        return ", ".join(part for part in parts if part)
    if spectrum.measurement is not None:
        return measurement_line(spectrum.measurement)
    return ""


def engine_line(calculation: Calculation) -> str:
    """The engine in few words: ``FEFF 9.9.1``, ``Charge transfer``."""
    if not calculation.engine.startswith("spectradb.multiplet"):
        return f"{calculation.engine} {calculation.version}".strip()
    if any(calculation.parameters.get(key) for key in ("charge_transfer", "back_donation")):
        return gettext("Charge transfer")
    return gettext("Crystal field multiplet")


def route_line(calculation: Calculation) -> str:
    """The same with how many configurations: ``Charge transfer, 2 configurations``."""
    transfer = calculation.parameters.get("charge_transfer")
    if not transfer or not calculation.engine.startswith("spectradb.multiplet"):
        return engine_line(calculation)
    n = int(transfer.get("configurations", 2))
    return ngettext(
        "Charge transfer, %(n)d configuration", "Charge transfer, %(n)d configurations", n
    ) % {"n": n}


def place_of(measurement: Measurement) -> str:
    """Facility and beamline; once, where the beamline's name begins with its facility's."""
    facility, beamline = measurement.facility, measurement.beamline
    if facility and beamline.casefold().startswith(facility.casefold()):
        return beamline
    return " ".join(part for part in (facility, beamline) if part)


def measurement_line(measurement: Measurement) -> str:
    """Facility and beamline, mode, temperature."""
    place = place_of(measurement)
    parts = [place]
    if measurement.mode:
        parts.append(gettext(measurement.get_mode_display()))
    sample = measurement.sample_name
    if sample and not place:
        parts.insert(0, sample)
    if measurement.temperature_k is not None:
        parts.append(f"{measurement.temperature_k:g} K")
    return ", ".join(part for part in parts if part)


def site_labels(structure_ids: Iterable[int | None]) -> dict[int, str]:
    """Cu1, Cu2, O1 … of these structures' sites, numbered within each element; one query.

    A site that is the only one of its element has no label: the element says it.
    """
    sites = Site.objects.filter(structure__in={pk for pk in structure_ids if pk}).order_by(
        "structure_id", "index"
    )
    groups: dict[tuple[int, str], list[int]] = defaultdict(list)
    for pk, structure, element in sites.values_list("pk", "structure_id", "element"):
        groups[structure, element].append(pk)
    return {
        pk: f"{element}{k}"
        for (_, element), members in groups.items()
        if len(members) > 1
        for k, pk in enumerate(members, 1)
    }
