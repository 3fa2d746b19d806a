"""What a library of the site expects of measured spectra, and the pairs that teach it more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable

from compute.matching import AlignmentPrior, Discrepancy, SpectrumLibrary
from spectradb.models import Kind, Spectrum
from spectradb.services.matching.groups import FloatArray, Group, prepared, usable, whole_valences

# What computed soft X-ray edges miss measured ones by, before known pairs say more. Peak positions,
# areas and continuum steps: what makes MnO, CuO, SrTiO3, LaMnO3 and MnO2 likeliest, each measured
# beside its own computed spectrum. The floor is the residual that the cosines of those five leave
# (docs/measurements/cheap.md: 0.98 to 0.993, sqrt(1 - cos²) = 0.15 on average); digitised curves
# are too smooth to show it as noise, and a smaller one would let the smoothest candidate win.
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


def teach(library: SpectrumLibrary, group: Group, pairs: list[tuple[int, int]]) -> None:
    """Give a library its expectations, then its known (experiment, theory) pairs."""
    if group.kind == Kind.THEORY:
        library.assume(
            THEORY_ERROR,
            AlignmentPrior(0.0, INSTRUMENT_SHIFT_EV),
            evidence_share=_INDEPENDENT_SHARE,
        )
        library.expect(*expectations(group, library))
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


def known_pairs(
    library: SpectrumLibrary, numbers: list[tuple[int, int]]
) -> list[tuple[FloatArray, FloatArray, int]]:
    """(energy, intensity, theory number) of those (experiment, theory) that can be used."""
    rows = Spectrum.objects.in_bulk([experiment for experiment, _ in numbers])
    known = []
    for experiment, theory in numbers:
        curve = prepared(rows[experiment])
        if curve is not None and usable(curve) and theory in library:
            known.append((*curve, theory))
    return known


def expectations(
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
