"""The rows that a measured spectrum becomes; nothing is saved here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compute.edges import edge_energy
from compute.io import RawSpectrum
from spectradb.models import Kind, Measurement, SourceFile, Spectrum, Status
from spectradb.plots import sparkline_path
from spectradb.services.imports.fields import (
    axis_field,
    formula_of,
    monochromator_of,
    plain_json,
    plain_text,
    short_text,
    stored_date,
)

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def measured_rows(
    raw: RawSpectrum,
    digest: str,
    part: str,
    *,
    file: SourceFile | None = None,
    file_name: str = "",
    contributor: User | None = None,
) -> tuple[Measurement, Spectrum]:
    """A draft and its measurement, which it is not tied to before that has been saved.

    Parameters
    ----------
    digest : str
        SHA-256 of the file that the spectrum is in, whether that is stored here or not: with the
        curve and the part of the file it makes the draft known again.
    part : str
        Which spectrum of its file; empty where there is one.
    file_name : str
        What the person who sent the file calls it.
    """
    m = raw.measurement
    measurement = Measurement(
        facility=short_text(m.facility, 120),
        beamline=short_text(m.beamline, 120),
        mode=raw.mode or "",
        monochromator=short_text(monochromator_of(raw), 120),
        resolution_ev=m.resolution_ev,
        temperature_k=m.temperature_k,
        sample_name=short_text(m.sample_name or raw.label, 200),
        sample_formula=short_text(m.sample_formula, 200),
        sample_preparation=plain_text(m.sample_preparation),
        is_reference=raw.role == "reference",
        measured_on=stored_date(m.date),
        file=file,
        file_format=raw.format,
        file_name=file_name[:255],
        file_part=part,
        header=plain_json({**raw.header, **axis_field(raw)}),
        warnings=list(raw.warnings),
    )
    row = Spectrum(
        kind=Kind.EXPERIMENT,
        technique=raw.technique,
        absorber=raw.element or "",
        edge=raw.edge or "",
        formula=formula_of(m.sample_formula, m.sample_name),
        title=short_text(raw.label or m.sample_name or file_name, 200),
        quantity=raw.quantity,
        status=Status.DRAFT,
        contributor=contributor,
        licence="" if contributor is not None else Spectrum._meta.get_field("licence").default,
        sparkline=sparkline_path(
            raw.energy_ev,
            raw.intensity,
            near=edge_energy(raw.element, raw.edge) if raw.element and raw.edge else None,
        ),
    )
    row.set_arrays(raw.energy_ev, raw.intensity)
    row.content_hash = row.hash_content(digest, part)
    return measurement, row
