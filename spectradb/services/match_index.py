"""Libraries for matching: one for each absorber, edge and kind of published spectra.

Each is kept in ``var/match`` and brought up to date when it is asked for: arrays never change
under a number, so the numbers that are published say what has to be added and removed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from math import floor
from pathlib import Path

import numpy as np
from django.conf import settings
from django.db.models import Avg, QuerySet
from numpy.typing import NDArray

from compute.errors import InputError, ReadError
from compute.matching import AlignmentPrior, Discrepancy, SpectrumLibrary
from spectradb.models import Kind, Spectrum
from spectradb.services.normalise import normalise

FloatArray = NDArray[np.float64]
Curve = tuple[FloatArray, FloatArray]

# What computed soft X-ray edges miss measured ones by, before known pairs say more. Peak positions,
# areas and continuum steps: what makes MnO, CuO, SrTiO3, LaMnO3 and MnO2 likeliest, each measured
# beside its own computed spectrum. The floor is the residual that the cosines of those five leave
# (docs/ligandfield.md: 0.98 to 0.993, sqrt(1 - cos²) = 0.15 on average); digitised curves are too
# smooth to show it as noise, and a smaller one would let the smoothest candidate win.
THEORY_ERROR = Discrepancy(
    warp_ev=0.25, warp_length_ev=8.0, area=0.1, area_length_ev=10.0, step=0.3,
    smooth=0.1, smooth_length_ev=10.0, floor=0.15,
)  # fmt: skip
# Measured against measured: the same substance on two instruments.
EXPERIMENT_ERROR = Discrepancy(
    warp_ev=0.1, warp_length_ev=8.0, area=0.05, area_length_ev=10.0, step=0.2,
    smooth=0.05, smooth_length_ev=1.2, floor=0.02,
)  # fmt: skip
# Energy scales of two instruments differ by half an eV, seldom by more than one.
INSTRUMENT_SHIFT_EV = 0.5
# That residual is alike over some 0.7 eV, three steps of the comparison grid.
_INDEPENDENT_SHARE = 0.3
_REBUILD_SHARE = 0.5
_BATCH = 500


@dataclass(frozen=True)
class Group:
    """Published spectra that one library holds."""

    absorber: str
    edge: str
    kind: str

    @property
    def path(self) -> Path:
        return Path(settings.VAR_DIR) / "match" / f"{self.absorber}-{self.edge}-{self.kind}"

    def rows(self) -> QuerySet[Spectrum]:
        return Spectrum.objects.published().filter(
            absorber=self.absorber, edge=self.edge, kind=self.kind
        )


_LOADED: dict[Path, tuple[int, SpectrumLibrary]] = {}


def groups(
    *, absorber: str | None = None, edge: str | None = None, kind: str | None = None
) -> list[tuple[Group, float, float]]:
    """Groups that have published spectra, each with the mean start and end of their range, eV."""
    rows = Spectrum.objects.published().exclude(absorber="").exclude(edge="")
    for name, value in (("absorber", absorber), ("edge", edge), ("kind", kind)):
        if value:
            rows = rows.filter(**{name: value})
    found = (
        rows.order_by()
        .values("absorber", "edge", "kind")
        .annotate(low=Avg("energy_min"), high=Avg("energy_max"))
        .order_by("absorber", "edge", "kind")
    )
    return [
        (Group(g["absorber"], g["edge"], g["kind"]), float(g["low"]), float(g["high"]))
        for g in found
    ]


def library_of(group: Group) -> SpectrumLibrary:
    """The library of a group, as the database now is.

    Raises
    ------
    InputError
        If nothing in the group can be matched.
    """
    wanted = set(group.rows().values_list("pk", flat=True))
    pairs = pair_numbers(group)
    stamp = hashlib.sha256(json.dumps([sorted(wanted), pairs]).encode()).hexdigest()
    library = _stored(group)
    if library is not None and read_stamp(group) == stamp:
        return library
    # What cannot be used stays out, so compare with what was tried, not with what is in.
    before = set(library.ids) if library is not None else set()
    gone, new = before - wanted, wanted - before
    if library is None or len(gone) + len(new) > _REBUILD_SHARE * len(wanted):
        curves = dict(_curves(group, wanted))
        if not curves:
            raise InputError(
                "library", 0, f"no published {group.absorber} {group.edge} spectrum can be matched"
            )
        library = SpectrumLibrary.from_spectra(list(curves.values()), list(curves))
    else:
        fresh = _fitting(library, dict(_curves(group, new)))
        if fresh:
            library.put(list(fresh.values()), list(fresh))
        if gone:
            library.remove(gone)
    _teach(library, group, pairs)
    library.save(group.path)
    (group.path / "stamp").write_text(stamp)
    _LOADED[group.path] = (_version(group), library)
    return library


def forget() -> None:
    """Drop all saved libraries; they are built again when they are asked for."""
    _LOADED.clear()
    shutil.rmtree(Path(settings.VAR_DIR) / "match", ignore_errors=True)


def prepared(row: Spectrum) -> Curve | None:
    """A stored spectrum as it is matched: theory as computed, measured normalised; or None."""
    if row.kind == Kind.THEORY:
        return np.asarray(row.energy), np.asarray(row.intensity)
    try:
        done = normalise(row)
    except InputError:
        return None
    return done.energy, done.intensity


def _curves(group: Group, numbers: set[int]) -> Iterator[tuple[int, Curve]]:
    listed = sorted(numbers)
    for first in range(0, len(listed), _BATCH):
        for row in group.rows().filter(pk__in=listed[first : first + _BATCH]):
            curve = prepared(row)
            if curve is not None and _usable(curve):
                yield row.pk, curve


def _usable(curve: Curve) -> bool:
    energy, intensity = curve
    return energy.size >= 8 and bool(np.ptp(intensity) > 0)


def _fitting(library: SpectrumLibrary, curves: dict[int, Curve]) -> dict[int, Curve]:
    """Those that cover half of the library's range."""
    low, high = library.grid.start_ev, library.grid.stop_ev
    return {
        pk: (e, v)
        for pk, (e, v) in curves.items()
        if min(e[-1], high) - max(e[0], low) >= 0.5 * (high - low)
    }


