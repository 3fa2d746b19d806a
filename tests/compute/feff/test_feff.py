"""Route ``feff``: its inputs, its ways of failing, how edges are added, and real runs (slow)."""

from __future__ import annotations

import os
import platform
import re
import signal
import subprocess
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest

from compute import routes
from compute.crystals.published import crystal
from compute.errors import InputError
from compute.feff import run
from compute.feff.edges import EDGES, absorbers
from compute.feff.errors import (
    FeffCrashed,
    FeffMissing,
    FeffNotConverged,
    FeffStageFailed,
    FeffTimeout,
)
from compute.feff.inputs import feff_input
from compute.feff.output import Xmu, read_xmu
from compute.feff.spectrum import add_edges, feff_spectrum, run_edge
from compute.feff.worker import unconverged
from compute.sites import analyze_sites

with_feff = pytest.mark.skipif(not run.available(), reason="feff10-rs is not installed")
SMALL = {"SCF": "2.5 0 30 .2 1", "FMS": "2.5 0"}


def quick(name: str = "rocksalt-MnO", element: str = "O", edge: str = "K", **cards: str) -> str:
    """An input of a small cluster, a few seconds of FEFF."""
    structure = crystal(name).structure()
    index = next(i for i, site in enumerate(structure) if site.specie.symbol == element)
    lines = feff_input(structure, index, edge).text.splitlines()
    wanted = SMALL | cards
    return "\n".join(
        f"{line.split()[0]} {wanted[line.split()[0]]}"
        if line.split() and line.split()[0] in wanted
        else line
        for line in lines
    )


@pytest.mark.parametrize(
    ("element", "edge", "reason"),
    [
        ("H", "K", "no core level"),
        ("Fe", "M23", "shallow|no core level"),
        ("Na", "L3", "no core level"),
        ("Gd", "M45", "multiplet"),
        ("Pt", "L23", "ask for each"),
        ("Cu", "N1", "known: K"),
    ],
)
def test_edges_that_feff_is_not_meant_for_are_refused(element: str, edge: str, reason: str):
    with pytest.raises(InputError, match=reason):
        routes.check(element, edge, "feff")


def test_feff_has_the_k_edge_of_any_element_from_lithium():
    assert absorbers("K")[0] == "Li"
    assert len(absorbers("K")) == 96  # to californium, the last of the table of edges
    assert {"Cu", "Zn", "Ga"} <= set(absorbers("L23"))
    assert {"Pd", "Pt", "U"} <= set(absorbers("M5"))
    for edge in EDGES:
        assert absorbers(edge)


@pytest.mark.parametrize(("route", "edge"), [("cheap", "K"), ("cluster", "L3")])
def test_other_routes_name_the_one_that_has_the_edge(route: str, edge: str):
    with pytest.raises(InputError, match="route feff has others"):
        routes.check("Cu", edge, route)


def test_a_joined_edge_is_never_given_to_feff():
    with pytest.raises(InputError, match="one at a time"):
        feff_input(crystal("rocksalt-NiO").structure(), 0, "L23")


def test_inputs_are_those_of_the_materials_project():
    given = feff_input(crystal("rocksalt-NiO").structure(), 0, "K")
    assert given.cards["SCF"] == "4.5 0 30 .2 1"
    assert given.cards["FMS"] == "7.5 0"
    assert given.cards["COREHOLE"] == "FSR"
    assert given.cards["XANES"] == "3.7 0.04 0.1"
    assert "\nEDGE K\n" in given.text
    assert given.n_atoms > 300
    farther = feff_input(crystal("rocksalt-NiO").structure(), 0, "L3", above_ev=20.0)
    assert float(farther.cards["XANES"].split()[0]) ** 2 == pytest.approx(3.7**2 + 5.25, abs=0.01)


def test_edges_are_added_as_cross_sections_where_each_of_them_is():
    grid = np.linspace(-20.0, 80.0, 1001)

    def step(e0: float, height: float) -> Xmu:
        mu = 0.5 + np.arctan(grid / 0.8) / np.pi
        return Xmu(e0 + grid, mu, height, e0)

    energy, mu = add_edges([step(930.0, 2.0), step(950.0, 1.0)])
    slope = np.gradient(mu, energy)
    assert energy[np.argmax(slope)] == pytest.approx(930.0, abs=0.2)
    second = energy > 940.0
    assert energy[second][np.argmax(slope[second])] == pytest.approx(950.0, abs=0.2)
    assert mu[-1] == pytest.approx(1.0, abs=0.01)
    plateau = np.interp(941.0, energy, mu)
    assert plateau == pytest.approx(2.0 / 3.0, abs=0.02)
    assert (np.abs(np.diff(mu)) < 0.2).all()  # no step where the second grid begins


