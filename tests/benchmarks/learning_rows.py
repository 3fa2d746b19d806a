"""What learning costs with the number of rows: descriptors, graphs, an epoch, and what compares
rows with rows (kernel ridge on landmarks, the networks' doubt); and the memory.

    python -m tests.benchmarks.learning_rows [ROWS …] [--output FILE.json]

Random oxide-like cells of 8 to 60 atoms, two absorbing sites each, spectra of 141 points in a
memory-mapped file. Each size runs in a process of its own. ``anonymous_mb`` is the peak of memory
that cannot be given back; ``resident_mb`` counts pages of mapped files as well, which can.
``--only comparisons`` leaves the networks out: 150,000 rows are then a matter of minutes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from ml import kernel_ridge
from ml.crystals import Crystal
from ml.data import Dataset
from ml.distances import city_block
from ml.doubt import Doubt
from ml.features import room
from ml.inputs import Inputs
from ml.kinds.cgcnn import Cgcnn
from ml.kinds.mlp import Mlp
from ml.kinds.networks import NetworkKind
from ml.output import Basis
from ml.training import TrainingConfig, train

GRID = np.arange(141) * 0.25
SITES = 2
FOLDS = 10
FEATURES = 384  # of a row in the last layer of `mlp`
LANDMARKS = 4000
COMPONENTS = 24


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("rows", nargs="*", type=int, default=[1000, 2000, 4000])
    parser.add_argument("--one", action="store_true", help="measure in this process")
    parser.add_argument("--only", choices=["networks", "comparisons"])
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    if arguments.one:
        sys.stdout.write(json.dumps(measure(arguments.rows[0], arguments.only)) + "\n")
        return
    found = []
    for rows in arguments.rows:
        command = [sys.executable, "-m", "tests.benchmarks.learning_rows", str(rows), "--one"]
        command += ["--only", arguments.only] if arguments.only else []
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        found.append(json.loads(done.stdout))
        sys.stderr.write(f"{found[-1]}\n")
    if arguments.output:
        arguments.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def measure(rows: int, only: str | None = None) -> dict[str, float]:
    """CPU seconds of each step and peak memory."""
    peak = Peak()
    found: dict[str, float] = {"rows": rows}
    if only != "comparisons":
        networks(rows, peak, found)
    if only != "networks":
        comparisons(rows, peak, found)
    return {name: round(value, 2) for name, value in found.items()}


def networks(rows: int, peak: Peak, found: dict[str, float]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = dataset(rows, Path(folder))
        found["start_mb"] = peak.anonymous
        kinds: tuple[type[NetworkKind[Any]], ...] = (Mlp, Cgcnn)
        for one in kinds:
            kind = one.kind
            begun = time.process_time()
            inputs = Inputs.prepare(data, one.sees)
            found[f"{kind}_inputs_s"] = time.process_time() - begun
            network = one.network(inputs, Basis.of(data.target[:2000]), one.size)
            batches = inputs.batches(data, None, data.target, 128)
            begun = time.process_time()
            train(network, batches, lambda rng: [], TrainingConfig(epochs=1))
            found[f"{kind}_epoch_s"] = time.process_time() - begun
            found[f"{kind}_anonymous_mb"] = peak.anonymous
            found[f"{kind}_resident_mb"] = peak.resident
            del inputs, batches


def comparisons(rows: int, peak: Peak, found: dict[str, float]) -> None:
    """Two members' doubt and one solution on landmarks, from random descriptions of the rows."""
    rng = np.random.default_rng(0)
    fold = np.arange(rows) // SITES % FOLDS
    features = room(2 * rows, FEATURES).reshape(2, rows, FEATURES)
    for at in range(0, rows, 4096):
        some = features[:, at : at + 4096]
        some[:] = rng.standard_normal(some.shape, np.float32)
    error = rng.standard_normal((rows, GRID.size))
    found["comparisons_start_mb"] = peak.anonymous
    begun = time.process_time()
    Doubt.learn(features, fold % 2, error, np.ones(rows))
    found["doubt_s"] = time.process_time() - begun
    found["doubt_anonymous_mb"] = peak.anonymous
    landmarks = np.sort(rng.choice(rows, min(LANDMARKS, rows - 1), replace=False))
    x, y = features[0], error[:, :COMPONENTS]
    begun = time.process_time()
    distance = city_block(x, x[landmarks], room(rows, len(landmarks)))
    distance /= np.median(distance[landmarks])
    kernel_ridge.nearest_of_other_folds(distance, landmarks, fold)
    kernel_ridge.solve(distance, landmarks, y, 1.0, 1e-2)
    found["landmarks_s"] = time.process_time() - begun
    found["landmarks_anonymous_mb"] = peak.anonymous
    found["landmarks_resident_mb"] = peak.resident


class Peak:
    """Watches this process's memory from a thread."""

    def __init__(self) -> None:
        self.anonymous = self.resident = 0.0  # MB
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            text = Path("/proc/self/status").read_text()
            told = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
            self.anonymous = max(self.anonymous, int(told["RssAnon"].split()[0]) / 1024)
            self.resident = max(self.resident, int(told["VmRSS"].split()[0]) / 1024)
            time.sleep(0.02)


def dataset(rows: int, folder: Path) -> Dataset:
    """Rows of random cells at the density of oxides, copper among them."""
    rng = np.random.default_rng(0)
    target = np.lib.format.open_memmap(
        folder / "target.npy", mode="w+", dtype=np.float32, shape=(rows, GRID.size)
    )
    for at in range(0, rows, 1000):
        target[at : at + 1000] = rng.random((min(1000, rows - at), GRID.size), np.float32)
    crystals = []
    for k in range(-(-rows // SITES)):
        size = int(rng.integers(8, 61))
        side = int(np.ceil(size ** (1 / 3)))
        places = np.stack(np.meshgrid(*[np.arange(side)] * 3), axis=-1).reshape(-1, 3)
        frac = (rng.permutation(places)[:size] + rng.normal(scale=0.06, size=(size, 3))) / side
        numbers = rng.choice([8, 8, 16, 26, 56], size)
        numbers[:SITES] = 29
        crystals.append(Crystal((14.0 * size) ** (1 / 3) * np.eye(3), numbers, frac, f"random-{k}"))
    index = np.arange(rows)
    return Dataset(GRID, crystals, index // SITES, index % SITES, target, folder / "cache")


if __name__ == "__main__":
    main()