def pair_numbers(group: Group) -> list[tuple[int, int]]:
    """(experiment, theory) numbers of published measurements of a known site or structure.

    A structure with several computed sites does not say which one was measured: no pair, unless
    the measurement names its site.
    """
    if group.kind != Kind.THEORY:
        return []
    measured = Spectrum.objects.published().filter(
        absorber=group.absorber, edge=group.edge, kind=Kind.EXPERIMENT, structure__isnull=False
    )
    computed: dict[int, list[tuple[int, int | None]]] = {}
    theory = group.rows().filter(structure__isnull=False)
    for pk, structure, site in theory.values_list("pk", "structure_id", "site_id").order_by("pk"):
        computed.setdefault(structure or 0, []).append((pk, site))
    pairs = []
    for pk, structure, site in measured.values_list("pk", "structure_id", "site_id").order_by("pk"):
        options = computed.get(structure or 0, [])
        if site is not None:
            options = [one for one in options if one[1] == site]
        if len(options) == 1:
            pairs.append((pk, options[0][0]))
    return pairs


def _teach(library: SpectrumLibrary, group: Group, pairs: list[tuple[int, int]]) -> None:
    """Expectations, then known pairs."""
    if group.kind == Kind.THEORY:
        library.assume(
            THEORY_ERROR,
            AlignmentPrior(0.0, INSTRUMENT_SHIFT_EV),
            evidence_share=_INDEPENDENT_SHARE,
        )
        library.expect(*_expectations(group, library))
    else:
        library.assume(
            EXPERIMENT_ERROR,
            AlignmentPrior(0.0, INSTRUMENT_SHIFT_EV),
            evidence_share=_INDEPENDENT_SHARE,
        )
    known = known_pairs(library, pairs)
    if known:
        library.calibrate(known)
    _ = library.calibration  # worked out now, so that it is saved


def known_pairs(
    library: SpectrumLibrary, numbers: list[tuple[int, int]]
) -> list[tuple[FloatArray, FloatArray, int]]:
    """(energy, intensity, theory number) of those (experiment, theory) that can be used."""
    rows = Spectrum.objects.in_bulk([experiment for experiment, _ in numbers])
    known = []
    for experiment, theory in numbers:
        curve = prepared(rows[experiment])
        if curve is not None and _usable(curve) and theory in library:
            known.append((*curve, theory))
    return known


def _expectations(
    group: Group, library: SpectrumLibrary
) -> tuple[dict[Hashable, float], dict[Hashable, float]]:
    """Error of each computed spectrum's energy anchor (eV), and its prior weight.

    Every valence weighs the same before looking: how many crystals of each a library happens to
    hold says nothing of what is measured. A site of mixed valence belongs to both its neighbours.
    """
    rows = group.rows().values_list("pk", "energy_offset_err", "site__oxidation_state")
    known = [one for one in rows if one[0] in library]
    count: Counter[int | None] = Counter()
    for _, _, valence in known:
        count.update(whole_valences(valence))
    error: dict[Hashable, float] = {pk: anchor or 0.0 for pk, anchor, _ in known}
    weight: dict[Hashable, float] = {
        pk: sum(share / count[v] for v, share in whole_valences(valence).items())
        for pk, _, valence in known
    }
    return error, weight


def whole_valences(valence: float | None) -> dict[int | None, float]:
    """Whole valences of a site and their shares: 3.5 is half 3, half 4."""
    if valence is None:
        return {None: 1.0}
    low = floor(valence)
    part = valence - low
    return {low: 1.0 - part, low + 1: part} if part else {low: 1.0}


def _stored(group: Group) -> SpectrumLibrary | None:
    version = _version(group)
    if version == 0:
        return None
    held = _LOADED.get(group.path)
    if held is not None and held[0] == version:
        return held[1]
    try:
        library = SpectrumLibrary.load(group.path)
    except ReadError:
        return None
    _LOADED[group.path] = (version, library)
    return library


def _version(group: Group) -> int:
    meta = group.path / "library.json"
    return meta.stat().st_mtime_ns if meta.exists() else 0


def read_stamp(group: Group) -> str:
    stamp = group.path / "stamp"
    return stamp.read_text() if stamp.exists() else ""