def test_without_feff_the_reason_is_told(monkeypatch: pytest.MonkeyPatch):
    def nothing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(run, "installed", nothing)
    with pytest.raises(FeffMissing, match=r"pip install -r requirements-feff\.txt") as told:
        run.run_feff("")
    assert told.value.permanent
    monkeypatch.setattr(run, "installed", lambda name: "9.9")
    with pytest.raises(FeffMissing, match=r"9\.9 is installed"):
        run.run_feff("")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("# nothing\n", "not whole"),
        ("#  xsedge+ 50, used to normalize mu   1.0E-02\n1.0 2.0 3.0 0.5 0.5 0.0\n", "not whole"),
        ("#  xsedge+ 50, used to normalize mu   1.0E-02\n1.0 2.0\n1.0 2.0 3.0\n", "not a table"),
    ],
)
def test_a_spectrum_that_is_cut_short_is_refused(tmp_path: Path, text: str, reason: str):
    (tmp_path / "xmu.dat").write_text(text)
    with pytest.raises(FeffStageFailed, match=reason):
        read_xmu(tmp_path / "xmu.dat")


@with_feff
@pytest.mark.slow
def test_stages_are_told_and_nothing_is_left_behind(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    stages = []
    found = run.run_feff(quick(), progress=lambda *told: stages.append(told))
    assert [number for _, number, _ in stages] == list(range(1, 10))
    assert stages[0][0] == "rdinp"
    assert 530.0 < found.e0_ev < 545.0
    assert 0.9 < np.interp(found.e0_ev + 40.0, found.energy_ev, found.mu) < 1.6
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ("SCF ITERATION NUMBER  1\nConvergence reached in    9  iterations.\n", ""),
        ("SCF ITERATION NUMBER  1\n" * 30, "self-consistent in 30 iterations"),
        ("SCF ITERATION NUMBER  1\n Found bad counts.\n" * 2, "electrons .* 2 iterations in"),
        ("", "in 0 iterations"),
    ],
)
def test_the_log_tells_whether_potentials_can_be_used(tmp_path: Path, log: str, reason: str):
    (tmp_path / "log1.dat").write_text(log)
    found = unconverged(tmp_path / "log1.dat")
    assert re.search(reason, found) if reason else found == ""


def test_potentials_that_did_not_converge_are_mixed_gently_once(monkeypatch: pytest.MonkeyPatch):
    given = feff_input(crystal("rocksalt-MnO").structure(), 0, "K")
    asked: list[str] = []
    spectrum = Xmu(np.arange(3.0), np.ones(3), 1.0, 0.5)

    def once(text: str, **_: object) -> Xmu:
        asked.append(text)
        if len(asked) == 1:
            raise FeffNotConverged("30 iterations")
        return spectrum

    monkeypatch.setattr("compute.feff.spectrum.run_feff", once)
    found, used = run_edge(given)
    assert found is spectrum
    assert used.cards["SCF"] == "4.5 0 100 .05 1"
    first, second = (text.splitlines() for text in asked)
    assert [pair for pair in zip(first, second, strict=True) if pair[0] != pair[1]] == [
        ("SCF 4.5 0 30 .2 1", "SCF 4.5 0 100 .05 1")
    ]
    assert run_edge(given)[1] is given

    def never(text: str, **_: object) -> Xmu:
        raise FeffNotConverged("100 iterations")

    monkeypatch.setattr("compute.feff.spectrum.run_feff", never)
    with pytest.raises(FeffNotConverged, match="100"):
        run_edge(given)


@with_feff
@pytest.mark.slow
def test_potentials_that_do_not_converge_give_no_spectrum_and_end_the_run():
    stages: list[str] = []
    with pytest.raises(FeffNotConverged, match="1 iterations"):
        run.run_feff(quick(SCF="2.5 0 1 .2 1"), progress=lambda *told: stages.append(told[0]))
    assert stages[-1] == "pot"


@with_feff
@pytest.mark.slow
def test_a_time_limit_is_kept_and_names_the_stage():
    with pytest.raises(FeffTimeout, match=r"in stage \w+ after .* 1 s$") as told:
        run.run_feff(quick(), limit_s=1.0)
    assert not told.value.permanent


def watch(tmp_path: Path, code: str, limit_s: float) -> None:
    process = subprocess.Popen([sys.executable, "-S", "-c", code], start_new_session=True)
    try:
        run._watch(process, tmp_path, limit_s, run.silent)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="CPU time of children is of /proc")
