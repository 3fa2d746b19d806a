"""Crystal graphs, training and inference against the original CGCNN code (txie-93/cgcnn).

``python manage.py bench cgcnn``. The original is not part of this project: point
``SPECTRADB_CGCNN`` to an unmodified checkout of github.com/txie-93/cgcnn; without it only our own
speeds are told. Both sides see the same crystals and run in one thread, alternately, in one
process: graphs from structures in memory (the original's own CIF parsing is left out of its time),
then passes over the finished graphs, with networks of equal size (three convolutions, 64 atom
features, 12 neighbours, one target against a spectrum of 141 points for ours).

Crystals are those of the starter library; ``SPECTRADB_CGCNN_CRYSTALS`` names a file of others
(JSON lines of ``lattice, species, frac``, gzipped), of which as many are drawn. Random cells, in
which no two atoms are alike, are measured beside them: the least that joining like atoms can help.
"""

from __future__ import annotations

import csv
import gzip
import importlib
import json
import os
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from compute.crystals.published import crystals
from ml.cgcnn import CgcnnNetwork, CgcnnSize, Graph, GraphBatch, build_graph, collate
from ml.crystals import Crystal
from ml.output import Basis
from tests.benchmarks.rows import Row

N_CRYSTALS = 96
BATCH = 32
ROUNDS = 3
LIMITS = {"graphs": 20.0, "training": 3.0, "inference": 5.0}


def run() -> Iterator[Row]:
    """CPU time of each step, best of the rounds."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield from _compare(real_crystals(N_CRYSTALS), "", LIMITS)
        yield from _compare(random_crystals(N_CRYSTALS), "random cells: ", {})
    finally:
        torch.set_num_threads(threads)


def _compare(crystals: list[Crystal], what: str, limits: dict[str, float]) -> Iterator[Row]:
    sides: dict[str, Any] = {"ours": Ours(crystals)}
    place = os.environ.get("SPECTRADB_CGCNN", "")
    if place:
        sides["theirs"] = Theirs(Path(place), crystals)
    for step in LIMITS:
        best = {name: float("inf") for name in sides}
        for _ in range(ROUNDS):
            for name, side in sides.items():
                best[name] = min(best[name], _milliseconds(getattr(side, step)))
        theirs = best.get("theirs")
        yield Row(
            f"{what}{step}, each structure",
            best["ours"],
            "ms CPU",
            "txie-93/cgcnn" if theirs else "",
            theirs,
            detail={"per_second": 1000 / best["ours"]},
        )
        if theirs and step in limits:
            ratio = theirs / best["ours"]
            yield Row(f"{what}{step}, times faster", ratio, "×", limit=limits[step], at_least=True)


def real_crystals(n: int) -> list[Crystal]:
    """Of the starter library, or drawn from the file that the environment names."""
    from pymatgen.core import Element

    if path := os.environ.get("SPECTRADB_CGCNN_CRYSTALS", ""):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            found = [json.loads(line) for line in file]
    else:
        found = [
            {
                "lattice": structure.lattice.matrix,
                "species": [Element.from_Z(z).symbol for z in structure.atomic_numbers],
                "frac": structure.frac_coords,
            }
            for structure in (crystal.structure() for crystal in crystals())
        ]
    chosen = np.random.default_rng(0).permutation(len(found))[:n]
    return [
        Crystal(
            np.array(found[i]["lattice"], dtype=np.float64),
            np.array([Element(symbol).Z for symbol in found[i]["species"]]),
            np.array(found[i]["frac"], dtype=np.float64),
            f"crystal-{i}",
        )
        for i in chosen
    ]


def random_crystals(n: int) -> list[Crystal]:
    """Cells of 4 to 40 atoms at the density of oxides (about 14 Å³ an atom), copper among them."""
    rng = np.random.default_rng(0)
    found = []
    for k in range(n):
        size = int(rng.integers(4, 41))
        edge = (14.0 * size) ** (1 / 3)
        side = int(np.ceil(size ** (1 / 3)))
        grid = np.stack(np.meshgrid(*[np.arange(side)] * 3), axis=-1).reshape(-1, 3)
        chosen = grid[rng.permutation(len(grid))[:size]]
        frac = (chosen + rng.normal(scale=0.06, size=(size, 3))) / side
        numbers = rng.choice([8, 16, 17, 26, 56], size)
        numbers[0] = 29
        found.append(Crystal(edge * np.eye(3), numbers, frac, f"random-{k}"))
    return found


class Ours:
    """This project's graphs and network."""

    def __init__(self, crystals: list[Crystal]) -> None:
        self.crystals = crystals
        self.made: list[Graph] = [self._graph(crystal) for crystal in crystals]
        target = np.random.default_rng(0).random((200, 141), np.float32)
        self.network = CgcnnNetwork(
            Basis.of(target), CgcnnSize(atom_dim=64, bond_dim=41, hidden=128)
        )
        self.optimizer = torch.optim.SGD(self.network.parameters(), 0.01)

    def _graph(self, crystal: Crystal) -> Graph:
        return build_graph(crystal, cutoff=8.0, max_neighbours=12)

    def graphs(self) -> int:
        self.made = [self._graph(crystal) for crystal in self.crystals]
        return len(self.made)

    def training(self) -> int:
        self.network.train()
        for batch in self._batches():
            self.optimizer.zero_grad()
            self.network(batch).square().mean().backward()
            self.optimizer.step()
        return len(self.made)

    @torch.no_grad()
    def inference(self) -> int:
        self.network.eval()
        for batch in self._batches():
            self.network(batch)
        return len(self.made)

    def _batches(self) -> Iterator[GraphBatch]:
        for at in range(0, len(self.made), BATCH):
            some = self.made[at : at + BATCH]
            yield collate(some, [[0]] * len(some))


