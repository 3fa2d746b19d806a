"""Spectra that are split into peaks on a fresh site: one of each ion, of real crystals."""

from __future__ import annotations

from spectradb.models import Kind, Spectrum
from spectradb.services.peaks.fit import FitOptions, queue_fits


def queue_example_fits() -> int:
    """Queue the peak fits of one spectrum of each ion; how many wait.

    All of a release would take days of processor time; whoever needs others asks for them.
    """
    rows = (
        Spectrum.objects.published()
        .filter(kind=Kind.THEORY, edge="L23", structure__hypothetical=False)
        .exclude(site__oxidation_state=None)
        .order_by("pk")
        .values_list("pk", "absorber", "site__oxidation_state")
    )
    first: dict[tuple[str, float], int] = {}
    for pk, absorber, state in rows:
        if state is not None and abs(state - round(state)) < 1e-6:
            first.setdefault((absorber, round(state)), pk)
    chosen = Spectrum.objects.filter(pk__in=first.values()).order_by("pk")
    return len(queue_fits(chosen, FitOptions()))