def test_waiting_for_a_busy_machine_does_not_count_but_computing_does(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(run, "_COUNT_S", 0.05)
    watch(tmp_path, "import time; time.sleep(0.6)", 0.3)  # within four times its limit
    spin = "while True: pass"
    forked = f"import os; pid = os.fork()\nif pid: os.waitpid(pid, 0)\nelse:\n {spin}"
    with pytest.raises(FeffTimeout, match=r"0 s of CPU time .* its limit is 0\.3 s"):
        watch(tmp_path, spin, 0.3)
    monkeypatch.setattr(run, "WALL", 1000.0)
    with pytest.raises(FeffTimeout, match="its limit is 0.3 s"):
        watch(tmp_path, forked, 0.3)
    monkeypatch.setattr(run, "WALL", 1.0)
    with pytest.raises(FeffTimeout, match="0 s of CPU time"):
        watch(tmp_path, "import time; time.sleep(60)", 0.3)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the names are those of glibc")
def test_arrays_that_are_taken_again_are_not_new_pages():
    """As FEFF takes them: in a thread, from C, two at a time, every page written."""
    code = """
import ctypes, resource, threading
c = ctypes.CDLL(None)
c.malloc.restype, c.malloc.argtypes, c.free.argtypes = (
    ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p])
size = 40 << 20
def take():
    both = [c.malloc(size) for _ in range(2)]
    for one in both:
        ctypes.memset(one, 1, size)
    for one in both:
        c.free(one)
def run():
    take()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(3):
        take()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
one = threading.Thread(target=run)
one.start()
one.join()
"""

    def faults(settings: dict[str, str]) -> int:
        found = subprocess.run(
            [sys.executable, "-c", code], env=os.environ | settings, capture_output=True, check=True
        )
        return int(found.stdout)

    assert faults(run.MEMORY) < 0.1 * faults({})


@with_feff
@pytest.mark.slow
def test_what_stood_in_memory_before_does_not_matter(monkeypatch: pytest.MonkeyPatch):
    """Memory that is used again is not zero, as new pages are."""
    zeros = run.run_feff(quick())
    monkeypatch.setenv("MALLOC_PERTURB_", "165")
    assert np.array_equal(run.run_feff(quick()).mu, zeros.mu)


@with_feff
@pytest.mark.slow
def test_the_message_of_a_stage_that_fails_is_kept():
    text = quick().replace("ATOMS\n", "ATOMS\n 0 0 0 0 O 0 0\n", 1)  # two absorbers
    with pytest.raises(FeffStageFailed, match="stage rdinp.*exit code") as told:
        run.run_feff(text)
    assert told.value.permanent


@with_feff
@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="finds the process in /proc")
def test_a_process_that_is_killed_is_one_failure_that_may_pass():
    def kill(stage: str, number: int, total: int) -> None:
        mine = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        for child in map(int, mine):
            if b"compute.feff.worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                os.kill(child, signal.SIGKILL)

    with pytest.raises(FeffCrashed, match="signal 9") as told:
        run.run_feff(quick(), progress=kill)
    assert not told.value.permanent


@with_feff
@pytest.mark.slow
def test_both_l_edges_of_a_joined_spectrum_are_there(monkeypatch: pytest.MonkeyPatch):
    from compute.feff import spectrum

    def small(structure, index, edge, **options):
        made = feff_input(structure, index, edge, **options)
        text = made.text.replace("SCF 4.5", "SCF 3.0").replace("FMS 7.5", "FMS 3.0")
        return type(made)(text, made.cards, made.n_atoms)

    monkeypatch.setattr(spectrum, "feff_input", small)
    structure = crystal("delafossite-CuCrO2").structure()
    site = next(one for one in analyze_sites(structure) if one.element == "Cu")
    found = feff_spectrum(structure, site, "L23")
    edges = found.result["edges"]
    apart = edges["L2"]["e0_ev"] - edges["L3"]["e0_ev"]
    assert apart == pytest.approx(952.3 - 932.7, abs=0.5)
    assert 1.5 < edges["L3"]["step_ang2"] / edges["L2"]["step_ang2"] < 2.5
    slope = np.gradient(found.intensity, found.energy_ev)
    near = [abs(found.energy_ev - edges[one]["e0_ev"]) < 4.0 for one in ("L3", "L2")]
    flat = (found.energy_ev > edges["L3"]["e0_ev"] + 10.0) & (
        found.energy_ev < edges["L2"]["e0_ev"] - 4.0
    )
    for one in near:
        assert slope[one].max() > 3.0 * np.abs(slope[flat]).max()
    assert found.result["warnings"] == []
