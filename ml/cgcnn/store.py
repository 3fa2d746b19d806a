"""Graphs of many crystals, made once and memory-mapped: none but those of a batch are in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.cgcnn.graphs import Graph, build_graph
from ml.crystals import Crystal
from ml.files import one_at_a_time, whole_or_not

_FIELDS = tuple(field.name for field in fields(Graph))
_KINDS = {"weight": np.dtype(np.float32)}  # the others are int64
_MADE_BY = ("graphs.py", "../crystals.py")


def stored_graphs(crystals: Iterable[Crystal], folder: Path | None, name: str) -> list[Graph]:
    """The graph of each crystal, in their order.

    Parameters
    ----------
    folder : Path, optional
        Where they are kept; None builds them in memory.
    name : str
        Of these very crystals.
    """
    if folder is None:
        return [build_graph(crystal) for crystal in crystals]
    place = folder / f"{name}-graphs-{_code_hash()[:8]}"
    with one_at_a_time(place):
        if not place.exists():
            with whole_or_not(place) as part:
                _write(crystals, part)
    place.touch()  # used: what is not for long is cleared
    return _read(place)


def _write(crystals: Iterable[Crystal], part: Path) -> None:
    part.mkdir(parents=True)
    sizes = []
    files = {field: (part / field).open("wb") for field in _FIELDS}
    try:
        for crystal in crystals:
            graph = build_graph(crystal)
            for field, file in files.items():
                # Edges are kept as pairs, so that a crystal's are one piece of the file.
                values = graph.edges.T if field == "edges" else getattr(graph, field)
                file.write(np.ascontiguousarray(values).tobytes())
            sizes.append((graph.numbers.size, graph.length.size, graph.node.size))
    finally:
        for file in files.values():
            file.close()
    np.save(part / "sizes.npy", np.array(sizes, dtype=np.int64).reshape(-1, 3))


def _read(place: Path) -> list[Graph]:
    sizes = np.load(place / "sizes.npy")
    ends = np.concatenate([np.zeros((1, 3), np.int64), np.cumsum(sizes, axis=0)])
    flat: dict[str, NDArray[Any]] = {}
    for field in _FIELDS:
        flat[field] = _mapped(place / field, _KINDS.get(field, np.dtype(np.int64)))
    graphs = []
    for (c0, e0, n0), (c1, e1, n1) in zip(ends[:-1], ends[1:], strict=True):
        graphs.append(
            Graph(
                numbers=flat["numbers"][c0:c1],
                count=flat["count"][c0:c1],
                edges=flat["edges"][2 * e0 : 2 * e1].reshape(-1, 2).T,
                length=flat["length"][e0:e1],
                weight=flat["weight"][e0:e1],
                node=flat["node"][n0:n1],
            )
        )
    return graphs


def _mapped(path: Path, kind: np.dtype[Any]) -> NDArray[Any]:
    # A plain view: memmap's own slices weigh half a kilobyte each.
    return np.memmap(path, kind, mode="r").view(np.ndarray)


@cache
def _code_hash() -> str:
    """SHA-256 of the code that makes a graph: what is kept was made by the same code."""
    here = Path(__file__).parent
    return hashlib.sha256(b"".join((here / name).read_bytes() for name in _MADE_BY)).hexdigest()
