"""What the networks of a kind see of each row, and how rows are put into batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ml.cgcnn import NO_GRAPH, Graph, collate, stored_graphs
from ml.data import Dataset
from ml.distributed import share
from ml.features import Scaler, describe_rows
from ml.prefetch import ahead, to_device
from ml.surroundings import Surroundings, every_atom, graph_stars, stars
from ml.training import Batch, Batches


@dataclass(frozen=True)
class Sees:
    """What the networks of a kind see of a row.

    Attributes
    ----------
    blocks : tuple of str
        Descriptors of the site, or with ``around`` of every atom of its crystal. Without any they
        see the crystal's graph.
    around : bool
        Where every atom lies around the absorber.
    """

    blocks: tuple[str, ...] = ()
    around: bool = False


@dataclass
class Inputs:
    """What the networks of a kind see of each row: scaled descriptors of its site, or of all atoms
    and where they lie around it, or graphs."""

    sees: Sees
    width: int
    scaler: Scaler | None
    gain: float = 1.0  # gives the training rows unit variance in the mean, as dense layers expect
    matrix: NDArray[np.float32] | None = None  # (n, width), of the rows or of all atoms
    graphs: list[Graph] | None = None  # of each crystal
    around: Surroundings | None = None

    @classmethod
    def prepare(cls, data: Dataset, sees: Sees) -> Inputs:
        """Learn the scale of the descriptors from these rows, and make the inputs."""
        if not sees.blocks:
            return cls(sees, 0, None, graphs=_graphs(data), around=_around(data, sees))
        blocks = describe_rows(_described(data, sees), sees.blocks)
        scaler = Scaler.learn(blocks, norm=2)
        matrix = scaler.apply(blocks)
        gain = float(1.0 / max(np.sqrt(np.einsum("nf,nf->", matrix, matrix) / matrix.size), 1e-12))
        matrix *= np.float32(gain)
        return cls(sees, matrix.shape[1], scaler, gain, matrix, around=_around(data, sees))

    def again(self, data: Dataset) -> Inputs:
        """The inputs of other rows, on the same scale."""
        around = _around(data, self.sees)
        if self.scaler is None:
            return Inputs(self.sees, 0, None, graphs=_graphs(data), around=around)
        described = _described(data, self.sees)
        matrix = self.scaler.apply(describe_rows(described, self.sees.blocks))
        matrix *= np.float32(self.gain)
        return Inputs(self.sees, self.width, self.scaler, self.gain, matrix, around=around)

    def batches(
        self,
        data: Dataset,
        rows: NDArray[np.int64] | None,
        target: NDArray[np.float32] | None,
        size: int,
        device: torch.device = torch.device("cpu"),  # noqa: B008  (immutable)
        counts: NDArray[np.float64] | None = None,
    ) -> Batches:
        """Batches of these rows (all when None), with targets of no meaning when None.

        ``counts`` (n,) is what each row of the data counts for, 1 when None.
        """
        chosen = np.arange(len(data)) if rows is None else rows
        weights = np.ones(len(data), np.float32) if counts is None else counts.astype(np.float32)
        grid = data.energy_ev.size

        def make(rng: np.random.Generator | None) -> Iterator[Batch]:
            for whole in self._parts(data, chosen, size, rng):
                part, weight = (whole, 1.0) if rng is None else share(whole, data.crystal_of[whole])
                wanted = np.zeros((len(part), grid), np.float32) if target is None else target[part]
                yield Batch(
                    self._input(data, part, device),
                    to_device(torch.from_numpy(wanted), device),
                    part,
                    to_device(torch.from_numpy(weights[part]), device),
                    weight,
                )

        if device.type == "cpu":
            return make
        return lambda rng: ahead(make(rng))  # the CPU makes the next while the device computes

    def _parts(
        self, data: Dataset, rows: NDArray[np.int64], size: int, rng: np.random.Generator | None
    ) -> Iterator[NDArray[np.int64]]:
        """Rows of each batch; where whole crystals are seen, rows of one stay together."""
        if self.graphs is None and self.around is None:
            order = rows if rng is None else rng.permutation(rows)
            yield from (order[at : at + size] for at in range(0, len(order), size))
            return
        crystals, start = np.unique(data.crystal_of[rows], return_inverse=True)
        groups = np.split(
            rows[np.argsort(start, kind="stable")], np.cumsum(np.bincount(start))[:-1]
        )
        order = np.arange(len(crystals)) if rng is None else rng.permutation(len(crystals))
        part: list[NDArray[np.int64]] = []
        count = 0
        for k in order:
            part.append(groups[k])
            count += len(groups[k])
            if count >= size:
                yield np.concatenate(part)
                part, count = [], 0
        if part:
            yield np.concatenate(part)

    def _input(self, data: Dataset, part: NDArray[np.int64], device: torch.device) -> object:
        if self.matrix is not None:
            if self.around is not None:
                return stars(data, self.around, self.matrix, part).to(device)
            return to_device(torch.from_numpy(self.matrix[part]), device)
        assert self.graphs is not None
        if self.around is not None:
            return graph_stars(data, self.around, self.graphs, part).to(device)
        crystals, first = np.unique(data.crystal_of[part], return_index=True)
        crystals = crystals[np.argsort(first)]
        absorbers = [data.site[part[data.crystal_of[part] == c]] for c in crystals]
        return collate([self.graphs[c] for c in crystals], absorbers).to(device)


def _described(data: Dataset, sees: Sees) -> Dataset:
    """The sites whose descriptors are seen: those of the rows, or every atom."""
    return every_atom(data) if sees.around else data


def _around(data: Dataset, sees: Sees) -> Surroundings | None:
    return Surroundings.of(data) if sees.around else None


def _graphs(data: Dataset) -> list[Graph]:
    """Of each crystal; one that no row is of has none."""
    used = np.unique(data.crystal_of)
    chosen = (data.crystals[i] for i in used)
    graphs = [NO_GRAPH] * len(data.crystals)
    for i, graph in zip(
        used, stored_graphs(chosen, data.cache, data.structure_hash()[:24]), strict=True
    ):
        graphs[i] = graph
    return graphs
