"""Real processes that are killed at any moment leave nothing half, and go on to the same result."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.compute.series.made import CHANNELS, REFERENCES, mixtures
from tests.spectradb.series.test_series_library import ENERGY as LIBRARY_ENERGY
from tests.spectradb.series.test_series_library import curve

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
ENERGY = 640 + 0.1 * np.arange(CHANNELS)
SHAPE = (160, 200)
KILLS = 6
N_PARTS = 8  # of 4,096 spectra
N_MATCHED = 4 * 512  # spectra, of which a part of a match with the library has 512
_LIBRARY = """
import numpy as np
from tests.factories import make_site, make_spectrum, make_structure
from tests.spectradb.series.test_series_library import curve
energy = np.linspace(625.0, 672.0, 471)
for k in range(6):
    structure = make_structure("MnO")
    site = make_site(structure, element="Mn", oxidation_state=float(2 + k % 3))
    make_spectrum(
        absorber="Mn", structure=structure, site=site, formula=f"Mn{k + 1}O",
        energy=energy, intensity=curve(k, energy),
    )
"""


class Site:
    """A database and a var folder of its own, asked by processes of their own."""

    def __init__(self, var: Path) -> None:
        self.var = var
        self.env = os.environ | {
            "SPECTRADB_VAR": str(var),
            "DJANGO_SETTINGS_MODULE": "spectradb.settings",
            "DATABASE_URL": f"sqlite:///{var}/spectradb.sqlite3",
        }
        self.run("migrate", "--verbosity", "0")

    def start(self, *words: object) -> subprocess.Popen[str]:
        command = [sys.executable, str(ROOT / "manage.py"), *map(str, words)]
        return subprocess.Popen(
            command, cwd=ROOT, env=self.env, text=True, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *words: object, faults: str = "") -> str:
        """What it writes; it ends well, or with these faults told."""
        process = self.start(*words)
        out, err = process.communicate(timeout=600)
        assert process.returncode == (1 if faults else 0), err
        assert faults in err
        return out

    def killed(self, after_s: float, *words: object) -> bool:
        """Whether it was killed before it was done."""
        process = self.start(*words)
        try:
            process.communicate(timeout=after_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return True
        assert process.returncode == 0
        return False

    def killed_behind(self, parts: int, after_s: float, *words: object) -> bool:
        """Whether it was killed, some time after so many parts of its maps were there."""
        process = self.start(*words)
        while process.poll() is None:
            if len(list((self.var / "series-maps").glob("*/*.npz"))) >= parts:
                time.sleep(after_s)
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
                return process.returncode == -signal.SIGKILL
            time.sleep(0.01)
        told = process.communicate()[1]
        assert process.returncode == 0, told
        return False

    def series(self) -> list[dict[str, Any]]:
        code = (
            "import json;from spectradb.models import Series;"
            "print(json.dumps(list(Series.objects.values('pk','file_name','sha256','n_spectra'))))"
        )
        told: list[dict[str, Any]] = json.loads(self.run("shell", "--no-imports", "-c", code))
        return told


@pytest.fixture
def site(tmp_path: Path) -> Site:
    (tmp_path / "var").mkdir()
    return Site(tmp_path / "var")


@pytest.fixture
def map_file(tmp_path: Path) -> Path:
    path = tmp_path / "map.npy"
    n = SHAPE[0] * SHAPE[1]
    np.save(path, mixtures(n, seed=2)[0].reshape(*SHAPE, CHANNELS))
    axes = [{"name": name, "unit": "nm", "start": 0, "step": 1} for name in "yx"]
    axes.append({"name": "energy", "unit": "eV", "values": ENERGY.tolist()})
    path.with_suffix(".json").write_text(json.dumps({"axes": axes}))
    return path


@pytest.fixture
def references(tmp_path: Path) -> list[Path]:
    paths = []
    for name, row in zip("ABC", REFERENCES, strict=True):
        paths.append(tmp_path / f"phase{name}.dat")
        rows = "\n".join(f"{e:.4f} {i:.8f}" for e, i in zip(ENERGY, row, strict=True))
        paths[-1].write_text(f"# energy norm\n{rows}\n")
    return paths


def test_an_import_that_is_killed_leaves_nothing_half(site: Site, map_file: Path) -> None:
    start = time.monotonic()
    words = ("import_series", map_file, "--element", "Mn", "--edge", "L23")
    site.run(*words)
    whole_s = time.monotonic() - start
    (known,) = site.series()
    other = map_file.with_name("other.npy")
    np.save(other, np.load(map_file) + 1)
    map_file.with_suffix(".json").rename(other.with_suffix(".json"))
    rng, killed = random.Random(1), 0
    for _ in range(KILLS):
        killed += site.killed(rng.uniform(0.3, 1.0) * whole_s, "import_series", other)
        rows = site.series()
        assert rows[0] == known
        for row in rows:  # what has a row has its whole file
            path = site.var / "series" / row["file_name"]
            with h5py.File(path) as file:
                assert file["entry/data/spectra"].shape == (row["n_spectra"], CHANNELS)
    assert killed
    site.run("import_series", other)
    assert len(site.series()) == 2
    digests = {row["sha256"] for row in site.series()}
    assert len(digests) == 2


@pytest.mark.parametrize("method", ["references", "parameters"])
def test_an_analysis_that_is_killed_goes_on_to_the_same_maps(
    site: Site, map_file: Path, references: list[Path], tmp_path: Path, method: str
) -> None:
    site.run("import_series", map_file)
    whole, target = tmp_path / "whole.h5", tmp_path / "maps.h5"
    words = ["analyze_series", 1, "--method", method, "--spikes"]
    words += ["--references", *references] if method == "references" else []
    site.run(*words, "--output", whole)
    rng, stopped = random.Random(2), 0
    for kill in range(KILLS):
        parts = min(kill + 1, N_PARTS)
        stopped += site.killed_behind(parts, rng.uniform(0, 0.3), *words, "--output", target)
        target.unlink(missing_ok=True)  # it was killed as it ended
    assert stopped
    site.run(*words, "--output", target)
    assert_same_maps(whole, target)
    assert not [one for one in (site.var / "series-maps").rglob("*") if one.is_file()]


def assert_same_maps(whole: Path, target: Path) -> None:
    with h5py.File(whole) as a, h5py.File(target) as b:
        names: list[str] = []
        a.visit(names.append)
        names = [name for name in names if isinstance(a[name], h5py.Dataset)]
        assert any(name.startswith("components/") for name in names)
        for name in names:
            if a[name].dtype.kind == "f":
                np.testing.assert_allclose(a[name][()], b[name][()], rtol=1e-6, equal_nan=True)


@pytest.mark.parametrize("method", ["nmf", "mcr"])
def test_factors_that_are_killed_leave_no_half_map(
    site: Site, map_file: Path, references: list[Path], tmp_path: Path, method: str
) -> None:
    """All spectra are answered at once: what is killed begins again."""
    site.run("import_series", map_file)
    whole, target = tmp_path / "whole.h5", tmp_path / "maps.h5"
    words = ["analyze_series", 1, "--method", method, "--components", 3]
    words += ["--references", references[0]] if method == "mcr" else []
    start = time.monotonic()
    site.run(*words, "--output", whole)
    whole_s = time.monotonic() - start
    rng, stopped = random.Random(3), 0
    for _ in range(KILLS):
        killed = site.killed(rng.uniform(0.4, 1.0) * whole_s, *words, "--output", target)
        stopped += killed
        if killed and target.exists():  # it was killed as it ended
            assert_same_maps(whole, target)
        target.unlink(missing_ok=True)
    assert stopped
    site.run(*words, "--output", target)
    assert_same_maps(whole, target)


def test_a_match_with_the_library_that_is_killed_goes_on_to_the_same_maps(
    site: Site, tmp_path: Path
) -> None:
    site.run("shell", "--no-imports", "-c", _LIBRARY)
    rng = np.random.default_rng(4)
    pure = np.array([curve(k, LIBRARY_ENERGY) for k in range(2)])
    spectra = rng.poisson(300 * pure[rng.integers(0, 2, (N_MATCHED // 64, 64))] + 30)
    np.save(tmp_path / "mn.npy", spectra.astype("f4"))
    axes = [{"name": name, "unit": "nm", "start": 0, "step": 1} for name in "yx"]
    axes.append({"name": "energy", "unit": "eV", "values": LIBRARY_ENERGY.tolist()})
    told = {"axes": axes, "element": "Mn", "edge": "L23"}
    (tmp_path / "mn.json").write_text(json.dumps(told))
    site.run("import_series", tmp_path / "mn.npy")
    whole, target = tmp_path / "whole.h5", tmp_path / "maps.h5"
    words = ("analyze_series", 1, "--method", "library")
    site.run(*words, "--output", whole)
    stopped = 0
    for parts in (1, 2, 3):
        stopped += site.killed_behind(parts, rng.uniform(0, 0.3), *words, "--output", target)
        target.unlink(missing_ok=True)  # it was killed as it ended
    assert stopped
    site.run(*words, "--output", target)
    assert_same_maps(whole, target)
    with h5py.File(target) as maps:
        assert (maps["none_of_these"][()] < 0.5).mean() > 0.95
    assert not [one for one in (site.var / "series-maps").rglob("*") if one.is_file()]


def test_a_watched_folder_of_two_thousand_files_with_broken_ones(
    site: Site, tmp_path: Path
) -> None:
    folder = tmp_path / "beamline"
    folder.mkdir()
    rng = np.random.default_rng(0)
    broken = set(rng.choice(2000, 20, replace=False).tolist())
    for i in range(2000):
        path = folder / f"scan{i:04d}.h5"
        with h5py.File(path, "w") as file:
            group = file.create_group("entry/data")
            group.attrs.update({"NX_class": "NXdata", "signal": "counts", "axes": ["t", "energy"]})
            group["counts"] = rng.poisson(100 + i % 7, (3, 40)).astype("f4")
            group["t"] = np.arange(3.0)
            group["energy"] = ENERGY[:40]
            group["t"].attrs["units"], group["energy"].attrs["units"] = "s", "eV"
        if i in broken:
            data = path.read_bytes()
            path.write_bytes(data[: len(data) // (2 + i % 5)])
    report = tmp_path / "told.json"
    words = ("watch_series", folder, "--once", "--rest", "0.2", "--output", report)
    site.run(*words, faults="20 of 2000 files and folders had faults")
    told = {Path(one["path"]).stem: one["status"] for one in json.loads(report.read_text())}
    assert len(told) == 2000
    failed = {int(name[4:]) for name, status in told.items() if status == "failed"}
    assert failed == broken
    assert len(site.series()) == 1980
