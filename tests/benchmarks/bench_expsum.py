"""One-centre Slater integrals: exponential sums against direct integration, time and error."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from compute.expsum import slater_integral, two_center_integral
from tests.benchmarks.rows import Row, cpu_seconds
from tests.compute.expsum.exact import slater, tabulated

CASES = [(2, ("3d", "3d", "3d", "3d")), (1, ("2p", "3d", "3d", "2p"))]


def run() -> Iterator[Row]:
    """Each integral on 200 and 2,000 points, then two 1s densities two bohr apart."""
    for points in (200, 2000):
        r = np.geomspace(1e-6, 60.0, points)
        for k, names in CASES:
            p = [tabulated(name, r) for name in names]
            exact = slater(k, names)
            direct, expsum = (
                cpu_seconds(lambda m=m, k=k, p=p, r=r: slater_integral(k, r, *p, method=m))
                for m in ("direct", "expsum")
            )
            label = f"R{k} {' '.join(names)}, {points} points"
            yield Row(f"{label}, expsum", expsum, "s", "direct", direct)
            for method in ("expsum", "direct"):
                value = slater_integral(k, r, *p, method=method)
                error = abs(value / exact - 1.0)
                yield Row(f"{label}, error of {method}", error, "", limit=1e-10)
    r = np.geomspace(1e-6, 40.0, 500)
    density = 4.0 * r**2 * np.exp(-2.0 * r)
    seconds = cpu_seconds(lambda: two_center_integral(r, density, density, 2.0))
    yield Row("two 1s densities at 2 bohr, 500 points", seconds)
