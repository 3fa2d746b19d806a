"""Cyanides by route ``cluster`` against their optical splittings: figures of the documents.

python -m compute.l23.fitting.cluster_cyanides [Fe2 Fe3 …]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from compute.l23.cluster.parameters import parameters
from compute.l23.fitting.complexes import complex_structure
from compute.l23.fitting.published import published
from compute.l23.spectrum import SiteSpectrum, solve_prepared
from compute.sites import analyze_sites

FloatArray = NDArray[np.float64]

_LEAST = 0.2  # of the maximum: smaller peaks are not told


def rows(wanted: list[str]) -> Iterator[str]:
    """A line of the table for each published complex of cyanide."""
    for one in published()["complex_splitting"]:
        ion = f"{one['element']}{one['valence']}"
        if one["ligand"] != "CN" or (wanted and ion not in wanted):
            continue
        structure, charges = complex_structure(
            one["element"], one["valence"], "CN", one["count"], one["distance_ang"]
        )
        sites = analyze_sites(structure, stated=charges)
        case = parameters(structure, sites, sites[0])
        back, final = case.back_donation, case.final_field
        assert back is not None
        assert back.share is not None
        assert final is not None
        found = solve_prepared(case)
        shares = [np.diag(part)[[0, 2]] ** 2 for part in (back.share.d, back.share.acceptor)]
        own = f"{shares[0][0]:.2f}, {shares[0][1]:.2f} | {shares[1][1]:.2f}"
        peaks = ", ".join(f"{energy:.1f} ({height:.2f})" for energy, height in _peaks(found))
        yield (
            f"| {ion} | {case.ten_dq:.2f} | {one['total_10dq']:.2f} | {own} | {back.delta:.2f}, "
            f"{back.final_delta:.2f} | {found.result['expectation']['S2']:.2f} | {peaks} |"
        )


def _peaks(found: SiteSpectrum) -> list[tuple[float, float]]:
    """Maxima of L3 and their heights, of the highest."""
    zeta = found.result["parameters"]["final"]["zeta_2p"]
    energy, height = found.energy_ev, found.intensity / found.intensity.max()
    inner = height[1:-1]
    at = 1 + np.flatnonzero((inner > height[:-2]) & (inner > height[2:]) & (inner > _LEAST))
    first = energy[at[0]]
    return [(float(energy[k]), float(height[k])) for k in at if energy[k] < first + 1.1 * zeta]


def main() -> None:
    head = "| ion | 10Dq | published | share in e_g, t2g | in π* | E[Dⁿ⁻¹A], E[2p⁵DⁿA] | S² | L3 |"
    sys.stdout.write(head + "\n" + "|---" * 8 + "|\n")
    for row in rows(sys.argv[1:]):
        sys.stdout.write(row + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