class Theirs:
    """The original code, imported from its checkout."""

    def __init__(self, place: Path, crystals: list[Crystal]) -> None:
        from pymatgen.core import Lattice, Structure

        sys.path.insert(0, str(place))
        try:
            self.data: Any = importlib.import_module("cgcnn.data")
            model = importlib.import_module("cgcnn.model")
        finally:
            sys.path.remove(str(place))
        self.folder = Path(tempfile.mkdtemp())
        shutil.copy(place / "data" / "sample-regression" / "atom_init.json", self.folder)
        with (self.folder / "id_prop.csv").open("w", newline="") as file:
            csv.writer(file).writerows([[crystal.group, 0.5] for crystal in crystals])
        structures = {
            str(self.folder / f"{c.group}.cif"): Structure(
                Lattice(c.lattice), c.numbers.tolist(), c.frac
            )
            for c in crystals
        }

        class Stored:
            """Structures without the time of parsing CIFs."""

            @staticmethod
            def from_file(path: str) -> Structure:
                return structures[path]

        vars(self.data)["Structure"] = Stored
        self.graphs()
        atoms, bonds, _ = self.made[0][0]
        self.network = model.CrystalGraphConvNet(
            atoms.shape[-1], bonds.shape[-1], atom_fea_len=64, n_conv=3, h_fea_len=128, n_h=1
        )
        self.optimizer = torch.optim.SGD(self.network.parameters(), 0.01)

    def graphs(self) -> int:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = self.data.CIFData(str(self.folder))
            # The cache is of the class: a fresh data set is a fresh key.
            self.made = [dataset[k] for k in range(len(dataset))]
        return len(self.made)

    def training(self) -> int:
        self.network.train()
        for inputs, target in self._batches():
            self.optimizer.zero_grad()
            (self.network(*inputs) - target).square().mean().backward()
            self.optimizer.step()
        return len(self.made)

    @torch.no_grad()
    def inference(self) -> int:
        self.network.eval()
        for inputs, _ in self._batches():
            self.network(*inputs)
        return len(self.made)

    def _batches(self) -> Iterator[tuple[Any, Any]]:
        for at in range(0, len(self.made), BATCH):
            inputs, target, _ = self.data.collate_pool(self.made[at : at + BATCH])
            yield inputs, target


def _milliseconds(step: Callable[[], int]) -> float:
    """CPU time of one structure."""
    begun = time.process_time()
    done = step()
    return 1000 * (time.process_time() - begun) / done
