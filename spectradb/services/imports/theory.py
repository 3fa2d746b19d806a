"""Spectra of files that a program wrote: theory with a calculation that names the code."""

from __future__ import annotations

import hashlib
from pathlib import PurePath
from typing import TYPE_CHECKING

from django.utils import timezone

from compute.io import RawSpectrum
from spectradb.models import Calculation, JobStatus, Kind, SourceFile, Spectrum, Status
from spectradb.plots import sparkline_path
from spectradb.services.curation.quality import keep_checks

if TYPE_CHECKING:
    from django.contrib.auth.models import User

ROUTE = "file"


def input_hash(file: SourceFile, part: str, contributor: User | None) -> str:
    """What makes a calculation read from a file itself: bytes, part, and who has sent it.

    Nothing is run, so each person's is their own: nobody learns when another one sent it.
    """
    whose = "" if contributor is None else f":{contributor.pk}"
    return hashlib.sha256(f"file:{file.sha256}:{part}{whose}".encode()).hexdigest()


def stored_calculation(file: SourceFile, part: str, contributor: User | None) -> Spectrum | None:
    """The contributor's record of this part, if there is one."""
    hashes = [input_hash(file, part, contributor), input_hash(file, part, None)]
    return Spectrum.objects.filter(
        calculation__input_hash__in=hashes, contributor=contributor
    ).first()


def store_calculation(
    file: SourceFile, name: str, part: str, raw: RawSpectrum, contributor: User | None
) -> Spectrum:
    """A draft of a calculated spectrum. Energies are as the file gives them, absolute."""
    file_name = PurePath(name).name[:255]
    calculation, _ = Calculation.objects.get_or_create(
        input_hash=input_hash(file, part, contributor),
        defaults={
            "public": contributor is None,
            "engine": raw.code[:40],
            "version": raw.code_version[:40],
            "route": ROUTE,
            "absorber": raw.element or "",
            "edge": raw.edge or "",
            "parameters": {
                "file": file_name,
                "sha256": file.sha256,
                "part": part,
                "warnings": list(raw.warnings),
                "header": [str(line) for line in raw.header.get("text", [])][:100],
            },
            "job_status": JobStatus.DONE,
            "finished": timezone.now(),
        },
    )
    row = Spectrum(
        kind=Kind.THEORY,
        technique=raw.technique,
        absorber=raw.element or "",
        edge=raw.edge or "",
        title=(raw.label or file_name)[:200],
        quantity=raw.quantity,
        status=Status.DRAFT,
        contributor=contributor,
        calculation=calculation,
        sparkline=sparkline_path(raw.energy_ev, raw.intensity),
    )
    row.set_arrays(raw.energy_ev, raw.intensity)
    row.content_hash = row.hash_content(calculation.input_hash)
    keep_checks(row)
    row.save()
    return row
