"""What the networks of a kind see of each row, and how rows are put into batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ml.cgcnn import NO_GRAPH, Graph, collate, stored_graphs
from ml.data import Dataset
from ml.distributed import share
from ml.features import Scaler, beside, describe_rows
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
    beside : tuple of str
        With ``around``, descriptors of the site.
    """

    blocks: tuple[str, ...] = ()
    around: bool = False
    beside: tuple[str, ...] = ()

    def of(self, data: Dataset) -> Sees:
        """With what is seen of an absorber of these data beside its descriptors."""
        if self.around:
            return replace(self, beside=beside(data))
        return replace(self, blocks=(*self.blocks, *beside(data))) if self.blocks else self


@dataclass(frozen=True)
class Scaled:
    """Descriptors on the scale of the training rows, which gives them unit variance in the mean,
    as dense layers expect."""

    scaler: Scaler
    gain: float
    matrix: NDArray[np.float32]

    @classmethod
    def learn(cls, data: Dataset, blocks: Sequence[str]) -> Scaled:
        found = describe_rows(data, blocks)
        scaler = Scaler.learn(found, norm=2)
        matrix = scaler.apply(found)
        gain = float(1.0 / max(np.sqrt(np.einsum("nf,nf->", matrix, matrix) / matrix.size), 1e-12))
        matrix *= np.float32(gain)
        return cls(scaler, gain, matrix)

    def again(self, data: Dataset) -> Scaled:
        """Of other rows."""
        matrix = self.scaler.apply(describe_rows(data, tuple(self.scaler.mean)))
        matrix *= np.float32(self.gain)
        return replace(self, matrix=matrix)

    @classmethod
    def of_state(cls, arrays: dict[str, Any], blocks: Sequence[str], gain: float) -> Scaled:
        """Back from a checkpoint, of no rows; the arrays used are taken out of the dictionary."""
        scaler = Scaler.of_arrays(arrays, blocks, norm=2)
        return cls(scaler, gain, np.empty((0, scaler.width), np.float32))


@dataclass
class Inputs:
    """What the networks of a kind see of each row: descriptors of its site, or of all atoms and
    where they lie around it, or graphs.

    Attributes
    ----------
    described : Scaled, optional
        Rows, or with ``around`` all atoms.
    beside : Scaled, optional
        Rows, with ``around``.
    """

    sees: Sees
    described: Scaled | None = None
    beside: Scaled | None = None
    graphs: list[Graph] | None = None  # of each crystal
    around: Surroundings | None = None

    @property
    def width(self) -> int:
        """Numbers known of each row or atom."""
        return 0 if self.described is None else self.described.matrix.shape[1]

    @property
    def width_beside(self) -> int:
        """Numbers known of each row beside its surroundings."""
        return 0 if self.beside is None else self.beside.matrix.shape[1]

    @classmethod
    def prepare(cls, data: Dataset, sees: Sees) -> Inputs:
        """Learn the scale of the descriptors from these rows, and make the inputs."""
        described = Scaled.learn(_described(data, sees), sees.blocks) if sees.blocks else None
        told = Scaled.learn(data, sees.beside) if sees.beside else None
        return cls(sees, described, told, *_places(data, sees))

    def again(self, data: Dataset) -> Inputs:
        """The inputs of other rows, on the same scale."""
        described = self.described and self.described.again(_described(data, self.sees))
        told = self.beside and self.beside.again(data)
        return Inputs(self.sees, described, told, *_places(data, self.sees))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Of the scales, for a checkpoint."""
        found: dict[str, NDArray[Any]] = {}
        for one in (self.described, self.beside):
            found |= {} if one is None else one.scaler.arrays()
        return found

    def meta(self) -> dict[str, Any]:
        """The rest of a checkpoint."""
        return {
            "blocks": list(self.sees.blocks),
            "beside": list(self.sees.beside),
            "gain": 1.0 if self.described is None else self.described.gain,
            "gain_beside": 1.0 if self.beside is None else self.beside.gain,
        }

    @classmethod
    def of_state(cls, sees: Sees, meta: dict[str, Any], arrays: dict[str, Any]) -> Inputs:
        """Back from a checkpoint, of no rows; the arrays used are taken out of the dictionary."""
        sees = replace(
            sees,
            blocks=tuple(meta.get("blocks", sees.blocks)),
            beside=tuple(meta.get("beside", ())),
        )
        described, told = (
            Scaled.of_state(arrays, blocks, meta.get(gain, 1.0)) if blocks else None
            for blocks, gain in ((sees.blocks, "gain"), (sees.beside, "gain_beside"))
        )
        return cls(sees, described, told)

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
        if self.around is None:
            if self.described is not None:
                return to_device(torch.from_numpy(self.described.matrix[part]), device)
            assert self.graphs is not None
            crystals, first = np.unique(data.crystal_of[part], return_index=True)
            crystals = crystals[np.argsort(first)]
            absorbers = [data.site[part[data.crystal_of[part] == c]] for c in crystals]
            return collate([self.graphs[c] for c in crystals], absorbers).to(device)
        if self.described is not None:
            around = stars(data, self.around, self.described.matrix, part)
        else:
            assert self.graphs is not None
            around = graph_stars(data, self.around, self.graphs, part)
        if self.beside is not None:
            around = replace(around, beside=torch.from_numpy(self.beside.matrix[part]))
        return around.to(device)


def _described(data: Dataset, sees: Sees) -> Dataset:
    """The sites whose descriptors are seen: those of the rows, or every atom."""
    return every_atom(data) if sees.around else data


def _places(data: Dataset, sees: Sees) -> tuple[list[Graph] | None, Surroundings | None]:
    """Graphs where nothing else is known of the atoms, and what lies around each absorber."""
    graphs = None if sees.blocks else _graphs(data)
    return graphs, Surroundings.of(data) if sees.around else None


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
