"""Hydrogens that a list of atoms may lack, told by the few bonds of oxygens and lone nitrogens."""

from __future__ import annotations

from collections.abc import Sequence

from compute.sites.evidence import Evidence

_HYDROGEN_GIVES = 0.8  # valence units to the oxygen it sits on
_OPEN_SIGMA = 0.3  # valence units, of the sum of an O or N that lacks hydrogens
OPEN = {"O": 0.45, "N": 1.4}  # valence units, more than a complete list falls short of
_MOST_HYDROGENS = {"O": 3, "N": 4}
_UNBOUND = {"O": 0.3, "N": 0.15}  # with less an atom has no metal: hydronium, ammonium
_ONIUM = 1.0  # prior cost of these


def with_hydrogens(
    sites: Sequence[Evidence], options: Sequence[dict[float, float]]
) -> tuple[list[dict[float, float]], float]:
    """The options where anions with too few bonds carry hydrogens that the list lacks.

    Also the cost of their having none, which is 0 only where no anion has too few.
    """
    out, bare = [], 0.0
    for site, costs in zip(sites, options, strict=True):
        size = abs(site.bond_valence_sum)
        bound = site.bound is not None and site.stated is None and not site.odd
        full = -float(site.bound or 0.0)  # in peroxide 1: the bond to its like takes no charge
        few = bound and full >= 1 and site.element in OPEN and size < full - OPEN[site.element]
        # Lengths of bonds to C and N, as those of organic N, tell nothing of hydrogens.
        few = few and (site.single or (site.element == "O" and not {"C", "N"} & set(site.ligands)))
        if not few:
            out.append(dict(costs))
            continue
        some = {}
        for n in range(_MOST_HYDROGENS[site.element] + 1):
            left = max(full - _HYDROGEN_GIVES * n, 0.0)
            cost = 0.5 * ((size - left) / _OPEN_SIGMA) ** 2
            if n <= full:
                some[n - full] = cost
            elif site.single and size < _UNBOUND[site.element]:
                some[n - full] = cost + _ONIUM
        bare += some[-full]
        out.append(some)
    return out, bare
