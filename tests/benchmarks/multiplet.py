"""Time and memory of the multiplet engine, beside EDRIXS where that is installed.

Run as ``python -m tests.benchmarks.multiplet [--cold] [--repeat N]``, single thread:
``OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1``. Process CPU seconds, the best of N; EDRIXS
(SciPy backend, its fastest: Numba-built operators, LOBPCG, 200 Lanczos vectors for each of the
initial states and polarisations) computes the same Hamiltonian, states, grid and widths.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from compute.multiplet import solve

GRID = {"start": -20.0, "stop": 20.0, "step": 0.05}


def _case(
    element: str, charge: int, values: list[float], ten_dq: float, ct: dict[str, float] | None
) -> dict[str, Any]:
    f2i, f4i, zdi, f2f, f4f, zdf, f2pd, g1, g3, zp = values
    case: dict[str, Any] = {
        "element": element,
        "charge": charge,
        "initial": {"F2dd": f2i, "F4dd": f4i, "zeta_3d": zdi},
        "final": {
            "F2dd": f2f, "F4dd": f4f, "zeta_3d": zdf,
            "F2pd": f2pd, "G1pd": g1, "G3pd": g3, "zeta_2p": zp,
        },
        "crystal_field": {"ten_dq": ten_dq},
        "grid": GRID,
    }  # fmt: skip
    if ct is not None:
        case["charge_transfer"] = ct
    return case


def _ct(
    delta: float, u_dd: float, u_pd: float, v_eg: float, v_t2g: float, n: int
) -> dict[str, Any]:
    return {
        "delta": delta, "u_dd": u_dd, "u_pd": u_pd, "v_eg": v_eg, "v_t2g": v_t2g,
        "configurations": n,
    }  # fmt: skip


NI = [9.787, 6.078, 0.083, 10.405, 6.467, 0.102, 6.177, 4.629, 2.633, 11.507]
MN = [8.252, 5.131, 0.040, 8.924, 5.554, 0.053, 5.057, 3.685, 2.094, 6.846]
CO = [9.284, 5.768, 0.066, 9.916, 6.166, 0.083, 5.808, 4.318, 2.455, 9.748]
FE2 = [8.770, 5.452, 0.052, 9.424, 5.863, 0.067, 5.434, 4.004, 2.276, 8.200]
FE3 = [9.634, 6.028, 0.059, 10.254, 6.418, 0.074, 5.957, 4.453, 2.533, 8.199]
CASES: dict[str, tuple[dict[str, Any], int]] = {
    # name: case, states populated at 300 K
    "Ni2+ d8": (_case("Ni", 2, NI, 1.1, None), 3),
    "Mn2+ d5": (_case("Mn", 2, MN, 0.9, None), 6),
    "Co2+ d7, 4 configurations": (_case("Co", 2, CO, 0.5, _ct(5.5, 6.5, 7.8, 1.95, 1.1, 4)), 12),
    "Fe2+ d6, 5 configurations": (_case("Fe", 2, FE2, 0.5, _ct(6.0, 6.0, 7.5, 1.9, 1.0, 5)), 15),
    "Fe3+ d5, 6 configurations": (_case("Fe", 3, FE3, 0.6, _ct(3.0, 7.5, 9.0, 2.0, 1.1, 6)), 6),
}


def cpu_seconds(work: Callable[[], Any], repeat: int) -> tuple[float, Any]:
    """The best of ``repeat`` runs after one to warm up, and the result."""
    result = work()
    best = np.inf
    for _ in range(repeat):
        start = time.process_time()
        result = work()
        best = min(best, time.process_time() - start)
    return best, result


def edrixs_spectrum(case: dict[str, Any], n_states: int) -> tuple[Any, Any]:
    """(energies of the states, intensity) by EDRIXS, for cubic cases with all configurations."""
    import edrixs

    first, final, ct = case["initial"], case["final"], case.get("charge_transfer")
    dq = case["crystal_field"]["ten_dq"] / 10
    u_dd, u_pd = (ct["u_dd"], ct["u_pd"]) if ct else (0.0, 0.0)
    slater_i = [u_dd + edrixs.get_F0("d", first["F2dd"], first["F4dd"])]
    slater_i += [first["F2dd"], first["F4dd"]]
    slater_n = [u_dd + edrixs.get_F0("d", final["F2dd"], final["F4dd"])]
    slater_n += [final["F2dd"], final["F4dd"]]
    slater_n += [u_pd + edrixs.get_F0("dp", final["G1pd"], final["G3pd"])]
    slater_n += [final["F2pd"], final["G1pd"], final["G3pd"]]
    zeta = (first["zeta_3d"], final["zeta_3d"])
    n_d = {"Ni": 8, "Mn": 5, "Co": 7}.get(case["element"], 8 - case["charge"])
    energy = GRID["start"] + GRID["step"] * np.arange(801)
    if ct:
        model = edrixs.model_siam_2d1p(
            slater=(slater_i, slater_n),
            impurity_levels=np.array([6, -4, -4, 6, -4]) * dq,
            bath_levels=np.zeros(5),
            hyb=np.array([ct[v] for v in ("v_eg", "v_t2g", "v_t2g", "v_eg", "v_t2g")]),
            Delta=ct["delta"], nd=n_d, v_soc=zeta, c_soc=final["zeta_2p"],
        )  # fmt: skip
    else:
        model = edrixs.model_1v1c(
            ("d", "p"), v_soc=zeta, c_soc=final["zeta_2p"], v_noccu=n_d,
            slater=(slater_i, slater_n), v_cfmat=edrixs.cf_cubic_d(10 * dq),
        )  # fmt: skip
    *problem, shift = model
    h_i, h_n, dipole = edrixs.get_ops(*problem, backend="scipy")
    states, vectors = edrixs.ed(h_i, n_states, shift=shift)
    intensity = edrixs.xas(states, vectors, h_n, dipole, energy, gamma_c=0.2, temperature=300.0)
    return states, intensity[:, 0]


def cold_seconds(code: str) -> float:
    """User and system CPU seconds of a new process (the second one, caches filled)."""
    for _ in range(2):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def peak_memory(name: str) -> float:
    """Largest resident size of a new process that computes one case, MiB."""
    code = (
        "from pathlib import Path; from tests.benchmarks.multiplet import CASES, solve;"
        f"solve(CASES[{name!r}][0]);"
        # getrusage would count the parent's pages before exec
        "print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"
    )
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return float(out.stdout) / 1024


def measure(repeat: int, *, cold: bool, names: list[str] | None = None) -> Iterator[dict[str, Any]]:
    """One row for each case; EDRIXS columns only where it can be imported."""
    try:
        import edrixs  # noqa: F401

        compare = True
    except ImportError:
        compare = False
    for name in names or list(CASES):
        case, n_states = CASES[name]
        ours, result = cpu_seconds(lambda case=case: solve(case), repeat)
        row: dict[str, Any] = {
            "case": name,
            "dimension": result["dimension"],
            "method": result["method"],
            "seconds": ours,
            "n_initial_states": result["n_initial_states"],
        }
        module = "from tests.benchmarks.multiplet import"
        if cold:
            row["cold_seconds"] = cold_seconds(f"{module} CASES, solve; solve(CASES[{name!r}][0])")
            row["peak_mib"] = peak_memory(name)
        if compare:
            theirs, (_, other) = cpu_seconds(
                lambda case=case, n=n_states: edrixs_spectrum(case, n), 1
            )
            row |= {"edrixs_seconds": theirs, "ratio": theirs / ours}
            scale = float(result["intensity"] @ other / (other @ other))
            row["deviation"] = float(
                np.abs(scale * other - result["intensity"]).max() / result["intensity"].max()
            )
            if cold:
                row["edrixs_cold_seconds"] = cold_seconds(
                    f"{module} CASES, edrixs_spectrum; edrixs_spectrum(*CASES[{name!r}])"
                )
                row["cold_ratio"] = row["edrixs_cold_seconds"] / row["cold_seconds"]
        yield row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cold", action="store_true", help="also new processes and memory")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("cases", nargs="*")
    options = parser.parse_args()
    for row in measure(options.repeat, cold=options.cold, names=options.cases):
        sys.stdout.write(json.dumps(row) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
