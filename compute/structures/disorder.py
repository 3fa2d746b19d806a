"""What is assumed where a disordered crystal is calculated."""

from __future__ import annotations

from collections.abc import Sequence

from compute.ions import ELEMENTS_3D
from compute.sites.analysis import Site
from compute.structures.findings import Finding


def disorder_findings(sites: Sequence[Site]) -> list[Finding]:
    """The assumptions, in words; none of an ordered crystal."""
    partial = [site for site in sites if site.occupancy < 1.0]
    if not partial:
        return []
    shared = ", ".join(
        f"{site.element}[{site.index}] {site.occupancy:.3g} of {site.oxidation_state:+.3g}"
        for site in partial[:6]
    )
    more = f" and {len(partial) - 6} more" if len(partial) > 6 else ""
    out = [
        Finding(
            "disorder",
            f"disordered: places are filled at random, far atoms are their mean charge ({shared}"
            f"{more}); bond lengths are those of the mean structure",
        )
    ]
    for site in sites:
        if not site.alternatives or site.element not in ELEMENTS_3D:
            continue
        text = (
            f"{site.element}[{site.index}]: {len(site.alternatives)} arrangements of its ligands, "
            "weighted"
        )
        if site.left_out > 0.0005:
            text += f"; others, {100 * site.left_out:.2g} % of the weight, are left out"
        out.append(Finding("disorder", text))
    return out
