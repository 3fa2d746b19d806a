"""The kernels of learning compiled ahead of the first prediction."""

from __future__ import annotations

import numpy as np

from ml.cgcnn.graphs import build_graph
from ml.crystals import Crystal, neighbours
from ml.distances import city_block
from ml.scattering import scattering

_ROCKSALT = np.array([[0.0, 2.0, 2.0], [2.0, 0.0, 2.0], [2.0, 2.0, 0.0]])


def compile_kernels() -> None:
    """Ask each for something small, so that what Numba compiles is compiled and kept."""
    import torch

    from ml.cgcnn.messages import gated_sum

    cell = Crystal(_ROCKSALT, np.array([29, 8]), np.array([[0.0] * 3, [0.5] * 3]))
    neighbours(cell, 4.0, np.array([0]))
    scattering(cell, [0])
    graph = build_graph(cell)
    rows = np.ones((2, 3), np.float32)
    city_block(rows, rows)
    n, edges = len(graph.numbers), torch.from_numpy(graph.edges)
    level, weight = torch.zeros(edges.shape[1], dtype=torch.int64), torch.ones(edges.shape[1])
    target, source, bond = (torch.ones(m, 4, requires_grad=True) for m in (n, n, 1))
    said = gated_sum(target, source, bond, edges, level, weight)
    torch.autograd.grad(said.sum(), [target])
