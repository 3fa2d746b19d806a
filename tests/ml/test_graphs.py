"""Crystal graphs with like atoms joined, against the plain graph of every atom and bond."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ml.cgcnn import STEP, CgcnnNetwork, CgcnnSize, Graph, build_graph, collate, stored_graphs
from ml.cgcnn.messages import gated_sum, gated_sum_plain
from ml.crystals import Crystal, neighbours
from ml.output import Basis
from tests.ml.samples import random_crystal


def spinel() -> Crystal:
    """CuAl2O4 in its cubic cell of 56 atoms, three kinds of sites."""
    from pymatgen.core import Lattice, Structure

    made = Structure.from_spacegroup(
        "Fd-3m",
        Lattice.cubic(8.08),
        ["Cu", "Al", "O"],
        [[0.0] * 3, [0.625] * 3, [0.3873] * 3],
    )
    return Crystal(made.lattice.matrix, np.array(made.atomic_numbers), made.frac_coords)


def plain_graph(crystal: Crystal, cutoff: float = 6.0, max_neighbours: int = 16) -> Graph:
    """A node for every atom and an edge for every bond, one by one."""
    near = neighbours(crystal, cutoff)
    source, target, length = [], [], []
    for i in range(len(crystal.numbers)):
        mine = slice(near.start[i], near.start[i + 1])
        distance = near.distance[mine]
        farthest = distance[min(max_neighbours, distance.size) - 1]
        for j, r in zip(near.atom[mine], distance, strict=True):
            if r <= farthest + 1e-3:
                source.append(j)
                target.append(i)
                length.append(round(r / STEP))
    n = len(crystal.numbers)
    ones = np.ones(n, np.int64)
    weight = np.ones(len(length), np.float32)
    edges = np.array([source, target])
    return Graph(crystal.numbers, ones, edges, np.array(length), weight, np.arange(n))


@pytest.mark.parametrize("crystal", [spinel(), random_crystal(2, 5)])
def test_like_atoms_joined_give_the_spectrum_of_the_plain_graph(crystal: Crystal) -> None:
    torch.manual_seed(0)
    target = np.random.default_rng(0).random((50, 61), np.float32)
    network = CgcnnNetwork(Basis.of(target), CgcnnSize()).eval()
    sites = [list(range(len(crystal.numbers)))]
    joined, plain = build_graph(crystal), plain_graph(crystal)
    assert joined.count.sum() == len(crystal.numbers)
    torch.testing.assert_close(
        network(collate([joined], sites)), network(collate([plain], sites)), atol=2e-4, rtol=2e-3
    )


def test_graphs_are_made_once_and_read_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crystals = [spinel(), random_crystal(1, 3)]
    made = stored_graphs(crystals, tmp_path, "two")
    monkeypatch.setattr("ml.cgcnn.store.build_graph", None)
    for one, crystal in zip(stored_graphs(crystals, tmp_path, "two"), crystals, strict=True):
        for name, values in vars(build_graph(crystal)).items():
            np.testing.assert_array_equal(getattr(one, name), values)
    assert len(made) == 2
    assert [path.name for path in tmp_path.iterdir() if path.suffix not in ("", ".lock")] == []


def test_a_spinel_has_three_nodes() -> None:
    graph = build_graph(spinel())
    assert sorted(zip(graph.numbers.tolist(), graph.count.tolist(), strict=True)) == [
        (8, 32),
        (13, 16),
        (29, 8),
    ]


def test_atoms_with_different_second_shells_stay_apart() -> None:
    """A chain whose two copper atoms have equal nearest neighbours and differ one bond further."""
    frac = np.array([[x / 16, 0, 0] for x in (0, 2, 4.5, 8, 10, 12.8)])
    crystal = Crystal(np.diag([32.0, 20.0, 20.0]), np.array([29, 8, 9, 29, 8, 9]), frac)
    graph = build_graph(crystal, max_neighbours=1)
    assert graph.node[0] == graph.node[3]
    further = build_graph(crystal, cutoff=10.0, max_neighbours=2)
    assert further.node[0] != further.node[3]


def test_the_compiled_sum_and_its_gradient_are_those_of_tensor_operations() -> None:
    torch.manual_seed(1)
    shapes = ((7, 12), (7, 12), (5, 12))
    parts = [(4 * torch.randn(shape)).requires_grad_() for shape in shapes]
    edges, level = torch.randint(0, 7, (2, 30)), torch.randint(0, 5, (30,))
    weight, pull = torch.rand(30), torch.randn(7, 6)
    with torch.no_grad():
        parts[0][0], parts[0][1] = 40.0, -40.0  # far out, where an exponential would overflow
    fast = gated_sum(*parts, edges, level, weight)
    slow = gated_sum_plain(*parts, edges, level, weight)
    torch.testing.assert_close(fast, slow, atol=1e-5, rtol=1e-4)
    for a, b in zip(
        torch.autograd.grad(fast, parts, pull), torch.autograd.grad(slow, parts, pull), strict=True
    ):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)
