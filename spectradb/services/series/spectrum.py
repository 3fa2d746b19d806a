"""A pixel, a line, a region or the sum of a series as a spectrum of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.db import transaction

from compute.errors import InputError
from compute.io import RawSpectrum
from spectradb.models import Series, Spectrum
from spectradb.services.curation.quality import keep_checks
from spectradb.services.imports.measured_rows import measured_rows
from spectradb.services.series.values import Region, summed

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def spectrum_of(
    row: Series, region: Sequence[tuple[int, int]] = (), *, contributor: User | None = None
) -> Spectrum:
    """The sum over ``[start, stop)`` on each axis as a draft; all of an axis that is not given.

    It remembers series and region; asked for again, it is the same record, unless that is a draft
    of another person.

    Raises
    ------
    InputError
        A region outside the series, or without a value.
    """
    asked = Region.checked(region, row)
    cut, part = asked.cut, asked.words(row)[:120]
    found = summed(row, asked)
    energy, total, count = found.energy_ev, found.total, found.count
    if not count.max():
        raise InputError("region", part, "holds no value")
    kept = count > 0
    # channels that some of the spectra lack count as if those had the mean of the others
    values = total[kept] * count.max() / count[kept]
    few = int((count[kept] < count.max()).sum())
    raw = RawSpectrum(
        format="series",
        energy_ev=energy[kept],
        intensity=values,
        quantity=row.quantity if row.quantity in _QUANTITIES else "arbitrary",  # type: ignore[arg-type]
        element=row.absorber or None,
        edge=row.edge or None,
        technique=row.technique,
        mode="EELS" if row.technique == "EELS" else None,
        label=f"{row.title}, {part}" if part else row.title,
        header={
            "series": row.pk,
            "series_sha256": row.sha256,
            "region": [list(one) for one in cut],
        },
        warnings=(f"{few} channels are not there in all spectra of the region",) if few else (),
    )
    measurement, draft = measured_rows(raw, row.content_hash, part, contributor=contributor)
    known = Spectrum.objects.filter(content_hash=draft.content_hash).first()
    if known is not None and contributor is not None and not _sees(contributor, known):
        # Another person's draft: each has a record of their own, and learns of no other.
        draft.content_hash = draft.hash_content(row.content_hash, part, contributor.pk)
        known = Spectrum.objects.filter(content_hash=draft.content_hash).first()
    if known is not None:
        return known
    measurement.series = row
    draft.licence, draft.citation, draft.doi = row.licence, row.citation, row.doi
    draft.formula = draft.formula or row.formula
    with transaction.atomic():
        measurement.save()
        draft.measurement = measurement
        keep_checks(draft)
        draft.save()
    return draft


def _sees(user: User, row: Spectrum) -> bool:
    return Spectrum.objects.visible_to(user).filter(pk=row.pk).exists()


_QUANTITIES = ("mu", "normalised", "counts", "arbitrary")
