"""Crystals whose spectra follow a rule: nickel oxide squeezed to a, its line moves with a."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import transaction

from spectradb.models import (
    Calculation,
    JobStatus,
    Kind,
    Quantity,
    Site,
    Spectrum,
    Status,
    Structure,
    StructureElement,
)
from tests.factories import rocksalt

ENERGY = np.linspace(850.0, 880.0, 121)
N = 36
SPLIT = {f"mp-{n}": "val" if n % 6 == 3 else "train" for n in range(N)}


def squeezed(n: int = N) -> None:
    """So many structures mp-0 …, each with a published spectrum of its nickel site."""
    store({number: float(a) for number, a in enumerate(np.linspace(3.8, 4.8, n))})


def store(cells: dict[int, float], *, off: float = 0.0, **fields: Any) -> list[Spectrum]:
    """Structures mp-<number> of lattice parameter a (Å), and their spectra, moved by off (eV)."""
    structures = Structure.objects.bulk_create(
        Structure(
            formula="NiO",
            formula_anonymous="AB",
            chemical_system="Ni-O",
            n_elements=2,
            n_sites=2,
            **dict.fromkeys(("a", "b", "c"), a / 2**0.5),
            **dict.fromkeys(("alpha", "beta", "gamma"), 60.0),
            volume=a**3 / 4,
            density=6.8,
            source="mp",
            source_id=f"mp-{number}",
            content_hash=f"squeezed-{number}",
            data=rocksalt("NiO", a).as_dict(),
        )
        for number, a in cells.items()
    )
    StructureElement.objects.bulk_create(
        StructureElement(structure=one, element=element, fraction=0.5)
        for one in structures
        for element in ("Ni", "O")
    )
    sites = Site.objects.bulk_create(
        Site(
            structure=one,
            index=0,
            element="Ni",
            oxidation_state=2.0,
            coordination_number=6,
            geometry="octahedron",
            ligands="O",
            site_symmetry="m-3m",
            mean_bond_length=a / 2,
        )
        for one, a in zip(structures, cells.values(), strict=True)
    )
    made = Calculation.objects.bulk_create(
        Calculation(
            engine="rule",
            absorber="Ni",
            edge="L23",
            input_hash=f"rule-{number}",
            job_status=JobStatus.DONE,
        )
        for number in cells
    )
    spectra = []
    for number, structure, site, calculation in zip(cells, structures, sites, made, strict=True):
        given = {"status": Status.PUBLISHED, "quantity": Quantity.RADIAL} | fields
        spectrum = Spectrum(
            kind=Kind.THEORY,
            absorber="Ni",
            edge="L23",
            structure=structure,
            site=site,
            formula="NiO",
            calculation=calculation,
            **given,
        )
        spectrum.set_arrays(ENERGY, 1 / (1 + (ENERGY - 860 - 4 * (cells[number] - 4.2) - off) ** 2))
        spectrum.content_hash = spectrum.hash_content(number)
        spectra.append(spectrum)
    return Spectrum.objects.bulk_create(spectra)


@contextmanager
def shared(blocker: Any, folder: Path) -> Iterator[None]:
    """A database and a folder of models that the tests of a module find as they are made here."""
    with pytest.MonkeyPatch.context() as patch, blocker.unblock():
        patch.setattr(settings, "VAR_DIR", folder)
        with transaction.atomic():
            yield
            transaction.set_rollback(True)


def run(*arguments: Any) -> Any:
    """A command's JSON."""
    out = StringIO()
    call_command(*map(str, arguments), "--output", "-", stdout=out, stderr=StringIO())
    return json.loads(out.getvalue())
