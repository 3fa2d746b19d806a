"""Draw how one Lanczos step grows with the number of determinants.

``python -m tests.benchmarks.plot_multiplet docs/measurements/multiplet_growth.svg``, with
matplotlib.
"""

from __future__ import annotations

import sys

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

from tests.benchmarks.bench_multiplet import growth


def main() -> None:
    rows = list(growth())
    size = [row.detail["determinants"] for row in rows]
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    left.loglog(size, [row.value * 1e6 for row in rows], "o-", label="one step, eight vectors")
    left.loglog(
        size, [row.detail["assembly_seconds"] * 1e6 for row in rows], "s-", label="assembly"
    )
    moved = [row.detail["bytes_per_step"] for row in rows]
    left.loglog(size, [b / 20e3 for b in moved], "k--", label="bytes of a step at 20 GB/s")
    left.set(xlabel="final-state determinants", ylabel="CPU time, µs")
    left.legend(frameon=False)
    right.loglog(size, [b / 1e6 for b in moved], "o-")
    right.set(xlabel="final-state determinants", ylabel="matrix and vectors of a block, MB")
    figure.savefig(sys.argv[1], metadata={"Date": None})


if __name__ == "__main__":
    main()
