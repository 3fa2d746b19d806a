"""The multiplet engine: time, memory and growth, beside EDRIXS where that is installed.

``python manage.py bench multiplet``, single thread (``OPENBLAS_NUM_THREADS=1``). Seconds are
process CPU, the best of several. EDRIXS 0.2.0 runs its SciPy backend, the fastest it has
(operators by Numba, LOBPCG, 200 Lanczos vectors for each state and polarisation), on the same
Hamiltonian, states, grid and widths. Cold rows count a whole new process, caches filled.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from compute.multiplet import solve
from tests.benchmarks.rows import Row

EDRIXS = "EDRIXS 0.2.0 scipy"
MODULE = "from tests.benchmarks.bench_multiplet import"
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


def best_seconds(work: Callable[[], Any], repeat: int) -> tuple[float, Any]:
    """Least process CPU seconds of ``repeat`` calls after one to warm up; and the result."""
    result = work()
    best = np.inf
    for _ in range(repeat):
        start = time.process_time()
        result = work()
        best = min(best, time.process_time() - start)
    return float(best), result


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
    spent = np.inf
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        _python(code)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = min(spent, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return float(spent)


def peak_memory(name: str) -> float:
    """Largest resident size of a new process that computes one case, MB."""
    # getrusage would count the parent's pages before exec
    text = _python(
        f"from pathlib import Path; {MODULE} CASES, solve; solve(CASES[{name!r}][0]);"
        "print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"
    )
    return float(text) * 1024 / 1e6


def _python(code: str) -> str:
    command = [sys.executable, "-c", code]
    root = Path(__file__).resolve().parents[2]
    run = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root)
    return run.stdout


def _has_edrixs() -> bool:
    try:
        import edrixs  # noqa: F401
    except ImportError:
        return False
    return True


def run() -> Iterator[Row]:
    """Every case warm and cold, the memory of the largest, growth, and a batch."""
    compare = _has_edrixs()
    for name, (case, n_states) in CASES.items():
        yield _warm(name, case, n_states, compare)
        yield _cold(name, compare)
    largest = list(CASES)[-1]
    yield Row(f"{largest}: peak memory", peak_memory(largest), "MB", limit=400.0)
    yield from growth()
    yield batch(1000, 2)


def _warm(name: str, case: dict[str, Any], n_states: int, compare: bool) -> Row:
    ours, result = best_seconds(lambda: solve(case), 5)
    detail = {key: result[key] for key in ("dimension", "method", "n_initial_states")}
    if not compare:
        return Row(f"{name}: warm", ours, detail=detail)
    theirs, (_, other) = best_seconds(lambda: edrixs_spectrum(case, n_states), 1)
    scale = float(result["intensity"] @ other / (other @ other))
    difference = np.abs(scale * other - result["intensity"]).max()
    detail["deviation"] = float(difference / result["intensity"].max())
    return Row(f"{name}: warm", ours, reference=EDRIXS, reference_value=theirs, detail=detail)


def _cold(name: str, compare: bool) -> Row:
    ours = cold_seconds(f"{MODULE} CASES, solve; solve(CASES[{name!r}][0])")
    if not compare:
        return Row(f"{name}: cold", ours)
    theirs = cold_seconds(f"{MODULE} CASES, edrixs_spectrum; edrixs_spectrum(*CASES[{name!r}])")
    return Row(f"{name}: cold", ours, reference=EDRIXS, reference_value=theirs)


def growth() -> Iterator[Row]:
    """One Krylov step of the final state against its size, in bytes that must be read."""
    from compute.multiplet.case import parse_case
    from compute.multiplet.determinants import space
    from compute.multiplet.ligand_field import build_problem
    from compute.multiplet.operators import hamiltonian
    from compute.solvers.resolvent import Resolvent
    from compute.solvers.sparse import LANES

    case = CASES["Fe3+ d5, 6 configurations"][0]
    for n in range(1, 7):
        transfer = case["charge_transfer"] | {"configurations": n}
        problem = build_problem(parse_case(case | {"charge_transfer": transfer}))
        after = space(
            problem.shells, problem.final_configurations, problem.charges, problem.modulus
        )
        block = after.block(after.block_charges[0])
        matrix = hamiltonian(block, problem.final)
        assembly, _ = best_seconds(lambda b=block, p=problem: hamiltonian(b, p.final), 3)
        start = np.random.default_rng(0).standard_normal((block.size, LANES))
        steps = 64
        resolvent = Resolvent(matrix, start)
        seconds, _ = best_seconds(lambda r=resolvent, k=steps: r.advance(k), 3)
        # the matrix once, and three passes over each of two blocks of vectors
        moved = sum(part.nbytes for part in matrix) + 6 * start.nbytes
        yield Row(
            f"Fe3+, {n} configurations: one Lanczos step of eight vectors",
            seconds / steps,
            detail={
                "determinants": after.size,
                "block": block.size,
                "elements": matrix.data.size,
                "assembly_seconds": assembly,
                "bytes_per_step": moved,
                "bytes_per_second": moved * steps / seconds,
            },
        )


def batch(n: int, processes: int) -> Row:
    """Cases a second of a mixed batch, and what it leaves in memory."""
    from compute.multiplet.batch import solve_many

    rng = np.random.default_rng(1)
    ions = [("Ti", 4), ("V", 3), ("Cr", 3), ("Mn", 3), ("Mn", 2), ("Fe", 3), ("Fe", 2),
            ("Co", 2), ("Ni", 2), ("Cu", 2)]  # fmt: skip
    cases = []
    for k in range(n):
        element, charge = ions[k % len(ions)]
        case: dict[str, Any] = {
            "element": element,
            "charge": charge,
            "crystal_field": {
                "ten_dq": float(rng.uniform(-1, 2)),
                "ds": float(rng.choice([0, 0.1])),
            },
        }
        if k % 3 == 0:
            case["charge_transfer"] = _ct(float(rng.uniform(0, 6)), 6.5, 8.0, 2.0, 1.1, 2)
        cases.append(case)
    start, failed, first, last = time.perf_counter(), 0, 0.0, 0.0
    for k, result in enumerate(solve_many(cases, processes=processes)):
        failed += "error" in result
        if k == n // 5:
            first = _children_mb()
        last = _children_mb() if k % 50 == 0 else last
    wall = time.perf_counter() - start
    return Row(
        f"batch of {n} mixed cases on {processes} processes",
        n / wall,
        "cases/s (wall)",
        detail={"failed": failed, "workers_mb_at_a_fifth": first, "workers_mb_at_the_end": last},
    )


def _children_mb() -> float:
    """Resident size of this process's children, MB."""
    total = 0.0
    for task in Path("/proc/self/task").iterdir():
        for child in (task / "children").read_text().split():
            status = Path(f"/proc/{child}/statm").read_text().split()
            total += int(status[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    return total
