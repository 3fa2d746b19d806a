"""A pixel, a line, a region or the sum of a series as a spectrum of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from django.db import transaction

from compute.errors import InputError
from compute.io import RawSpectrum
from spectradb.models import Series, Spectrum
from spectradb.services.curation.quality import keep_checks
from spectradb.services.imports.measured_rows import measured_rows
from spectradb.services.series.store import opened

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def spectrum_of(
    row: Series, region: Sequence[tuple[int, int]] = (), *, contributor: User | None = None
) -> Spectrum:
    """The sum over ``[start, stop)`` on each axis as a draft; all of an axis that is not given.

    It remembers series and region; asked for again, it is the same record.

    Raises
    ------
    InputError
        A region outside the series, or without a value.
    """
    sizes = [int(axis["size"]) for axis in row.axes]
    if len(region) > len(sizes):
        raise InputError("region", list(region), f"the series has {len(sizes)} axes")
    cut = [*region, *[(0, size) for size in sizes[len(region) :]]]
    for (start, stop), size, axis in zip(cut, sizes, row.axes, strict=True):
        if not 0 <= start < stop <= size:
            raise InputError(f"region.{axis['name']}", (start, stop), f"is within 0 … {size}")
    part = ", ".join(
        f"{axis['name']} {start}" + (f"…{stop - 1}" if stop - start > 1 else "")
        for (start, stop), axis in zip(cut, row.axes, strict=True)
    )[:120]
    total, count = np.zeros(row.n_channels), np.zeros(row.n_channels)
    with opened(row) as stored:
        energy = stored.energy_ev
        # runs along the last axis lie together in the file
        last = cut[-1] if cut else (0, 1)
        for place in np.ndindex(*[stop - start for start, stop in cut[:-1]]):
            outer = [index + start for index, (start, _) in zip(place, cut[:-1], strict=True)]
            base = int(np.ravel_multi_index([*outer, last[0]], sizes)) if sizes else 0
            rows = np.asarray(stored.rows(base, base + last[1] - last[0]), float)
            total += np.nan_to_num(rows).sum(axis=0)
            count += np.isfinite(rows).sum(axis=0)
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


_QUANTITIES = ("mu", "normalised", "counts", "arbitrary")
